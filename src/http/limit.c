#include "limit.h"

#include <stdlib.h>
#include <time.h>

#include "vp/clock.h"

enum {
    START = 8,
    RESERVE_MAX = 4,
    RESERVE_FROM = 8,     /* with so many turns the reserve is RESERVE_MAX, below half of them */
    PAUSE_FIRST_MS = 100, /* of a server that asks for none; doubles while it stays busy */
    PAUSE_MAX_MS = 2000,
    PAUSE_DOUBLINGS_MAX = 4,
    AVERAGE_WEIGHT = 8,
    SLOW_FACTOR = 2, /* a timeout within so many average answer times tells nothing */
};

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned left_of(unsigned bound, unsigned used)
{
    return used < bound ? bound - used : 0;
}

void http_limit_init(struct http_limit *limit, unsigned max, unsigned max_queued, struct http_stats *stats)
{
    *limit = (struct http_limit){
        .max = max,
        .reserve = max >= RESERVE_FROM ? RESERVE_MAX : max / 2,
        .max_queued = max_queued,
        .stats = stats,
        .limit = smaller(START, max),
    };
    (void)pthread_mutex_init(&limit->lock, NULL);
    if (stats != NULL)
        atomic_store(&stats->limit, limit->limit);
}

void http_limit_clear(struct http_limit *limit)
{
    (void)pthread_mutex_destroy(&limit->lock);
}

/* ---- the queue; the lock is held ---- */

static void count_queued(struct http_limit *limit, unsigned more, unsigned fewer)
{
    limit->n_queued += more - fewer;
    if (limit->stats != NULL)
        atomic_fetch_add(&limit->stats->queued, more - fewer);
}

static void line_up(struct http_limit *limit, struct http_visit *visit)
{
    struct http_visit **last = &limit->last[visit->yields];
    visit->state = HTTP_VISIT_WAITING;
    visit->next = NULL;
    visit->previous = *last;
    if (*last != NULL)
        (*last)->next = visit;
    else
        limit->first[visit->yields] = visit;
    *last = visit;
    count_queued(limit, visit->n_wanted, 0);
}

static void step_out(struct http_limit *limit, struct http_visit *visit)
{
    if (visit->previous != NULL)
        visit->previous->next = visit->next;
    else
        limit->first[visit->yields] = visit->next;
    if (visit->next != NULL)
        visit->next->previous = visit->previous;
    else
        limit->last[visit->yields] = visit->previous;
    count_queued(limit, 0, visit->n_wanted);
}

static void end_wait(struct http_limit *limit, struct http_visit *visit, unsigned n_turns)
{
    step_out(limit, visit);
    visit->state = n_turns > 0 ? HTTP_VISIT_ADMITTED : HTTP_VISIT_REFUSED;
    visit->n_turns += n_turns;
    visit->epoch = limit->epoch;
    limit->n_running[visit->yields] += n_turns;
    (void)pthread_cond_signal(&visit->changed);
}

/* Turns for another round of that class. All that runs counts against those that yield; the others
 * always have their reserve, as far as `max` goes. */
static unsigned count_free(const struct http_limit *limit, bool yields)
{
    unsigned n_running = limit->n_running[0] + limit->n_running[1];
    if (yields)
        return left_of(smaller(limit->limit, limit->max - limit->reserve), n_running);
    unsigned n_reserved = smaller(left_of(limit->reserve, limit->n_running[0]), left_of(limit->max, n_running));
    unsigned n_shared = left_of(limit->limit, n_running);
    return n_shared > n_reserved ? n_shared : n_reserved;
}

/* What is free, up to what is wanted: the round runs its other requests afterwards, on the same
 * turns. Waiting for more would leave turns unused, for as long as others hang. A probe is one
 * request. */
static unsigned turns_for(const struct http_limit *limit, const struct http_visit *visit)
{
    return smaller(limit->n_busy > 0 ? 1 : visit->n_wanted, count_free(limit, visit->yields));
}

/* What has waited so long that an answer can't come in time would only take a turn from those whose
 * answer can. */
static bool is_hopeless(const struct http_limit *limit, const struct http_visit *visit, int64_t now)
{
    return visit->waited && visit->deadline_ms - now < limit->average_ms;
}

/* Admits who can be admitted, in order. Called whenever a turn may have become free. */
static void admit(struct http_limit *limit, int64_t now)
{
    while (limit->closed_until_ms <= now) {
        struct http_visit *visit = limit->first[0] != NULL ? limit->first[0] : limit->first[1];
        if (visit == NULL)
            return;
        if (is_hopeless(limit, visit, now)) {
            end_wait(limit, visit, 0);
            continue;
        }
        unsigned n_turns = turns_for(limit, visit);
        if (n_turns == 0)
            return;
        /* The others wait for what the probe brings, for a while. */
        if (limit->n_busy > 0)
            limit->closed_until_ms = now + PAUSE_MAX_MS;
        end_wait(limit, visit, n_turns);
    }
}

/* ---- waiting ---- */

static void sleep_until(struct http_limit *limit, struct http_visit *visit, int64_t until_ms)
{
    struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
    (void)pthread_cond_clockwait(&visit->changed, &limit->lock, CLOCK_MONOTONIC, &until);
}

/* The end of a pause wakes nobody: whoever waits looks again then. */
static void wait_for_turns(struct http_limit *limit, struct http_visit *visit)
{
    while (visit->state == HTTP_VISIT_WAITING) {
        int64_t now = now_ms();
        int64_t until_ms = visit->deadline_ms;
        if (visit->cancelled || visit->deadline_ms <= now) {
            end_wait(limit, visit, 0);
            admit(limit, now);
            return;
        }
        if (limit->closed_until_ms > now && limit->closed_until_ms < until_ms)
            until_ms = limit->closed_until_ms;
        visit->waited = true;
        sleep_until(limit, visit, until_ms);
        admit(limit, now_ms());
    }
}

/* All of a round or nothing of it: half of an answer is of no use. */
static bool fits(const struct http_limit *limit, const struct http_visit *visit)
{
    unsigned n_free = count_free(limit, visit->yields);
    return limit->n_queued + visit->n_wanted <= n_free + limit->max_queued;
}

enum vp_reason http_limit_enter(struct http_limit *limit, struct http_visit *visit)
{
    enum vp_reason reason = VP_REASON_OVERLOADED;
    (void)pthread_mutex_lock(&limit->lock);
    if (fits(limit, visit)) {
        line_up(limit, visit);
        admit(limit, now_ms());
        wait_for_turns(limit, visit);
        if (visit->state == HTTP_VISIT_ADMITTED)
            reason = VP_REASON_NONE;
        else if (visit->cancelled)
            reason = VP_REASON_CANCELLED;
        else if (limit->closed_until_ms > now_ms())
            reason = VP_REASON_UPSTREAM_BUSY;
    }
    (void)pthread_mutex_unlock(&limit->lock);
    return reason;
}

bool http_limit_try_enter(struct http_limit *limit, struct http_visit *visit)
{
    (void)pthread_mutex_lock(&limit->lock);
    line_up(limit, visit);
    admit(limit, now_ms());
    bool admitted = visit->state == HTTP_VISIT_ADMITTED;
    if (visit->state == HTTP_VISIT_WAITING)
        end_wait(limit, visit, 0);
    (void)pthread_mutex_unlock(&limit->lock);
    return admitted;
}

void http_limit_leave(struct http_limit *limit, struct http_visit *visit, unsigned n)
{
    (void)pthread_mutex_lock(&limit->lock);
    visit->n_turns -= n;
    limit->n_running[visit->yields] -= n;
    admit(limit, now_ms());
    (void)pthread_mutex_unlock(&limit->lock);
}

void http_limit_cancel(struct http_limit *limit, struct http_visit *visit)
{
    (void)pthread_mutex_lock(&limit->lock);
    visit->cancelled = true;
    (void)pthread_cond_signal(&visit->changed);
    (void)pthread_mutex_unlock(&limit->lock);
}

/* ---- what answers do to the limit ---- */

static void set_limit(struct http_limit *limit, unsigned value)
{
    limit->limit = value;
    limit->n_good = 0;
    if (limit->stats != NULL)
        atomic_store(&limit->stats->limit, value);
}

static void take_good(struct http_limit *limit, bool was_probe, int64_t took_ms)
{
    int64_t average_ms = limit->average_ms;
    limit->average_ms = average_ms == 0 ? took_ms : average_ms + (took_ms - average_ms) / AVERAGE_WEIGHT;
    if (was_probe)
        limit->n_busy = 0;
    if (limit->n_queued == 0 || ++limit->n_good < limit->limit)
        return;
    set_limit(limit, smaller(limit->limit + 1, limit->max));
}

static void halve(struct http_limit *limit)
{
    limit->epoch++;
    set_limit(limit, limit->limit > 1 ? limit->limit / 2 : 1);
}

static void close_for(struct http_limit *limit, int64_t asked_ms, int64_t now)
{
    unsigned doublings = smaller(limit->n_busy, PAUSE_DOUBLINGS_MAX);
    int64_t pause_ms = (int64_t)PAUSE_FIRST_MS << doublings;
    limit->n_busy++;
    if (asked_ms > pause_ms)
        pause_ms = asked_ms;
    limit->closed_until_ms = now + (pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
}

/* A probe that brought no answer leaves its place to the next one. */
static void take_sign(struct http_limit *limit, enum http_sign sign, bool is_new, int64_t took_ms, int64_t pause_ms,
                      int64_t now)
{
    bool was_probe = is_new && limit->n_busy > 0;
    if (was_probe)
        limit->closed_until_ms = 0;
    switch (sign) {
    case HTTP_SIGN_GOOD:
        take_good(limit, was_probe, took_ms);
        return;
    case HTTP_SIGN_CLOSE:
        if (is_new)
            close_for(limit, pause_ms, now);
        break;
    case HTTP_SIGN_SLOW:
        /* One that began with hardly any time says nothing about the server. */
        is_new = is_new && took_ms >= SLOW_FACTOR * limit->average_ms;
        break;
    case HTTP_SIGN_BUSY:
        break;
    case HTTP_SIGN_NONE:
        return;
    }
    if (is_new)
        halve(limit);
}

void http_limit_sign(struct http_limit *limit, struct http_visit *visit, enum http_sign sign, unsigned epoch,
                     int64_t took_ms, int64_t pause_ms, bool keep_turn)
{
    (void)pthread_mutex_lock(&limit->lock);
    int64_t now = now_ms();
    take_sign(limit, sign, epoch == limit->epoch, took_ms, pause_ms, now);
    if (!keep_turn) {
        visit->n_turns--;
        limit->n_running[visit->yields]--;
    }
    admit(limit, now);
    (void)pthread_mutex_unlock(&limit->lock);
}
