/* A worker pool: threads that run queued jobs, each mount getting its fair part of them.
 *
 * Each kind of blocking work has a pool of its own. The next job is always one of the mount with
 * the fewest running jobs, so the mounts take turns however many jobs each of them queues. A mount
 * that is alone gets `threads` threads. The more mounts are active, the fewer each of them gets,
 * but a mount that comes later never waits for the end of the others' jobs: the pool has
 * `threads_max` threads, and what the others may have leaves room for one more mount.
 *
 * All functions may be called from any thread. One lock guards everything; it is held for pointer
 * work and while a thread is started, never while a job runs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plugin_pool;
struct plugin_pool_queue;

struct plugin_pool_size {
    size_t threads_min; /* from the start */
    size_t threads;     /* for one mount, while no other is active */
    size_t threads_max; /* for all of them */
    size_t mount_min;   /* for each mount, as long as threads_max allows it */
    size_t queue_max;   /* jobs; one mount's are at most as many as the places that stay free */
    unsigned idle_ms;   /* a thread beyond threads_min ends after so long without work */
};

/* Embedded in what is to be done; untouched by its owner while queued. */
struct plugin_pool_job {
    void (*run)(struct plugin_pool_job *job); /* in a thread of the pool */
    uint64_t mount;
    int64_t deadline_ms;             /* monotonic: see plugin_pool_take_late() */
    struct plugin_pool_queue *queue; /* NULL unless queued */
    struct plugin_pool_job *next, *previous;
};

/* NULL: no thread or no memory. */
struct plugin_pool *plugin_pool_new(const struct plugin_pool_size *size);

/* False when the mount's part of the queue is full, or the pool is closed. Needs no memory to
 * succeed. */
bool plugin_pool_add(struct plugin_pool *pool, struct plugin_pool_job *job);

/* Takes a job back; false when it runs already or was never queued. */
bool plugin_pool_remove(struct plugin_pool *pool, struct plugin_pool_job *job);

/* Takes back a job whose deadline has passed. NULL: there is none now, and *ret_next_ms is when to
 * look again (INT64_MAX: no job is queued). Jobs of one mount are looked at in order, so one with
 * an earlier deadline than those before it waits for them. */
struct plugin_pool_job *plugin_pool_take_late(struct plugin_pool *pool, int64_t now_ms, int64_t *ret_next_ms);

/* Takes no more jobs; those queued are still run. */
void plugin_pool_close(struct plugin_pool *pool);

/* Jobs running or queued. */
size_t plugin_pool_load(struct plugin_pool *pool);

size_t plugin_pool_threads(struct plugin_pool *pool);

/* To be called at even intervals, always by the same thread: has a job waited for `limit` of them,
 * and none been taken up? Then all threads are lost in something that no deadline ends. */
bool plugin_pool_is_stuck(struct plugin_pool *pool, unsigned limit);

/* Closes, joins the threads and frees. NULL is fine. */
void plugin_pool_free(struct plugin_pool *pool);
