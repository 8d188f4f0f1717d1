/* The adaptive limit by itself: who gets a turn, in which order, and what answers do to it. */
#include <pthread.h>
#include <unistd.h>

#include "vp/clock.h"

#include "check.h"
#include "limit.h"

enum { LONG_MS = 60000, QUEUE_MAX = 100 };

static int64_t in_ms(int64_t ms)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + ms;
}

static struct http_visit visit_of(bool yields, unsigned n)
{
    return (struct http_visit){
        .yields = yields, .n_wanted = n, .deadline_ms = in_ms(LONG_MS), .changed = PTHREAD_COND_INITIALIZER
    };
}

/* As many single turns as there are to be had at once. */
static unsigned take_all(struct http_limit *limit, struct http_visit *visit)
{
    unsigned n = 0;
    visit->n_wanted = 1;
    while (http_limit_try_enter(limit, visit))
        n++;
    return n;
}

/* A visit in a thread of its own, which waits. */
struct waiter {
    struct http_limit *limit;
    struct http_visit visit;
    enum vp_reason reason;
    pthread_t thread;
};

static void *run_waiter(void *context)
{
    struct waiter *waiter = context;
    waiter->reason = http_limit_enter(waiter->limit, &waiter->visit);
    return NULL;
}

static void start_waiter(struct waiter *waiter, struct http_limit *limit, bool yields, unsigned n, int64_t ms)
{
    (void)pthread_mutex_lock(&limit->lock);
    unsigned n_queued = limit->n_queued;
    (void)pthread_mutex_unlock(&limit->lock);
    *waiter = (struct waiter){ .limit = limit, .visit = visit_of(yields, n) };
    waiter->visit.deadline_ms = in_ms(ms);
    EXPECT_INT(0, pthread_create(&waiter->thread, NULL, run_waiter, waiter));
    for (bool waits = false; !waits; (void)usleep(1000)) {
        (void)pthread_mutex_lock(&limit->lock);
        waits = limit->n_queued == n_queued + n;
        (void)pthread_mutex_unlock(&limit->lock);
    }
}

static enum vp_reason end_waiter(struct waiter *waiter)
{
    EXPECT_INT(0, pthread_join(waiter->thread, NULL));
    return waiter->reason;
}

static unsigned limit_in_force(struct http_stats *stats)
{
    return atomic_load(&stats->limit);
}

TEST(it_starts_at_eight_or_at_what_is_allowed_and_logins_leave_some)
{
    static const struct {
        unsigned max, start, for_logins;
    } ROWS[] = { { 1, 1, 1 }, { 2, 2, 1 }, { 3, 3, 2 }, { 4, 4, 2 }, { 8, 8, 4 }, { 10, 8, 6 }, { 64, 8, 8 } };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct http_limit limit;
        struct http_stats stats = { 0 };
        struct http_visit login = visit_of(true, 1);
        struct http_visit renewal = visit_of(false, 1);
        http_limit_init(&limit, ROWS[i].max, QUEUE_MAX, &stats);
        EXPECT_INT(ROWS[i].start, limit_in_force(&stats));

        EXPECT_INT(ROWS[i].for_logins, take_all(&limit, &login));

        /* Whatever logins hold, others get a turn, unless one is all there is. */
        EXPECT((take_all(&limit, &renewal) > 0) == (ROWS[i].max > 1));
        EXPECT(login.n_turns + renewal.n_turns <= ROWS[i].max);
        http_limit_leave(&limit, &login, login.n_turns);
        http_limit_leave(&limit, &renewal, renewal.n_turns);
        EXPECT_INT(ROWS[i].start, take_all(&limit, &renewal));
        EXPECT_INT(0, take_all(&limit, &login)); /* logins get what is left */
        http_limit_clear(&limit);
    }
}

TEST(others_go_before_logins_that_came_earlier)
{
    struct http_limit limit;
    struct http_visit running = visit_of(false, 1);
    struct waiter login, renewal;
    http_limit_init(&limit, 1, QUEUE_MAX, NULL);
    EXPECT(http_limit_try_enter(&limit, &running));
    start_waiter(&login, &limit, true, 1, LONG_MS);
    start_waiter(&renewal, &limit, false, 1, LONG_MS);

    http_limit_leave(&limit, &running, 1);

    EXPECT_INT(VP_REASON_NONE, end_waiter(&renewal));
    EXPECT_INT(1, limit.n_queued); /* the login's */
    http_limit_leave(&limit, &renewal.visit, 1);
    EXPECT_INT(VP_REASON_NONE, end_waiter(&login));
    http_limit_clear(&limit);
}

TEST(a_round_gets_as_many_turns_as_are_free_and_waits_for_the_first_only)
{
    struct http_limit limit;
    struct http_visit running = visit_of(false, 2);
    struct waiter three;
    http_limit_init(&limit, 2, QUEUE_MAX, NULL);
    EXPECT(http_limit_try_enter(&limit, &running));
    start_waiter(&three, &limit, false, 3, LONG_MS);
    http_limit_leave(&limit, &running, 1); /* the other one hangs */
    EXPECT_INT(VP_REASON_NONE, end_waiter(&three));
    EXPECT_INT(1, three.visit.n_turns);
    http_limit_leave(&limit, &three.visit, 1);
    http_limit_leave(&limit, &running, 1);

    struct http_visit wide = visit_of(false, 16);
    EXPECT(http_limit_try_enter(&limit, &wide));
    EXPECT_INT(2, wide.n_turns);
    http_limit_leave(&limit, &wide, 2);
    http_limit_clear(&limit);
}

TEST(it_grows_by_one_for_each_full_round_of_good_answers_while_others_wait)
{
    struct http_limit limit;
    struct http_stats stats = { 0 };
    struct http_visit running = visit_of(false, 1);
    struct waiter waiter;
    http_limit_init(&limit, 10, QUEUE_MAX, &stats);
    EXPECT_INT(8, take_all(&limit, &running));
    for (int i = 0; i < 100; i++)
        http_limit_sign(&limit, &running, HTTP_SIGN_GOOD, running.epoch, 20, 0, true);
    EXPECT_INT(8, limit_in_force(&stats)); /* nobody waited */

    for (unsigned expected = 8; expected < 10; expected++) {
        start_waiter(&waiter, &limit, false, 1, LONG_MS);
        for (unsigned i = 0; i + 1 < expected; i++)
            http_limit_sign(&limit, &running, HTTP_SIGN_GOOD, running.epoch, 20, 0, true);
        EXPECT_INT(expected, limit_in_force(&stats));
        http_limit_sign(&limit, &running, HTTP_SIGN_GOOD, running.epoch, 20, 0, true);
        EXPECT_INT(expected + 1, limit_in_force(&stats));
        EXPECT_INT(VP_REASON_NONE, end_waiter(&waiter)); /* who waited has the new turn */
    }
    start_waiter(&waiter, &limit, false, 1, LONG_MS);
    for (int i = 0; i < 100; i++)
        http_limit_sign(&limit, &running, HTTP_SIGN_GOOD, running.epoch, 20, 0, true);
    EXPECT_INT(10, limit_in_force(&stats)); /* the upper bound */
    http_limit_leave(&limit, &running, 1);
    EXPECT_INT(VP_REASON_NONE, end_waiter(&waiter));
    http_limit_clear(&limit);
}

TEST(it_is_halved_once_a_round_trip_and_not_below_one)
{
    static const enum http_sign SIGNS[] = { HTTP_SIGN_BUSY, HTTP_SIGN_CLOSE, HTTP_SIGN_SLOW };
    for (size_t i = 0; i < sizeof SIGNS / sizeof SIGNS[0]; i++) {
        struct http_limit limit;
        struct http_stats stats = { 0 };
        struct http_visit running = visit_of(false, 1);
        http_limit_init(&limit, 64, QUEUE_MAX, &stats);
        EXPECT_INT(8, take_all(&limit, &running));
        unsigned epoch = running.epoch;
        for (int n = 0; n < 8; n++) /* they all began before the first of them ended */
            http_limit_sign(&limit, &running, SIGNS[i], epoch, 500, 0, false);
        EXPECT_INT(4, limit_in_force(&stats));

        static const unsigned EXPECTED[] = { 2, 1, 1 };
        for (size_t n = 0; n < sizeof EXPECTED / sizeof EXPECTED[0]; n++) {
            running.n_wanted = 1;
            EXPECT_INT(VP_REASON_NONE, http_limit_enter(&limit, &running)); /* after the pause */
            http_limit_sign(&limit, &running, SIGNS[i], running.epoch, 500, 0, false);
            EXPECT_INT(EXPECTED[n], limit_in_force(&stats));
        }
        http_limit_clear(&limit);
    }
}

TEST(a_try_that_had_hardly_any_time_says_nothing_about_the_server)
{
    struct http_limit limit;
    struct http_stats stats = { 0 };
    struct http_visit running = visit_of(false, 1);
    http_limit_init(&limit, 64, QUEUE_MAX, &stats);
    EXPECT_INT(8, take_all(&limit, &running));
    http_limit_sign(&limit, &running, HTTP_SIGN_GOOD, running.epoch, 400, 0, true);

    http_limit_sign(&limit, &running, HTTP_SIGN_SLOW, running.epoch, 799, 0, true);
    http_limit_sign(&limit, &running, HTTP_SIGN_NONE, running.epoch, 5000, 0, true);
    EXPECT_INT(8, limit_in_force(&stats));
    http_limit_sign(&limit, &running, HTTP_SIGN_SLOW, running.epoch, 800, 0, true);
    EXPECT_INT(4, limit_in_force(&stats));

    http_limit_leave(&limit, &running, running.n_turns);
    http_limit_clear(&limit);
}

TEST(who_waited_until_no_answer_can_come_in_time_takes_no_turn_from_the_next)
{
    struct http_limit limit;
    struct http_visit running = visit_of(false, 1);
    struct waiter late, next;
    http_limit_init(&limit, 1, QUEUE_MAX, NULL);
    EXPECT(http_limit_try_enter(&limit, &running));
    http_limit_sign(&limit, &running, HTTP_SIGN_GOOD, running.epoch, 30000, 0, true);
    start_waiter(&late, &limit, true, 1, 20000);
    http_limit_sign(&limit, &running, HTTP_SIGN_NONE, running.epoch, 0, 0, true); /* any event will do */
    EXPECT_INT(VP_REASON_OVERLOADED, end_waiter(&late));

    start_waiter(&next, &limit, true, 1, LONG_MS);
    http_limit_leave(&limit, &running, 1);
    EXPECT_INT(VP_REASON_NONE, end_waiter(&next));
    http_limit_leave(&limit, &next.visit, 1);

    /* One that need not wait is never refused for that. */
    struct http_visit short_one = visit_of(true, 1);
    short_one.deadline_ms = in_ms(5000);
    EXPECT_INT(VP_REASON_NONE, http_limit_enter(&limit, &short_one));
    http_limit_leave(&limit, &short_one, 1);
    http_limit_clear(&limit);
}

TEST(a_wait_ends_with_its_deadline_or_its_caller)
{
    struct http_limit limit;
    struct http_visit running = visit_of(false, 1);
    struct waiter late, cancelled, last;
    http_limit_init(&limit, 1, QUEUE_MAX, NULL);
    EXPECT(http_limit_try_enter(&limit, &running));
    start_waiter(&late, &limit, false, 2, 300);
    start_waiter(&cancelled, &limit, false, 2, LONG_MS);
    start_waiter(&last, &limit, false, 1, LONG_MS);

    http_limit_cancel(&limit, &cancelled.visit);

    EXPECT_INT(VP_REASON_CANCELLED, end_waiter(&cancelled));
    EXPECT_INT(VP_REASON_OVERLOADED, end_waiter(&late));
    EXPECT_INT(1, limit.n_queued);
    http_limit_leave(&limit, &running, 1);
    EXPECT_INT(VP_REASON_NONE, end_waiter(&last));
    EXPECT_INT(0, limit.n_queued);
    http_limit_leave(&limit, &last.visit, 1);
    http_limit_clear(&limit);
}

TEST(a_probe_that_brings_no_answer_leaves_its_place_to_the_next)
{
    static const enum http_sign SIGNS[] = { HTTP_SIGN_NONE, HTTP_SIGN_SLOW, HTTP_SIGN_BUSY };
    for (size_t i = 0; i < sizeof SIGNS / sizeof SIGNS[0]; i++) {
        struct http_limit limit;
        struct http_visit first = visit_of(false, 4);
        http_limit_init(&limit, 8, QUEUE_MAX, NULL);
        EXPECT(http_limit_try_enter(&limit, &first));
        http_limit_sign(&limit, &first, HTTP_SIGN_CLOSE, first.epoch, 5, 0, false);
        http_limit_leave(&limit, &first, 3);

        struct http_visit probe = visit_of(false, 4);
        EXPECT_INT(VP_REASON_NONE, http_limit_enter(&limit, &probe));
        EXPECT_INT(1, probe.n_turns);
        probe.n_wanted = 1;
        struct http_visit other = visit_of(false, 1);
        EXPECT(!http_limit_try_enter(&limit, &other));
        http_limit_sign(&limit, &probe, SIGNS[i], probe.epoch, 5, 0, false);
        EXPECT(http_limit_try_enter(&limit, &other));
        EXPECT(!http_limit_try_enter(&limit, &probe)); /* that one is a probe too */
        http_limit_sign(&limit, &other, HTTP_SIGN_GOOD, other.epoch, 5, 0, false);
        EXPECT(http_limit_try_enter(&limit, &probe));
        EXPECT(http_limit_try_enter(&limit, &other)); /* open again */
        http_limit_leave(&limit, &other, 1);
        http_limit_leave(&limit, &probe, probe.n_turns);
        http_limit_clear(&limit);
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(it_starts_at_eight_or_at_what_is_allowed_and_logins_leave_some),
        CASE(others_go_before_logins_that_came_earlier),
        CASE(a_round_gets_as_many_turns_as_are_free_and_waits_for_the_first_only),
        CASE(it_grows_by_one_for_each_full_round_of_good_answers_while_others_wait),
        CASE(it_is_halved_once_a_round_trip_and_not_below_one),
        CASE(a_try_that_had_hardly_any_time_says_nothing_about_the_server),
        CASE(who_waited_until_no_answer_can_come_in_time_takes_no_turn_from_the_next),
        CASE(a_wait_ends_with_its_deadline_or_its_caller),
        CASE(a_probe_that_brings_no_answer_leaves_its_place_to_the_next),
    };
    return cmocka_run_group_tests_name("http_limit", cases, NULL, NULL);
}
