#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "lane.h"

/* A job that waits until it may go on. */
struct work {
    struct plugin_lane_job job;
    atomic_bool *go;
    atomic_int *n_done;
};

static void run(struct plugin_lane_job *job)
{
    struct work *work = (struct work *)(void *)job; /* its first member */

    while (!atomic_load(work->go))
        nanosleep(&(struct timespec){ .tv_nsec = 1000000L }, NULL);
    atomic_fetch_add(work->n_done, 1);
}

static void wait_for_load(struct plugin_lane *lane, size_t load)
{
    while (plugin_lane_load(lane) != load)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000L }, NULL);
}

/* Lets the threads take what is queued; only then the queue's bound is what a test expects. */
static void settle(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000000L }, NULL);
}

enum { N = 8 };

/* With so many threads, always there, and no share of them. */
static struct plugin_lane *lane_of(size_t n_threads, size_t queue_max)
{
    return plugin_lane_new(&(struct plugin_lane_size){ n_threads, n_threads, n_threads, queue_max, queue_max, 1000 });
}

struct fixture {
    atomic_bool go;
    atomic_int n_done;
    struct work works[N];
};

static void prepare(struct fixture *fixture)
{
    *fixture = (struct fixture){ 0 };
    for (size_t i = 0; i < N; i++)
        fixture->works[i] = (struct work){ { .run = run }, &fixture->go, &fixture->n_done };
}

TEST(all_jobs_are_run)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_lane *lane = lane_of(3, N);
    atomic_store(&fixture.go, true);

    for (size_t i = 0; i < N; i++)
        EXPECT(plugin_lane_add(lane, &fixture.works[i].job));
    wait_for_load(lane, 0);

    EXPECT_INT(N, atomic_load(&fixture.n_done));
    plugin_lane_free(lane);
}

TEST(a_full_queue_takes_no_more)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_lane *lane = lane_of(1, 2);

    EXPECT(plugin_lane_add(lane, &fixture.works[0].job));
    settle(); /* it runs */
    EXPECT(plugin_lane_add(lane, &fixture.works[1].job));
    EXPECT(plugin_lane_add(lane, &fixture.works[2].job));
    EXPECT(!plugin_lane_add(lane, &fixture.works[3].job));
    EXPECT_INT(3, plugin_lane_load(lane));

    atomic_store(&fixture.go, true);
    plugin_lane_free(lane);
    EXPECT_INT(3, atomic_load(&fixture.n_done)); /* what was taken was run */
}

TEST(a_waiting_job_can_be_taken_back_and_makes_room)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_lane *lane = lane_of(1, 3);
    EXPECT(plugin_lane_add(lane, &fixture.works[0].job));
    settle();
    for (size_t i = 1; i <= 3; i++)
        EXPECT(plugin_lane_add(lane, &fixture.works[i].job));

    EXPECT(!plugin_lane_remove(lane, &fixture.works[0].job)); /* it runs */
    EXPECT(plugin_lane_remove(lane, &fixture.works[2].job));  /* the middle, */
    EXPECT(plugin_lane_remove(lane, &fixture.works[3].job));  /* the last */
    EXPECT(!plugin_lane_remove(lane, &fixture.works[3].job));
    EXPECT(plugin_lane_remove(lane, &fixture.works[1].job)); /* and the only one */
    EXPECT(plugin_lane_add(lane, &fixture.works[3].job));

    atomic_store(&fixture.go, true);
    plugin_lane_free(lane);
    EXPECT_INT(2, atomic_load(&fixture.n_done));
}

TEST(a_closed_lane_takes_no_more)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_lane *lane = lane_of(2, 2);

    plugin_lane_close(lane);

    EXPECT(!plugin_lane_add(lane, &fixture.works[0].job));
    plugin_lane_free(lane);
    plugin_lane_free(NULL);
}

TEST(a_lane_whose_threads_are_lost_is_told_from_one_that_is_busy_or_idle)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_lane *lane = lane_of(1, N);
    EXPECT(!plugin_lane_is_stuck(lane, 1)); /* idle */

    EXPECT(plugin_lane_add(lane, &fixture.works[0].job));
    settle();
    for (int i = 0; i < 5; i++)
        EXPECT(!plugin_lane_is_stuck(lane, 1)); /* at work, and nobody waits */

    EXPECT(plugin_lane_add(lane, &fixture.works[1].job));
    EXPECT(!plugin_lane_is_stuck(lane, 3));
    EXPECT(!plugin_lane_is_stuck(lane, 3));
    EXPECT(plugin_lane_is_stuck(lane, 3));

    atomic_store(&fixture.go, true);
    wait_for_load(lane, 0);
    EXPECT(!plugin_lane_is_stuck(lane, 1));
    plugin_lane_free(lane);
}

TEST(threads_come_with_the_work)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_lane *lane = plugin_lane_new(&(struct plugin_lane_size){ 1, N, N, N, N, 60000 });
    EXPECT_INT(1, plugin_lane_threads(lane));

    /* All at once, before the first thread had a chance to come: none may be left to wait for another's end. */
    for (size_t i = 0; i < N; i++)
        EXPECT(plugin_lane_add(lane, &fixture.works[i].job));
    settle();

    EXPECT_INT(N, plugin_lane_threads(lane));
    for (size_t i = 0; i < N; i++)
        EXPECT(!plugin_lane_remove(lane, &fixture.works[i].job)); /* each runs */
    atomic_store(&fixture.go, true);
    plugin_lane_free(lane);
    EXPECT_INT(N, atomic_load(&fixture.n_done));
}

TEST(threads_go_when_there_is_nothing_left_to_do)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_lane *lane = plugin_lane_new(&(struct plugin_lane_size){ 2, N, N, N, N, 1 });
    for (size_t i = 0; i < N; i++)
        EXPECT(plugin_lane_add(lane, &fixture.works[i].job));
    settle();
    EXPECT_INT(N, plugin_lane_threads(lane));

    atomic_store(&fixture.go, true);
    wait_for_load(lane, 0);
    while (plugin_lane_threads(lane) > 2)
        settle();

    EXPECT(plugin_lane_add(lane, &fixture.works[0].job)); /* and come again */
    plugin_lane_free(lane);
    EXPECT_INT(N + 1, atomic_load(&fixture.n_done));
}

TEST(one_owner_gets_no_more_than_its_share)
{
    struct fixture fixture;
    atomic_bool go_on = false;
    prepare(&fixture);
    struct plugin_lane *lane = plugin_lane_new(&(struct plugin_lane_size){ 1, 3, 2, N, N, 1 });
    for (size_t i = 0; i < 4; i++) {
        fixture.works[i].job.owner = 1;
        EXPECT(plugin_lane_add(lane, &fixture.works[i].job));
    }
    fixture.works[4].job.owner = 2;
    fixture.works[4].go = &go_on;
    EXPECT(plugin_lane_add(lane, &fixture.works[4].job));
    settle();
    EXPECT(plugin_lane_remove(lane, &fixture.works[3].job));  /* the third and fourth of the first owner wait, */
    EXPECT(!plugin_lane_remove(lane, &fixture.works[4].job)); /* while the other's runs */

    atomic_store(&fixture.go, true);
    wait_for_load(lane, 1); /* and go on when those before them have ended */
    EXPECT_INT(3, atomic_load(&fixture.n_done));
    atomic_store(&go_on, true);
    plugin_lane_free(lane);
    EXPECT_INT(4, atomic_load(&fixture.n_done));
}

TEST(one_owner_can_not_fill_the_queue)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_lane *lane = plugin_lane_new(&(struct plugin_lane_size){ 1, 1, 1, 4, 3, 1 });
    for (size_t i = 0; i < 5; i++)
        fixture.works[i].job.owner = 1;
    EXPECT(plugin_lane_add(lane, &fixture.works[0].job));
    settle();
    for (size_t i = 1; i < 4; i++)
        EXPECT(plugin_lane_add(lane, &fixture.works[i].job));

    EXPECT(!plugin_lane_add(lane, &fixture.works[4].job)); /* three of four places are taken, */
    EXPECT(plugin_lane_add(lane, &fixture.works[5].job));  /* and the last is another's */
    EXPECT(!plugin_lane_add(lane, &fixture.works[6].job));

    atomic_store(&fixture.go, true);
    plugin_lane_free(lane);
    EXPECT_INT(5, atomic_load(&fixture.n_done));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_lane_whose_threads_are_lost_is_told_from_one_that_is_busy_or_idle),
        CASE(all_jobs_are_run),
        CASE(threads_come_with_the_work),
        CASE(threads_go_when_there_is_nothing_left_to_do),
        CASE(one_owner_gets_no_more_than_its_share),
        CASE(one_owner_can_not_fill_the_queue),
        CASE(a_full_queue_takes_no_more),
        CASE(a_waiting_job_can_be_taken_back_and_makes_room),
        CASE(a_closed_lane_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
