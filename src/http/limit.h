/* The adaptive limit of a site: how many requests run at the server at one time, who waits for a
 * turn, and the shared pause.
 *
 * A round asks for one turn for each of its requests and waits until it has at least one. The limit
 * starts at 8. It grows by one for each full round of good answers while others wait, and is halved
 * at most once a round trip by an answer 429 or 503 and by a timeout. Two classes of rounds wait:
 * those that yield (logins) get only what the others (renewals, administrators) leave. The others
 * have some turns of their own, so requests that hang at the server don't hold them up.
 *
 * All functions may be called from any thread. One lock guards everything here; it is held for
 * pointer work only. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vp/http.h"

/* What the end of a try says about the server. */
enum http_sign {
    HTTP_SIGN_NONE,  /* nothing: no connection, cancelled, or too little time to tell */
    HTTP_SIGN_GOOD,  /* it answers */
    HTTP_SIGN_BUSY,  /* 429 or 503, which concerns this request only */
    HTTP_SIGN_CLOSE, /* the same, and nobody may ask for a while */
    HTTP_SIGN_SLOW,  /* no answer in time */
};

/* A round that waits for turns, or holds some. Lives on the stack of the thread that drives the
 * round. */
struct http_visit {
    /* constant during a wait */
    bool yields;
    unsigned n_wanted;
    int64_t deadline_ms;

    /* guarded by the limit's lock; the last two are the round's own while it does not wait */
    enum { HTTP_VISIT_OUTSIDE, HTTP_VISIT_WAITING, HTTP_VISIT_ADMITTED, HTTP_VISIT_REFUSED } state;
    bool cancelled;
    bool waited;
    unsigned n_turns; /* held */
    unsigned epoch;   /* the limit's when the last of them was given */
    pthread_cond_t changed;
    struct http_visit *next, *previous;
};

enum { HTTP_N_CLASSES = 2 };

struct http_limit {
    unsigned max;     /* constant: turns at one time */
    unsigned reserve; /* constant: turns that no round which yields gets */
    unsigned max_queued;
    struct http_stats *stats; /* may be NULL */

    pthread_mutex_t lock; /* guards all below, and what a visit says */
    unsigned limit;       /* in force */
    unsigned n_good;      /* good answers since it last changed, while others waited */
    unsigned epoch;       /* counts halvings and pauses: what began before the last one says nothing new */
    unsigned n_running[HTTP_N_CLASSES]; /* turns that are held: [1] by rounds that yield */
    unsigned n_queued;                  /* turns that are waited for */
    struct http_visit *first[HTTP_N_CLASSES], *last[HTTP_N_CLASSES];
    int64_t closed_until_ms; /* monotonic: nobody gets a turn before */
    unsigned n_busy;         /* pauses in a row. Above 0 the next turn is a probe, for which the others wait */
    int64_t average_ms;      /* of good answers; 0: none came yet */
};

void http_limit_init(struct http_limit *limit, unsigned max, unsigned max_queued, struct http_stats *stats);
void http_limit_clear(struct http_limit *limit);

/* Waits for a turn and takes up to visit->n_wanted of them. VP_REASON_NONE:
 * visit->n_turns are held, at least one. VP_REASON_OVERLOADED: the queue is full, the deadline came
 * first, or there is too little time left for an answer. VP_REASON_UPSTREAM_BUSY: the same during a
 * pause. VP_REASON_CANCELLED. */
enum vp_reason http_limit_enter(struct http_limit *limit, struct http_visit *visit);

/* The same without waiting: false when there is no turn at once. */
bool http_limit_try_enter(struct http_limit *limit, struct http_visit *visit);

/* Gives back `n` of the turns. */
void http_limit_leave(struct http_limit *limit, struct http_visit *visit, unsigned n);

/* Ends a wait, now or later, with VP_REASON_CANCELLED. */
void http_limit_cancel(struct http_limit *limit, struct http_visit *visit);

/* A try that began in `epoch` on one of the turns has ended after `took_ms`. `pause_ms` counts for
 * HTTP_SIGN_CLOSE: how long the server asks to be left alone (0: it did not say). The turn is given
 * back unless it is kept for another request of the round. */
void http_limit_sign(struct http_limit *limit, struct http_visit *visit, enum http_sign sign, unsigned epoch,
                     int64_t took_ms, int64_t pause_ms, bool keep_turn);
