#include "lane.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

struct worker {
    struct plugin_lane *lane;
    pthread_t thread;
    uint64_t owner; /* of the job that it runs */
    bool busy;
    struct worker *next;
};

struct plugin_lane {
    struct plugin_lane_size size;

    pthread_mutex_t lock;   /* guards all below, and all of the workers but their threads */
    pthread_cond_t changed; /* there is work, or the lane was closed */
    pthread_cond_t retired; /* a worker has */
    struct plugin_lane_job *first, *last;
    size_t n_queued;
    size_t n_running;
    uint64_t n_taken;        /* jobs that were ever taken up */
    uint64_t n_taken_before; /* when plugin_lane_is_stuck() was last asked */
    unsigned n_still;        /* how often since then it found that nothing moved */
    struct worker *workers;
    struct worker *ended; /* threads that went, to be joined */
    size_t n_workers;
    size_t n_idle;
    bool closed;
};

/* Takes a job out of the list; the lock is held. */
static void unlink_job(struct plugin_lane *lane, struct plugin_lane_job *job)
{
    if (job->previous != NULL)
        job->previous->next = job->next;
    else
        lane->first = job->next;
    if (job->next != NULL)
        job->next->previous = job->previous;
    else
        lane->last = job->previous;
    job->next = job->previous = NULL;
    job->queued = false;
    lane->n_queued--;
}

/* ---- threads; the lock is held ---- */

static bool has_its_share(const struct plugin_lane *lane, uint64_t owner)
{
    size_t n = 0;
    for (const struct worker *worker = lane->workers; worker != NULL; worker = worker->next)
        n += worker->busy && worker->owner == owner;
    return n >= lane->size.share_max;
}

/* The first whose owner has not got its share; what ends lets the next one of its owner in. */
static struct plugin_lane_job *next_job(const struct plugin_lane *lane)
{
    struct plugin_lane_job *job = lane->first;
    while (job != NULL && has_its_share(lane, job->owner))
        job = job->next;
    return job;
}

/* False after a while without a signal. */
static bool wait_a_while(struct plugin_lane *lane)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += lane->size.idle_ms % 1000 * 1000000L;
    until.tv_sec += lane->size.idle_ms / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    lane->n_idle++;
    bool signalled = pthread_cond_clockwait(&lane->changed, &lane->lock, CLOCK_MONOTONIC, &until) == 0;
    lane->n_idle--;
    return signalled;
}

/* NULL: this thread is not needed any more. */
static struct plugin_lane_job *wait_for_job(struct plugin_lane *lane)
{
    struct plugin_lane_job *job;
    bool signalled = true;
    while ((job = next_job(lane)) == NULL) {
        if (lane->closed && lane->first == NULL)
            return NULL;
        if (!signalled && lane->n_workers > lane->size.threads_min)
            return NULL;
        signalled = wait_a_while(lane);
    }
    unlink_job(lane, job);
    return job;
}

static void retire(struct plugin_lane *lane, struct worker *worker)
{
    struct worker **at = &lane->workers;
    while (*at != worker)
        at = &(*at)->next;
    *at = worker->next;
    worker->next = lane->ended;
    lane->ended = worker;
    lane->n_workers--;
    pthread_cond_signal(&lane->retired);
}

static void *work(void *context)
{
    struct worker *self = context;
    struct plugin_lane *lane = self->lane;
    struct plugin_lane_job *job;

    pthread_mutex_lock(&lane->lock);
    while ((job = wait_for_job(lane)) != NULL) {
        self->owner = job->owner;
        self->busy = true;
        lane->n_running++;
        lane->n_taken++;
        pthread_mutex_unlock(&lane->lock);
        job->run(job); /* may free the job */
        pthread_mutex_lock(&lane->lock);
        self->busy = false;
        lane->n_running--;
    }
    retire(lane, self);
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

static void join_ended(struct plugin_lane *lane)
{
    while (lane->ended != NULL) {
        struct worker *worker = lane->ended;
        lane->ended = worker->next;
        pthread_join(worker->thread, NULL); /* it has nothing left to do, and needs no lock for that */
        free(worker);
    }
}

static bool start_worker(struct plugin_lane *lane)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (worker == NULL)
        return false;
    worker->lane = lane;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
        free(worker);
        return false;
    }
    worker->next = lane->workers;
    lane->workers = worker;
    lane->n_workers++;
    return true;
}

/* Where no thread can be had those that there are do the work. */
static void call_for_hands(struct plugin_lane *lane)
{
    join_ended(lane);
    /* Not "nobody is idle": whoever was called just now counts as idle until he comes. */
    bool wanted = lane->n_queued > lane->n_idle && lane->n_workers < lane->size.threads_max;
    if (!wanted || !start_worker(lane))
        pthread_cond_signal(&lane->changed);
}

/* ---- the lane ---- */

struct plugin_lane *plugin_lane_new(const struct plugin_lane_size *size)
{
    struct plugin_lane *lane = calloc(1, sizeof *lane);

    if (lane == NULL)
        return NULL;
    lane->size = *size;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    pthread_cond_init(&lane->retired, NULL);
    pthread_mutex_lock(&lane->lock);
    while (lane->n_workers < size->threads_min && start_worker(lane))
        continue;
    bool started = lane->n_workers == size->threads_min;
    pthread_mutex_unlock(&lane->lock);
    if (!started) {
        plugin_lane_free(lane);
        return NULL;
    }
    return lane;
}

static bool has_room(const struct plugin_lane *lane, uint64_t owner)
{
    size_t n = 0;
    if (lane->n_queued < lane->size.queue_share_max)
        return true;
    for (const struct plugin_lane_job *job = lane->first; job != NULL; job = job->next)
        n += job->owner == owner;
    return n < lane->size.queue_share_max && lane->n_queued < lane->size.queue_max;
}

bool plugin_lane_add(struct plugin_lane *lane, struct plugin_lane_job *job)
{
    pthread_mutex_lock(&lane->lock);
    bool fits = !lane->closed && has_room(lane, job->owner);
    if (fits) {
        job->next = NULL;
        job->previous = lane->last;
        if (lane->last != NULL)
            lane->last->next = job;
        else
            lane->first = job;
        lane->last = job;
        job->queued = true;
        lane->n_queued++;
        call_for_hands(lane);
    }
    pthread_mutex_unlock(&lane->lock);
    return fits;
}

bool plugin_lane_remove(struct plugin_lane *lane, struct plugin_lane_job *job)
{
    pthread_mutex_lock(&lane->lock);
    bool removed = job->queued;
    if (removed)
        unlink_job(lane, job);
    pthread_mutex_unlock(&lane->lock);
    return removed;
}

void plugin_lane_close(struct plugin_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->closed = true;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

size_t plugin_lane_load(struct plugin_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    size_t load = lane->n_queued + lane->n_running;
    pthread_mutex_unlock(&lane->lock);
    return load;
}

bool plugin_lane_is_stuck(struct plugin_lane *lane, unsigned limit)
{
    pthread_mutex_lock(&lane->lock);
    bool still = lane->first != NULL && lane->n_taken == lane->n_taken_before;
    lane->n_still = still ? lane->n_still + 1 : 0;
    lane->n_taken_before = lane->n_taken;
    bool stuck = lane->n_still >= limit;
    pthread_mutex_unlock(&lane->lock);
    return stuck;
}

size_t plugin_lane_threads(struct plugin_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    size_t n = lane->n_workers;
    pthread_mutex_unlock(&lane->lock);
    return n;
}

void plugin_lane_free(struct plugin_lane *lane)
{
    if (lane == NULL)
        return;
    plugin_lane_close(lane);
    pthread_mutex_lock(&lane->lock);
    while (lane->n_workers > 0)
        pthread_cond_wait(&lane->retired, &lane->lock);
    join_ended(lane);
    pthread_mutex_unlock(&lane->lock);
    pthread_cond_destroy(&lane->changed);
    pthread_cond_destroy(&lane->retired);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}
