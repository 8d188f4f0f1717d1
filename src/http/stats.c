#include "stats.h"

/* Up to EXACT ms a class is one millisecond; beyond, each doubling has QUARTERS classes. The last time in a class
 * is a round one: 40, 48, 56, 64, 80 ms and so on. */
enum { EXACT = 32, EXACT_BITS = 5, QUARTERS = 4, QUARTER_BITS = 2 };

/* Doublings of 5 ms for as long as answers may take; each is the end of a class. */
const int64_t HTTP_BOUNDS_MS[HTTP_BOUNDS] = { 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 20480, 40960 };

static unsigned class_of(int64_t ms)
{
    if (ms <= EXACT)
        return ms < 0 ? 0 : (unsigned)ms;
    unsigned long long before = (unsigned long long)ms - 1;
    unsigned bits = 63 - (unsigned)__builtin_clzll(before);
    unsigned quarter = (unsigned)(before >> (bits - QUARTER_BITS)) & (QUARTERS - 1);
    unsigned class = EXACT + 1 + (bits - EXACT_BITS) * QUARTERS + quarter;
    return class < HTTP_LATENCIES ? class : HTTP_LATENCIES - 1;
}

/* The longest time in it. */
static int64_t end_of(unsigned class)
{
    if (class <= EXACT)
        return class;
    unsigned bits = (class - EXACT - 1) / QUARTERS + EXACT_BITS;
    unsigned quarter = (class - EXACT - 1) % QUARTERS;
    return (int64_t)(QUARTERS + quarter + 1) << (bits - QUARTER_BITS);
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

uint64_t http_stats_within(const struct http_stats *stats, uint64_t ret_within[HTTP_BOUNDS])
{
    uint64_t seen = 0;
    unsigned next = 0;
    for (unsigned i = 0; i < HTTP_BOUNDS; i++) {
        for (; next <= class_of(HTTP_BOUNDS_MS[i]); next++)
            seen += atomic_load(&stats->latencies[next]);
        ret_within[i] = seen;
    }
    for (; next < HTTP_LATENCIES; next++)
        seen += atomic_load(&stats->latencies[next]);
    return seen;
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
    if (exchange->took_ms > 0)
        atomic_fetch_add_explicit(&stats->latency_sum_ms, (uint64_t)exchange->took_ms, memory_order_relaxed);
}

void http_stats_in_flight(struct http_stats *stats, int change)
{
    if (stats != NULL)
        atomic_fetch_add(&stats->in_flight, (unsigned)change);
}
