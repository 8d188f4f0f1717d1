/* One request, or one parallel round of requests, driven from beginning to end by the thread that
 * asks for it.
 *
 * The thread waits for turns of its site (limit.h), borrows a curl_multi with its connections
 * (site.h), drives the transfers and gives both back. Nothing of a round is shared with other
 * threads but two things: its place in the queue, which the limit's lock guards, and `cancelled`
 * and `multi`, through which another thread ends it early. */
#include <assert.h>
#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "vp/clock.h"

#include "easy.h"
#include "stats.h"

enum {
    PAUSE_FIRST_MS = 100, /* before the second try, plus or minus half; doubles from try to try */
    PAUSE_DOUBLINGS_MAX = 4,
    POLL_MAX_MS = 1000, /* how late a cancellation can be whose wake-up failed */
};

struct item {
    struct http_exchange *exchange;
    struct http_try *attempt; /* while it runs */
    unsigned epoch;           /* the limit's when it began */
    int64_t started_ms;
    int64_t due_ms; /* when it may be tried */
    bool done;
};

struct round {
    struct http_site *site;
    int64_t deadline_ms;
    struct item items[HTTP_ROUND_MAX];
    size_t n;
    size_t n_running;
    struct http_bundle *bundle; /* NULL before the first turn */
    struct http_visit visit;

    atomic_bool cancelled;  /* set by the thread that cancels, which then wakes this one */
    _Atomic(CURLM *) multi; /* the bundle's. Set before `cancelled` is looked at, so one of the two sees the other */
};

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Called at most once, by another thread, and never after vp_cancel_unlisten(). */
static void cancel(void *context)
{
    struct round *round = context;
    atomic_store(&round->cancelled, true);
    CURLM *multi = atomic_load(&round->multi);
    if (multi != NULL)
        (void)curl_multi_wakeup(multi);
    http_limit_cancel(&round->site->limit, &round->visit);
}

/* ---- the end of a try ---- */

static bool is_pending(const struct item *item, int64_t now)
{
    return !item->done && item->attempt == NULL && item->due_ms <= now;
}

static unsigned count_pending(const struct round *round, int64_t now)
{
    unsigned n = 0;
    for (size_t i = 0; i < round->n; i++)
        n += is_pending(&round->items[i], now);
    return n;
}

/* What a login's token brings concerns that login alone. A 503 is about the server, and the service
 * token's answers are about the mount. */
static enum http_sign sign_of(const struct http_exchange *exchange)
{
    if (exchange->status >= HTTP_SERVER_ERROR && exchange->status != HTTP_UNAVAILABLE)
        return HTTP_SIGN_NONE;
    if (exchange->status != 0 && !http_says_busy(exchange->status))
        return HTTP_SIGN_GOOD;
    if (exchange->status != 0)
        return exchange->status == HTTP_UNAVAILABLE || exchange->shared ? HTTP_SIGN_CLOSE : HTTP_SIGN_BUSY;
    return exchange->error.reason == VP_REASON_UPSTREAM_TIMEOUT ? HTTP_SIGN_SLOW : HTTP_SIGN_NONE;
}

/* The turn goes on to the next request of the round, unless the server wants fewer. */
static void end_try(struct round *round, struct item *item, enum http_sign sign, int64_t pause_ms)
{
    int64_t now = now_ms();
    bool busy = sign == HTTP_SIGN_BUSY || sign == HTTP_SIGN_CLOSE;
    size_t n_spare = round->visit.n_turns - round->n_running; /* without this one */
    (void)curl_multi_remove_handle(round->bundle->multi, http_try_handle(item->attempt));
    http_try_free(item->attempt);
    item->attempt = NULL;
    round->n_running--;
    http_stats_in_flight(round->site->stats, -1);
    http_limit_sign(&round->site->limit, &round->visit, sign, item->epoch, now - item->started_ms, pause_ms,
                    !busy && count_pending(round, now) > n_spare);
}

/* Between half of the doubling pause and one and a half of it, so that callers don't come back all
 * at once. */
static int64_t jittered_pause_ms(const struct item *item)
{
    unsigned doublings = item->exchange->tries - 1;
    int64_t pause_ms = (int64_t)PAUSE_FIRST_MS << (doublings < PAUSE_DOUBLINGS_MAX ? doublings : PAUSE_DOUBLINGS_MAX);
    unsigned seed = (unsigned)now_ms() ^ (unsigned)(uintptr_t)item->exchange;
    return pause_ms / 2 + rand_r(&seed) % pause_ms;
}

/* libcurl is through with it. What it brought stays unless another try fits into the time. */
static void take_outcome(struct round *round, struct item *item, CURLcode code)
{
    int64_t asked_ms = 0;
    bool worth_another = http_try_finish(item->attempt, code, &asked_ms);
    http_stats_count(round->site->stats, item->exchange);
    item->due_ms = now_ms() + later(asked_ms, jittered_pause_ms(item));
    item->done =
        !worth_another || item->exchange->tries > round->site->max_retries || item->due_ms >= round->deadline_ms;
    end_try(round, item, sign_of(item->exchange), asked_ms);
}

static void take_outcomes(struct round *round)
{
    int n_left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(round->bundle->multi, &n_left)) != NULL) {
        struct item *item = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        /* What can't be told apart stays until its deadline. */
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &item) == CURLE_OK && item != NULL)
            take_outcome(round, item, code);
    }
}

/* Ends the request without asking the server any further. One that waits for another try keeps what
 * the last one brought. */
static void give_up(struct round *round, struct item *item, enum vp_reason reason, const char *words)
{
    bool was_running = item->attempt != NULL;
    item->done = true;
    if (!was_running && item->exchange->tries > 0 && reason != VP_REASON_CANCELLED)
        return;
    if (was_running)
        end_try(round, item, reason == VP_REASON_UPSTREAM_TIMEOUT ? HTTP_SIGN_SLOW : HTTP_SIGN_NONE, 0);
    if (was_running || reason == VP_REASON_OVERLOADED)
        http_stats_failed(round->site->stats, reason);
    http_exchange_clear(item->exchange);
    (void)vp_fail(&item->exchange->error, reason, "%s", words);
    vp_error_add_detail(&item->exchange->error, "%s, %u tries", round->site->host_and_port, item->exchange->tries);
}

static void give_up_all(struct round *round, enum vp_reason reason, const char *words)
{
    for (size_t i = 0; i < round->n; i++)
        if (!round->items[i].done)
            give_up(round, &round->items[i], reason, words);
}

/* ---- the beginning of a try ---- */

static void start(struct round *round, struct item *item, int64_t now)
{
    struct vp_error error = { 0 };
    enum vp_code code = VP_OK;
    if (round->bundle == NULL)
        code = http_site_borrow(round->site, &round->bundle, &error);
    if (code == VP_OK) {
        atomic_store(&round->multi, round->bundle->multi);
        code = http_try_new(round->site, round->bundle, item->exchange, round->deadline_ms - now, item, &item->attempt,
                            &error);
    }
    if (code != VP_OK) {
        item->exchange->error = error;
        item->done = true;
        return;
    }
    item->exchange->tries++;
    item->started_ms = now;
    item->epoch = round->visit.epoch;
    round->n_running++;
    http_stats_in_flight(round->site->stats, 1);
    if (curl_multi_add_handle(round->bundle->multi, http_try_handle(item->attempt)) != CURLM_OK)
        give_up(round, item, VP_REASON_INTERNAL, "libcurl did not take a request");
}

/* Turns for what is due. Waits for them, unless something runs that must be driven meanwhile. */
static bool get_turns(struct round *round, int64_t now)
{
    struct http_limit *limit = &round->site->limit;
    round->visit.n_wanted = count_pending(round, now);
    if (round->n_running > 0)
        return http_limit_try_enter(limit, &round->visit);
    enum vp_reason reason = http_limit_enter(limit, &round->visit);
    if (reason == VP_REASON_OVERLOADED)
        give_up_all(round, reason, "too many requests wait for the server already");
    else if (reason == VP_REASON_UPSTREAM_BUSY)
        give_up_all(round, reason, "the server is overloaded, and its pause does not end in time");
    return reason == VP_REASON_NONE;
}

static void start_pending(struct round *round, int64_t now)
{
    if (count_pending(round, now) == 0 || (round->visit.n_turns == round->n_running && !get_turns(round, now)))
        return;
    now = now_ms();
    for (size_t i = 0; i < round->n && round->n_running < round->visit.n_turns && now < round->deadline_ms; i++)
        if (is_pending(&round->items[i], now))
            start(round, &round->items[i], now);
}

/* ---- the round ---- */

static bool is_done(const struct round *round)
{
    for (size_t i = 0; i < round->n; i++)
        if (!round->items[i].done)
            return false;
    return true;
}

/* How long nothing but the network and a wake-up can matter. libcurl knows its own timers. */
static int poll_ms(const struct round *round, int64_t now)
{
    int64_t until_ms = now + POLL_MAX_MS;
    if (round->deadline_ms < until_ms)
        until_ms = round->deadline_ms;
    for (size_t i = 0; i < round->n; i++) {
        const struct item *item = &round->items[i];
        if (!item->done && item->attempt == NULL && item->due_ms > now && item->due_ms < until_ms)
            until_ms = item->due_ms;
    }
    return until_ms > now ? (int)(until_ms - now) : 0;
}

static void transfer(struct round *round)
{
    int n_running = 0;
    CURLM *multi = round->bundle->multi;
    size_t n_before = round->n_running;
    (void)curl_multi_perform(multi, &n_running);
    take_outcomes(round);
    if (!is_done(round) && round->n_running == n_before && !atomic_load(&round->cancelled))
        (void)curl_multi_poll(multi, NULL, 0, poll_ms(round, now_ms()), NULL);
}

static void drive(struct round *round)
{
    while (!is_done(round)) {
        int64_t now = now_ms();
        if (atomic_load(&round->cancelled))
            give_up_all(round, VP_REASON_CANCELLED, "no client waits for the answer any more");
        else if (round->deadline_ms <= now)
            give_up_all(round, VP_REASON_UPSTREAM_TIMEOUT, "the server did not answer in time");
        else
            start_pending(round, now);
        if (round->bundle != NULL && !is_done(round))
            transfer(round);
    }
}

static void clear(struct round *round)
{
    if (round->visit.n_turns > 0)
        http_limit_leave(&round->site->limit, &round->visit, round->visit.n_turns);
    if (round->bundle != NULL)
        http_site_give_back(round->site, round->bundle);
    (void)pthread_cond_destroy(&round->visit.changed);
}

static enum vp_code first_failure(const struct http_exchange *exchanges, size_t n, struct vp_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (exchanges[i].error.reason != VP_REASON_NONE) {
            *err = exchanges[i].error;
            return vp_reason_code(exchanges[i].error.reason);
        }
    return VP_OK;
}

enum vp_code http_round(struct http_site *site, struct http_exchange *exchanges, size_t n,
                        const struct http_terms *terms, struct vp_error *err)
{
    assert(n <= HTTP_ROUND_MAX);
    struct round round = {
        .site = site,
        .deadline_ms = terms->deadline_ms,
        .n = n,
        .visit = { .yields = terms->yields, .deadline_ms = terms->deadline_ms, .changed = PTHREAD_COND_INITIALIZER },
    };
    for (size_t i = 0; i < n; i++) {
        exchanges[i].tries = 0;
        exchanges[i].took_ms = 0;
        http_exchange_clear(&exchanges[i]);
        round.items[i] = (struct item){ .exchange = &exchanges[i] };
    }
    vp_cancel_listen(terms->cancel, cancel, &round);
    drive(&round);
    vp_cancel_unlisten(terms->cancel);
    clear(&round);
    return first_failure(exchanges, n, err);
}

void http_exchange_clear(struct http_exchange *exchange)
{
    vp_buf_clear(&exchange->body);
    exchange->error = (struct vp_error){ 0 };
    exchange->status = 0;
}
