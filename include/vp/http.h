/* HTTPS requests. The thread that asks drives its own transfers and blocks until they are answered.
 *
 * The only user of libcurl. HTTP/1.1 over TLS 1.2 or newer, verified always, no proxy, no redirect,
 * no cookie, no compression. Knows nothing of Arvados or Vault. All functions may be called from
 * any thread, except where said. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vp/buf.h"
#include "vp/cancel.h"
#include "vp/error.h"
#include "vp/secret.h"

/* libcurl's set-up for the process. Outlives its sites. */
struct http_client;

/* VP_REASON_INTERNAL: libcurl lacks an option that we rely on, or no memory. Not while other
 * threads use libcurl. */
VP_MUST_USE enum vp_code http_client_new(struct http_client **ret_client, struct vp_error *err);
void http_client_free(struct http_client *client); /* after its sites; NULL is fine */

/* "host", "host:port" or "https://host[:port][/]", as admins write it, into its parts.
 * VP_REASON_BAD_REQUEST with words for anything else: another scheme, userinfo, path, query,
 * fragment, control characters, port 0. */
struct http_origin {
    char host[256]; /* lower case; an IPv6 address in brackets */
    uint16_t port;  /* 443 unless given */
    bool plain;     /* without TLS: never but from http_origin_parse_near() */
};
VP_MUST_USE enum vp_code http_origin_parse(const char *text, struct http_origin *ret_origin, struct vp_error *err);

/* The same, and besides "http://host[:port][/]" for a host that is this very machine: localhost,
 * 127.x.x.x, [::1]. */
VP_MUST_USE enum vp_code http_origin_parse_near(const char *text, struct http_origin *ret_origin, struct vp_error *err);

/* VP_REASON_BAD_REQUEST when the text holds no certificate, or one that OpenSSL can't read. */
VP_MUST_USE enum vp_code http_check_ca_pem(const char *pem, struct vp_error *err);

/* What became of the requests of one mount, whatever sites it had. Zeroed at the start; any thread.
 * */
enum { HTTP_STATUS_END = 600, HTTP_LATENCIES = 81, HTTP_BOUNDS = 14 };
struct http_stats {
    atomic_uint_least64_t by_status[HTTP_STATUS_END]; /* tries that were answered */
    atomic_uint_least64_t by_reason[VP_REASON_N];     /* tries that were not, and what the full queue refused */
    atomic_uint_least64_t latencies[HTTP_LATENCIES];  /* of the answered ones; see http_stats_latency_ms() */
    atomic_uint_least64_t latency_sum_ms;             /* of these, all together */
    atomic_uint in_flight;
    atomic_uint queued; /* waiting for a turn */
    atomic_uint limit;  /* requests at one time that are allowed now: the site's that changed it last */
};

/* The time within which `percent` of the answers came, to 25 %; -1 before the first answer. */
int64_t http_stats_latency_ms(const struct http_stats *stats, unsigned percent);

/* How many answers took no longer than each of the bounds, exactly; gives the number of all. Read
 * while others count, none is less than the one before it, nor than it was at an earlier read. */
extern const int64_t HTTP_BOUNDS_MS[HTTP_BOUNDS]; /* ascending */
uint64_t http_stats_within(const struct http_stats *stats, uint64_t ret_within[HTTP_BOUNDS]);

/* One server as one mount sees it: where, whom to trust, how much at a time. */
struct http_site;

struct http_site_options {
    struct http_origin origin;
    const char *ca_pem;          /* NULL: the first system bundle that exists */
    const char *tls_server_name; /* NULL: the host. The name that the certificate must have, and the SNI */
    const char *client_cert;     /* PEM file, shown to a server that asks for one; NULL: none */
    const char *client_key;      /* PEM file of its key; NULL: in client_cert */
    unsigned max_concurrent;     /* upper bound of transfers at one time, see limit.h; more wait in a queue */
    unsigned max_queued;         /* length of that queue; past it VP_REASON_OVERLOADED */
    unsigned max_retries;        /* extra tries per exchange for failed connections and 5xx */
    bool has_standbys;           /* see below */
    struct http_stats *stats;    /* borrowed, outlives the site; NULL: nobody counts */
    const char *user_agent;      /* a constant; NULL: the plugin's name */
};

/* Copies what it keeps. Freeing is for when no round is under way on it.
 *
 * has_standbys: a 307 comes from a node that can't reach its leader. It is an answer then, tried
 * again like a 5xx; and neither it nor a 503 says that nothing was done, so they alone make nobody
 * repeat what is not repeatable. */
VP_MUST_USE enum vp_code http_site_new(struct http_client *client, const struct http_site_options *options,
                                       struct http_site **ret_site, struct vp_error *err);
void http_site_free(struct http_site *site);

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_DELETE };

/* A header line of a request; its value is one of the two. Visible ASCII and inner spaces only:
 * asserted. */
struct http_header {
    const char *name;
    const char *text;
    const struct vp_secret *secret;
};

/* One request and what came of it. */
struct http_exchange {
    /* in, borrowed for the round */
    enum http_method method;
    const struct vp_buf *sent_body;    /* JSON; NULL: none, as for HTTP_GET */
    const struct http_header *headers; /* `n_headers` of them */
    size_t n_headers;
    bool
        repeatable; /* doing it twice does no harm. Others than HTTP_GET and these are tried again only if the server can't
                      * have begun with them: no connection came about, or it says 429 or 503 */
    bool once;      /* tried once only, whatever comes of it */
    bool unique;    /* the server refuses a second one, so libcurl may resend it when a kept connection breaks */
    bool may_redirect;              /* a 3xx is an answer as others are; it is not followed either */
    const char *target;             /* path and query, already escaped; starts with '/' */
    const struct vp_secret *bearer; /* sent as "Authorization: Bearer ..."; NULL: none */
    const char *request_id;         /* sent as X-Request-Id if it is made of [A-Za-z0-9._:-]; NULL: none */
    size_t body_max;                /* bytes */
    bool shared; /* asked with credentials of ours, not of one caller: a 429 then pauses all requests of the site */

    /* out, cleared by http_exchange_clear() */
    struct vp_error error; /* reason NONE: an HTTP answer came, whatever its status */
    int status;
    struct vp_buf body;
    unsigned tries;
    int64_t took_ms; /* the last try */
};

/* Under what terms a round is made. */
struct http_terms {
    int64_t deadline_ms;      /* of VP_CLOCK_SYSTEM.monotonic_ms; waiting for a turn counts */
    struct vp_cancel *cancel; /* may be NULL */
    bool yields;              /* waits behind the rounds that do not, which also have some turns of their own */
};

enum { HTTP_ROUND_MAX = 16 }; /* exchanges */

/* Runs the exchanges in parallel, as far as the site's limit allows. Blocks.
 *
 * VP_OK: each exchange was answered (look at its status). Else the failure of the first one in
 * order that was not, also in its own `error`: upstream_unreachable, upstream_timeout,
 * upstream_tls, upstream_dns, upstream_bad_answer (too big, encoded, redirect (3xx, but see
 * has_standbys), no HTTP), overloaded (it never got a turn), cancelled. Answers of 429 and 5xx are
 * tried again `max_retries` times with a jittered pause while the time lasts, failed connections
 * also; the last one counts as an answer. A 503 whose body is empty is how an overloaded Arvados
 * answers; it is tried again in the same way. */
VP_MUST_USE enum vp_code http_round(struct http_site *site, struct http_exchange *exchanges, size_t n,
                                    const struct http_terms *terms, struct vp_error *err);

/* Wipes and frees the outcome. */
void http_exchange_clear(struct http_exchange *exchange);

/* Appends `text` percent-encoded for use in a query (everything but RFC 3986 unreserved). */
void http_escape_add(struct vp_buf *target, const char *text);
