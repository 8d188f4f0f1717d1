/* Counters of a mount's requests: what is counted where, and what the classes of latency tell. */
#include "check.h"
#include "stats.h"

static struct http_stats stats;

static int set_up(void **state)
{
    (void)state;
    memset(&stats, 0, sizeof stats);
    return 0;
}

static void answered(int status, int64_t took_ms)
{
    const struct http_exchange exchange = { .status = status, .took_ms = took_ms };
    http_stats_count(&stats, &exchange);
}

TEST(before_the_first_answer_there_is_no_latency)
{
    EXPECT_INT(-1, http_stats_latency_ms(&stats, 50));
    http_stats_failed(&stats, VP_REASON_UPSTREAM_TIMEOUT);
    EXPECT_INT(-1, http_stats_latency_ms(&stats, 99));
}

TEST(each_end_of_a_try_is_counted_once)
{
    struct http_exchange failed = { .error = { .reason = VP_REASON_UPSTREAM_DNS } };
    answered(200, 3);
    answered(200, 5);
    answered(503, 1);
    http_stats_count(&stats, &failed);
    http_stats_failed(&stats, VP_REASON_OVERLOADED);
    EXPECT_INT(2, atomic_load(&stats.by_status[200]));
    EXPECT_INT(1, atomic_load(&stats.by_status[503]));
    EXPECT_INT(1, atomic_load(&stats.by_reason[VP_REASON_UPSTREAM_DNS]));
    EXPECT_INT(1, atomic_load(&stats.by_reason[VP_REASON_OVERLOADED]));
    EXPECT_INT(3, http_stats_latency_ms(&stats, 50));
    EXPECT_INT(5, http_stats_latency_ms(&stats, 99));
}

TEST(a_status_that_is_none_is_still_counted)
{
    answered(-1, 0);
    answered(HTTP_STATUS_END, 0);
    EXPECT_INT(2, atomic_load(&stats.by_status[0]));
}

TEST(a_latency_is_told_to_a_quarter_and_never_too_short)
{
    static const int64_t MS[] = { 0, 1, 31, 32, 33, 40, 41, 63, 64, 65, 100, 999, 1000, 9999, 60000, 100000, 131072 };
    for (size_t i = 0; i < sizeof MS / sizeof MS[0]; i++) {
        memset(&stats, 0, sizeof stats);
        answered(200, MS[i]);
        int64_t told = http_stats_latency_ms(&stats, 50);
        EXPECT(told >= MS[i]);
        EXPECT(told <= MS[i] + MS[i] / 4);
    }
}

TEST(of_a_hundred_the_slowest_two_are_beyond_the_99th)
{
    for (int i = 0; i < 98; i++)
        answered(200, 10);
    answered(200, 20);
    answered(200, 30);
    EXPECT_INT(10, http_stats_latency_ms(&stats, 50));
    EXPECT_INT(20, http_stats_latency_ms(&stats, 99));
    EXPECT_INT(30, http_stats_latency_ms(&stats, 100));
}

TEST(a_count_by_bound_is_exact_at_its_bound)
{
    for (size_t bound = 0; bound < HTTP_BOUNDS; bound++) {
        uint64_t within[HTTP_BOUNDS];
        memset(&stats, 0, sizeof stats);
        answered(200, HTTP_BOUNDS_MS[bound] - 1);
        answered(200, HTTP_BOUNDS_MS[bound]);
        answered(200, HTTP_BOUNDS_MS[bound] + 1);
        EXPECT_INT(3, http_stats_within(&stats, within));
        for (size_t i = 0; i < HTTP_BOUNDS; i++)
            EXPECT_INT(i < bound ? 0 : i == bound ? 2 : 3, within[i]);
    }
}

TEST(counts_by_bound_are_what_counting_one_by_one_gives)
{
    uint64_t want[HTTP_BOUNDS] = { 0 };
    uint64_t within[HTTP_BOUNDS];
    uint64_t n = 0;
    uint64_t sum = 0;
    for (int64_t ms = 0; ms < 200000; ms += 1 + ms / 50, n++) {
        answered(200, ms);
        sum += (uint64_t)ms;
        for (size_t i = 0; i < HTTP_BOUNDS; i++)
            want[i] += ms <= HTTP_BOUNDS_MS[i];
    }
    EXPECT_INT(n, http_stats_within(&stats, within));
    EXPECT(want[0] == 6 && want[HTTP_BOUNDS - 1] < n);
    for (size_t i = 0; i < HTTP_BOUNDS; i++)
        EXPECT_INT(want[i], within[i]);
    EXPECT_INT(sum, atomic_load(&stats.latency_sum_ms));
}

TEST(what_was_not_answered_took_no_time_and_neither_does_a_clock_that_went_back)
{
    uint64_t within[HTTP_BOUNDS];
    struct http_exchange failed = { .error = { .reason = VP_REASON_UPSTREAM_TIMEOUT }, .took_ms = 10000 };
    http_stats_count(&stats, &failed);
    EXPECT_INT(0, http_stats_within(&stats, within));
    answered(200, -5);
    answered(200, INT64_MAX);
    EXPECT_INT(2, http_stats_within(&stats, within));
    EXPECT(within[0] == 1 && within[HTTP_BOUNDS - 1] == 1);
    EXPECT(atomic_load(&stats.latency_sum_ms) == (uint64_t)INT64_MAX);
}

TEST(the_gauge_follows_tries_from_their_beginning_to_their_end)
{
    http_stats_in_flight(&stats, 1);
    http_stats_in_flight(&stats, 1);
    EXPECT_INT(2, atomic_load(&stats.in_flight));
    http_stats_in_flight(&stats, -1);
    http_stats_in_flight(&stats, -1);
    EXPECT_INT(0, atomic_load(&stats.in_flight));
}

TEST(nobody_counting_is_fine)
{
    const struct http_exchange exchange = { .status = 200 };
    http_stats_count(NULL, &exchange);
    http_stats_failed(NULL, VP_REASON_INTERNAL);
    http_stats_in_flight(NULL, 1);
}

#define FRESH(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest cases[] = {
        FRESH(before_the_first_answer_there_is_no_latency),
        FRESH(each_end_of_a_try_is_counted_once),
        FRESH(a_status_that_is_none_is_still_counted),
        FRESH(a_latency_is_told_to_a_quarter_and_never_too_short),
        FRESH(of_a_hundred_the_slowest_two_are_beyond_the_99th),
        FRESH(a_count_by_bound_is_exact_at_its_bound),
        FRESH(counts_by_bound_are_what_counting_one_by_one_gives),
        FRESH(what_was_not_answered_took_no_time_and_neither_does_a_clock_that_went_back),
        FRESH(the_gauge_follows_tries_from_their_beginning_to_their_end),
        FRESH(nobody_counting_is_fine),
    };
    return cmocka_run_group_tests_name("http_stats", cases, NULL, NULL);
}
