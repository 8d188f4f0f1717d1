#include "stats.h"

/* Up to EXACT ms a class is one millisecond; beyond, each doubling has QUARTERS classes. */
enum { EXACT = 32, EXACT_BITS = 5, QUARTERS = 4, QUARTER_BITS = 2 };

static unsigned class_of(int64_t ms)
{
    if (ms < EXACT)
        return ms < 0 ? 0 : (unsigned)ms;
    unsigned bits = 63 - (unsigned)__builtin_clzll((unsigned long long)ms);
    unsigned quarter = (unsigned)(ms >> (bits - QUARTER_BITS)) & (QUARTERS - 1);
    unsigned class = EXACT + (bits - EXACT_BITS) * QUARTERS + quarter;
    return class < HTTP_LATENCIES ? class : HTTP_LATENCIES - 1;
}

/* The longest time in it. */
static int64_t end_of(unsigned class)
{
    if (class < EXACT)
        return class;
    unsigned bits = (class - EXACT) / QUARTERS + EXACT_BITS;
    unsigned quarter = (class - EXACT) % QUARTERS;
    return ((int64_t)(QUARTERS + quarter + 1) << (bits - QUARTER_BITS)) - 1;
}

int64_t http_stats_latency_ms(const struct http_stats *stats, unsigned percent)
{
    uint64_t counts[HTTP_LATENCIES];
    uint64_t total = 0;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HTTP_LATENCIES; i++)
        total += counts[i] = atomic_load(&stats->latencies[i]);
    for (unsigned i = 0; i < HTTP_LATENCIES; i++) {
        seen += counts[i];
        if (total > 0 && seen * 100 >= total * percent)
            return end_of(i);
    }
    return -1;
}

void http_stats_failed(struct http_stats *stats, enum vp_reason reason)
{
    if (stats != NULL)
        atomic_fetch_add(&stats->by_reason[reason], 1);
}

void http_stats_count(struct http_stats *stats, const struct http_exchange *exchange)
{
    if (stats == NULL)
        return;
    if (exchange->error.reason != VP_REASON_NONE) {
        http_stats_failed(stats, exchange->error.reason);
        return;
    }
    unsigned status = exchange->status > 0 && exchange->status < HTTP_STATUS_END ? (unsigned)exchange->status : 0;
    atomic_fetch_add(&stats->by_status[status], 1);
    atomic_fetch_add(&stats->latencies[class_of(exchange->took_ms)], 1);
}

static atomic_uint *gauge(struct http_stats *stats, enum http_job_state state)
{
    switch (state) {
    case HTTP_JOB_RUNNING:
        return &stats->in_flight;
    case HTTP_JOB_QUEUED:
    case HTTP_JOB_PAUSED:
        return &stats->queued;
    case HTTP_JOB_DONE:
        break;
    }
    return NULL;
}

void http_stats_move(struct http_stats *stats, enum http_job_state from, enum http_job_state to)
{
    if (stats == NULL)
        return;
    atomic_uint *left = gauge(stats, from);
    atomic_uint *entered = gauge(stats, to);
    if (left != NULL)
        atomic_fetch_sub(left, 1);
    if (entered != NULL)
        atomic_fetch_add(entered, 1);
}
