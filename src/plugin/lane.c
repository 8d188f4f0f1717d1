#include "lane.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

struct plugin_lane {
    pthread_mutex_t lock; /* guards all below but threads */
    pthread_cond_t changed;
    struct plugin_lane_job *first, *last;
    size_t n_queued;
    size_t n_running;
    uint64_t n_taken;        /* jobs that were ever taken up */
    uint64_t n_taken_before; /* when plugin_lane_is_stuck() was last asked */
    unsigned n_still;        /* how often since then it found that nothing moved */
    size_t queue_max;
    bool closed;

    size_t n_threads;
    pthread_t threads[];
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

static struct plugin_lane_job *wait_for_job(struct plugin_lane *lane)
{
    while (lane->first == NULL && !lane->closed)
        pthread_cond_wait(&lane->changed, &lane->lock);
    struct plugin_lane_job *job = lane->first;
    if (job != NULL)
        unlink_job(lane, job);
    return job;
}

static void *work(void *context)
{
    struct plugin_lane *lane = context;
    struct plugin_lane_job *job;

    pthread_mutex_lock(&lane->lock);
    while ((job = wait_for_job(lane)) != NULL) {
        lane->n_running++;
        lane->n_taken++;
        pthread_mutex_unlock(&lane->lock);
        job->run(job); /* may free the job */
        pthread_mutex_lock(&lane->lock);
        lane->n_running--;
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

struct plugin_lane *plugin_lane_new(size_t n_threads, size_t queue_max)
{
    struct plugin_lane *lane = calloc(1, sizeof *lane + n_threads * sizeof lane->threads[0]);

    if (lane == NULL)
        return NULL;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    lane->queue_max = queue_max;
    while (lane->n_threads < n_threads) {
        if (pthread_create(&lane->threads[lane->n_threads], NULL, work, lane) != 0) {
            plugin_lane_free(lane);
            return NULL;
        }
        lane->n_threads++;
    }
    return lane;
}

bool plugin_lane_add(struct plugin_lane *lane, struct plugin_lane_job *job)
{
    pthread_mutex_lock(&lane->lock);
    bool fits = !lane->closed && lane->n_queued < lane->queue_max;
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
        pthread_cond_signal(&lane->changed);
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

void plugin_lane_free(struct plugin_lane *lane)
{
    if (lane == NULL)
        return;
    plugin_lane_close(lane);
    for (size_t i = 0; i < lane->n_threads; i++)
        pthread_join(lane->threads[i], NULL);
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}
