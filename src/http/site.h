/* A server as one mount sees it: its address, its trust, its limit, and a pool of connections.
 *
 * Connections live in bundles. One round at a time uses a bundle, so libcurl needs no lock. */
#pragma once

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdatomic.h>

#include "vp/http.h"

#include "limit.h"

struct http_site {
    /* constant after http_site_new() */
    struct http_client *client;
    char *base_url;                /* "https://<name to verify>:<port>", or http */
    char *host_header;             /* "Host: <real host>[:port]" */
    char *host_and_port;           /* for details of errors */
    struct curl_slist *connect_to; /* NULL unless the name to verify isn't the host */
    X509_STORE *trust;             /* shared by all connections of the site; NULL for http */
    char *client_cert;             /* NULL: none */
    char *client_key;
    char *mark;                    /* no other site has it, see site.c */
    unsigned max_retries;
    bool has_standbys;
    const char *protocol; /* "https", or "http" for a near server */
    const char *user_agent;
    struct http_stats *stats;

    atomic_bool asks_client_cert;  /* the server did, as many do that need none */
    atomic_bool needs_client_cert; /* the server said so, or refused the one that was shown */
    struct http_limit limit; /* has a lock of its own */

    pthread_mutex_t lock;                /* guards the two below */
    struct http_bundle *newest, *oldest; /* idle ones, by their last use */
};

/* A curl_multi with its connections, and handles that are prepared for this site. */
struct http_bundle {
    CURLM *multi;
    struct http_try *idle; /* handles with all that stays the same set, see easy.h */

    /* while in the pool */
    int64_t idle_since_ms;
    struct http_bundle *newer, *older;
};

/* The bundle that was used last, for its connections are most likely alive; or a new one.
 * VP_REASON_INTERNAL: no memory. */
VP_MUST_USE enum vp_code http_site_borrow(struct http_site *site, struct http_bundle **ret_bundle,
                                          struct vp_error *err);
void http_site_give_back(struct http_site *site, struct http_bundle *bundle);
