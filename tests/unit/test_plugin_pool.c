#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "failing.h"
#include "pool.h"

/* A job that waits until it may go on. */
struct work {
    struct plugin_pool_job job;
    atomic_bool *go;
    atomic_int *n_done;
    atomic_bool begun;
};

static void run(struct plugin_pool_job *job)
{
    struct work *work = (struct work *)(void *)job; /* its first member */

    atomic_store(&work->begun, true);
    while (!atomic_load(work->go))
        nanosleep(&(struct timespec){ .tv_nsec = 1000000L }, NULL);
    atomic_fetch_add(work->n_done, 1);
}

static void wait_for_load(struct plugin_pool *pool, size_t load)
{
    while (plugin_pool_load(pool) != load)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000L }, NULL);
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000L }, NULL);
}

static void wait_until_begun(struct work *work)
{
    while (!atomic_load(&work->begun))
        pause_shortly();
}

enum { N = 8 };

/* For one mount: with so many threads, always there, and so many places to wait. */
static struct plugin_pool *pool_of(size_t n_threads, size_t queue_max)
{
    return plugin_pool_new(&(struct plugin_pool_size){ n_threads, n_threads, 2 * n_threads, 1, 2 * queue_max, 1000 });
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
        fixture->works[i] = (struct work){ { .run = run }, &fixture->go, &fixture->n_done, false };
}

TEST(all_jobs_are_run)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = pool_of(3, N);
    atomic_store(&fixture.go, true);

    for (size_t i = 0; i < N; i++)
        EXPECT(plugin_pool_add(pool, &fixture.works[i].job));
    wait_for_load(pool, 0);

    EXPECT_INT(N, atomic_load(&fixture.n_done));
    plugin_pool_free(pool);
}

TEST(a_full_queue_takes_no_more)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = pool_of(1, 2);

    EXPECT(plugin_pool_add(pool, &fixture.works[0].job));
    wait_until_begun(&fixture.works[0]);
    EXPECT(plugin_pool_add(pool, &fixture.works[1].job));
    EXPECT(plugin_pool_add(pool, &fixture.works[2].job));
    EXPECT(!plugin_pool_add(pool, &fixture.works[3].job));
    EXPECT_INT(3, plugin_pool_load(pool));

    atomic_store(&fixture.go, true);
    plugin_pool_free(pool);
    EXPECT_INT(3, atomic_load(&fixture.n_done)); /* what was taken was run */
}

TEST(a_waiting_job_can_be_taken_back_and_makes_room)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = pool_of(1, 3);
    EXPECT(plugin_pool_add(pool, &fixture.works[0].job));
    wait_until_begun(&fixture.works[0]);
    for (size_t i = 1; i <= 3; i++)
        EXPECT(plugin_pool_add(pool, &fixture.works[i].job));

    EXPECT(!plugin_pool_remove(pool, &fixture.works[0].job)); /* it runs */
    EXPECT(plugin_pool_remove(pool, &fixture.works[2].job));  /* the middle, */
    EXPECT(plugin_pool_remove(pool, &fixture.works[3].job));  /* the last */
    EXPECT(!plugin_pool_remove(pool, &fixture.works[3].job));
    EXPECT(plugin_pool_remove(pool, &fixture.works[1].job)); /* and the only one */
    EXPECT(plugin_pool_add(pool, &fixture.works[3].job));

    atomic_store(&fixture.go, true);
    plugin_pool_free(pool);
    EXPECT_INT(2, atomic_load(&fixture.n_done));
}

TEST(a_closed_pool_takes_no_more)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = pool_of(2, 2);

    plugin_pool_close(pool);

    EXPECT(!plugin_pool_add(pool, &fixture.works[0].job));
    plugin_pool_free(pool);
    plugin_pool_free(NULL);
}

TEST(a_pool_whose_threads_are_lost_is_told_from_one_that_is_busy_or_idle)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = pool_of(1, N);
    EXPECT(!plugin_pool_is_stuck(pool, 1)); /* idle */

    EXPECT(plugin_pool_add(pool, &fixture.works[0].job));
    wait_until_begun(&fixture.works[0]);
    for (int i = 0; i < 5; i++)
        EXPECT(!plugin_pool_is_stuck(pool, 1)); /* at work, and nobody waits */

    EXPECT(plugin_pool_add(pool, &fixture.works[1].job));
    EXPECT(!plugin_pool_is_stuck(pool, 3));
    EXPECT(!plugin_pool_is_stuck(pool, 3));
    EXPECT(plugin_pool_is_stuck(pool, 3));

    atomic_store(&fixture.go, true);
    wait_for_load(pool, 0);
    EXPECT(!plugin_pool_is_stuck(pool, 1));
    plugin_pool_free(pool);
}

TEST(threads_come_with_the_work)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = plugin_pool_new(&(struct plugin_pool_size){ 1, N, 2 * N, 1, 2 * N, 60000 });
    EXPECT_INT(1, plugin_pool_threads(pool));

    /* All at once, before the first thread had a chance to come: none may be left to wait for another's end. */
    for (size_t i = 0; i < N; i++)
        EXPECT(plugin_pool_add(pool, &fixture.works[i].job));
    for (size_t i = 0; i < N; i++)
        wait_until_begun(&fixture.works[i]);

    EXPECT_INT(N, plugin_pool_threads(pool));
    for (size_t i = 0; i < N; i++)
        EXPECT(!plugin_pool_remove(pool, &fixture.works[i].job)); /* each runs */
    atomic_store(&fixture.go, true);
    plugin_pool_free(pool);
    EXPECT_INT(N, atomic_load(&fixture.n_done));
}

TEST(threads_go_when_there_is_nothing_left_to_do)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = plugin_pool_new(&(struct plugin_pool_size){ 2, N, 2 * N, 1, 2 * N, 1 });
    for (size_t i = 0; i < N; i++)
        EXPECT(plugin_pool_add(pool, &fixture.works[i].job));
    for (size_t i = 0; i < N; i++)
        wait_until_begun(&fixture.works[i]);
    EXPECT_INT(N, plugin_pool_threads(pool));

    atomic_store(&fixture.go, true);
    wait_for_load(pool, 0);
    while (plugin_pool_threads(pool) > 2)
        pause_shortly();

    EXPECT(plugin_pool_add(pool, &fixture.works[0].job)); /* and come again */
    plugin_pool_free(pool);
    EXPECT_INT(N + 1, atomic_load(&fixture.n_done));
}

/* ---- several mounts ---- */

TEST(mounts_that_hang_never_delay_another_however_many_they_are)
{
    enum { MOUNTS = 10, JOBS = 12 };
    static struct work hanging[MOUNTS][JOBS];
    atomic_bool go = false;
    atomic_bool go_on = true;
    atomic_int n_done = 0;
    atomic_int n_healthy = 0;
    struct work healthy[2] = { { { .run = run, .mount = 100 }, &go_on, &n_healthy, false },
                               { { .run = run, .mount = 100 }, &go_on, &n_healthy, false } };
    struct plugin_pool *pool = plugin_pool_new(&(struct plugin_pool_size){ 1, 8, 32, 2, 1000, 60000 });
    for (size_t m = 0; m < MOUNTS; m++) {
        for (size_t i = 0; i < JOBS; i++) {
            hanging[m][i] = (struct work){ { .run = run, .mount = m }, &go, &n_done, false };
            EXPECT(plugin_pool_add(pool, &hanging[m][i].job));
        }
        wait_until_begun(&hanging[m][1]); /* the last one that it surely gets a thread for */

        /* Nothing ends until the healthy mount's jobs are done: if they had to wait, this would hang. */
        atomic_store(&n_healthy, 0);
        EXPECT(plugin_pool_add(pool, &healthy[0].job));
        EXPECT(plugin_pool_add(pool, &healthy[1].job));
        while (atomic_load(&n_healthy) < 2)
            pause_shortly();
        EXPECT_INT(0, atomic_load(&n_done));
    }
    EXPECT(plugin_pool_threads(pool) <= 32);
    atomic_store(&go, true);
    plugin_pool_free(pool);
    EXPECT_INT(MOUNTS * JOBS, atomic_load(&n_done));
}

TEST(a_mount_that_is_alone_gets_more_threads_than_one_of_two)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = plugin_pool_new(&(struct plugin_pool_size){ 1, 4, 16, 1, 100, 60000 });
    for (size_t i = 0; i < 5; i++)
        EXPECT(plugin_pool_add(pool, &fixture.works[i].job));
    wait_until_begun(&fixture.works[3]); /* the fifth waits */
    for (size_t i = 5; i < N; i++) {
        fixture.works[i].job.mount = 1;
        EXPECT(plugin_pool_add(pool, &fixture.works[i].job));
    }
    wait_until_begun(&fixture.works[6]);                     /* two of the second mount's run, */
    EXPECT(plugin_pool_remove(pool, &fixture.works[7].job)); /* the third waits */
    EXPECT(plugin_pool_remove(pool, &fixture.works[4].job));

    atomic_store(&fixture.go, true);
    plugin_pool_free(pool);
    EXPECT_INT(6, atomic_load(&fixture.n_done));
}

/* A job that notes its number. */
struct note {
    struct plugin_pool_job job;
    int number;
};

static struct {
    int numbers[16];
    atomic_int n;
} notes;

static void take_note(struct plugin_pool_job *job)
{
    const struct note *note = (const struct note *)(const void *)job; /* its first member */
    notes.numbers[atomic_fetch_add(&notes.n, 1)] = note->number;
}

TEST(mounts_take_turns_whatever_they_queue)
{
    static const int EXPECTED[] = { 30, 20, 10, 31, 21, 11, 22, 12, 23, 24, 25 };
    static struct note jobs[11];
    atomic_bool go = false;
    atomic_int n_done = 0;
    struct work first = { { .run = run, .mount = 1 }, &go, &n_done, false };
    /* One thread; a job of mount 1 runs when the others come. */
    struct plugin_pool *pool = plugin_pool_new(&(struct plugin_pool_size){ 1, 1, 1, 1, 100, 60000 });
    EXPECT(plugin_pool_add(pool, &first.job));
    wait_until_begun(&first);
    static const int QUEUED[] = { 20, 21, 22, 23, 24, 25, 30, 31, 10, 11, 12 };
    for (size_t i = 0; i < 11; i++) {
        jobs[i] = (struct note){ { .run = take_note, .mount = (uint64_t)QUEUED[i] / 10 }, QUEUED[i] };
        EXPECT(plugin_pool_add(pool, &jobs[i].job));
    }

    atomic_store(&notes.n, 0);
    atomic_store(&go, true);
    plugin_pool_free(pool);

    EXPECT_INT(11, atomic_load(&notes.n));
    for (size_t i = 0; i < 11; i++)
        EXPECT_INT(EXPECTED[i], notes.numbers[i]);
}

TEST(one_mount_can_not_fill_the_queue)
{
    enum { PLACES = 16 };
    static struct work works[4][PLACES];
    atomic_bool go = false;
    atomic_int n_done = 0;
    struct plugin_pool *pool = plugin_pool_new(&(struct plugin_pool_size){ 1, 1, 1, 1, PLACES, 60000 });
    static const size_t FITS[] = { 8, 4, 2, 1 }; /* half of what is left */
    struct work running = { { .run = run, .mount = 9 }, &go, &n_done, false };
    int n_queued = 1;
    EXPECT(plugin_pool_add(pool, &running.job));
    wait_until_begun(&running);
    for (size_t m = 0; m < 4; m++)
        for (size_t i = 0; i < PLACES; i++) {
            works[m][i] = (struct work){ { .run = run, .mount = m }, &go, &n_done, false };
            bool added = plugin_pool_add(pool, &works[m][i].job);
            EXPECT(added == (i < FITS[m]));
            n_queued += added;
        }
    atomic_store(&go, true);
    plugin_pool_free(pool);
    EXPECT_INT(n_queued, atomic_load(&n_done));
}

TEST(a_job_whose_time_is_over_is_taken_back)
{
    struct fixture fixture;
    int64_t next_ms = 0;
    prepare(&fixture);
    struct plugin_pool *pool = plugin_pool_new(&(struct plugin_pool_size){ 1, 1, 1, 1, 2 * N, 60000 });
    EXPECT(plugin_pool_add(pool, &fixture.works[0].job));
    wait_until_begun(&fixture.works[0]);
    EXPECT(plugin_pool_take_late(pool, INT64_MAX, &next_ms) == NULL); /* it runs */
    EXPECT(next_ms == INT64_MAX);
    for (size_t i = 1; i < 4; i++) {
        fixture.works[i].job.deadline_ms = (int64_t)i * 100;
        fixture.works[i].job.mount = i % 2;
        EXPECT(plugin_pool_add(pool, &fixture.works[i].job));
    }
    EXPECT(plugin_pool_take_late(pool, 99, &next_ms) == NULL);
    EXPECT_INT(100, next_ms);
    EXPECT(plugin_pool_take_late(pool, 100, &next_ms) == &fixture.works[1].job);
    EXPECT(plugin_pool_take_late(pool, 100, &next_ms) == NULL);
    EXPECT_INT(200, next_ms);
    EXPECT(!plugin_pool_remove(pool, &fixture.works[1].job));

    atomic_store(&fixture.go, true);
    plugin_pool_free(pool);
    EXPECT_INT(3, atomic_load(&fixture.n_done));
}

TEST(without_memory_jobs_are_taken_all_the_same)
{
    struct fixture fixture;
    prepare(&fixture);
    struct plugin_pool *pool = pool_of(1, N);
    failing_from(1);
    for (size_t i = 0; i < N; i++) {
        fixture.works[i].job.mount = i;
        EXPECT(plugin_pool_add(pool, &fixture.works[i].job));
    }
    (void)failing_stop();
    atomic_store(&fixture.go, true);
    plugin_pool_free(pool);
    EXPECT_INT(N, atomic_load(&fixture.n_done));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_pool_whose_threads_are_lost_is_told_from_one_that_is_busy_or_idle),
        CASE(all_jobs_are_run),
        CASE(threads_come_with_the_work),
        CASE(threads_go_when_there_is_nothing_left_to_do),
        CASE(mounts_that_hang_never_delay_another_however_many_they_are),
        CASE(a_mount_that_is_alone_gets_more_threads_than_one_of_two),
        CASE(mounts_take_turns_whatever_they_queue),
        CASE(one_mount_can_not_fill_the_queue),
        CASE(a_job_whose_time_is_over_is_taken_back),
        CASE(without_memory_jobs_are_taken_all_the_same),
        CASE(a_full_queue_takes_no_more),
        CASE(a_waiting_job_can_be_taken_back_and_makes_room),
        CASE(a_closed_pool_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
