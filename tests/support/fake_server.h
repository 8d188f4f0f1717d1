/* An HTTPS server on the loopback interface that answers by script, well or badly, in threads of the test program.
 *
 * Certificates are made in memory, each server has a CA of its own. All functions may be called from any thread; wrong
 * use of the script aborts. What is asked without a script gets a 404 with a JSON body. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum fake_profile {
    FAKE_GOOD,        /* for localhost, 127.0.0.1 and api.fake.example */
    FAKE_WRONG_NAME,  /* for other.fake.example only */
    FAKE_EXPIRED,     /* since yesterday */
    FAKE_NOT_YET,     /* from tomorrow on */
    FAKE_SELF_SIGNED, /* for localhost, but not by its CA */
    FAKE_TLS_1_1,     /* good, but speaks nothing newer */
    FAKE_PLAIN,       /* HTTP without TLS */
    FAKE_SILENT,      /* takes connections and says nothing */
    FAKE_HANGS_UP,    /* takes connections and closes them */
};

enum fake_end {
    FAKE_KEEP,  /* the connection is used again */
    FAKE_CLOSE, /* closed properly */
    FAKE_ABORT, /* closed without a word of TLS */
    FAKE_RESET, /* reset */
};

struct fake_server;

struct fake_server *fake_server_new(enum fake_profile profile);
void fake_server_free(struct fake_server *server); /* ends all connections; NULL is fine */

uint16_t fake_server_port(const struct fake_server *server);
const char *fake_server_ca_pem(const struct fake_server *server);

/* ---- script ---- */

/* The answer to targets that begin with `prefix`; the longest prefix that fits wins. Several answers for one prefix are
 * given in turn, the last one again and again. */
void fake_server_answer(struct fake_server *server, const char *prefix, int status, const char *body);

/* The same with further header lines, each ended by CR LF. */
void fake_server_answer_with(struct fake_server *server, const char *prefix, int status, const char *lines,
                             const char *body);

/* These bytes and nothing else. */
void fake_server_raw(struct fake_server *server, const char *prefix, const char *bytes, size_t len, enum fake_end end);

/* `start`, then `piece` for ever. */
void fake_server_endless(struct fake_server *server, const char *prefix, const char *start, const char *piece);

/* They change the answer that was scripted last. */
void fake_server_delay(struct fake_server *server, int ms);                    /* before its first byte */
void fake_server_drip(struct fake_server *server, int ms);                     /* between any two bytes */
void fake_server_cut(struct fake_server *server, size_t n, enum fake_end end); /* after so many bytes */
void fake_server_hold(struct fake_server *server);                             /* until fake_server_release() */

void fake_server_release(struct fake_server *server); /* all that is and will be held */
void fake_server_forget(struct fake_server *server);  /* the script and the record, not the connections */

/* ---- record ---- */

size_t fake_server_count(struct fake_server *server, const char *prefix);        /* requests so far */
void fake_server_wait(struct fake_server *server, const char *prefix, size_t n); /* for at least n requests */
size_t fake_server_connections(struct fake_server *server);
size_t fake_server_resumed(struct fake_server *server); /* of them those without a certificate, by an earlier session */
size_t fake_server_most_at_once(struct fake_server *server); /* requests without an answer yet */

/* The head of the last request, CR LF and all, with a line "X-Seen-Sni: name" at its end; "" when there is none. Valid
 * until the server is freed. */
const char *fake_server_last(struct fake_server *server, const char *prefix);
