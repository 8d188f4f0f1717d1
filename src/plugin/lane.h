/* A lane: some threads that work off one bounded queue.
 *
 * Each kind of blocking work has a lane of its own, so that one that waits for a slow Arvados can't hold up another. Threads come
 * when there is work for them and go when there was none for a while. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plugin_lane;

struct plugin_lane_size {
    size_t threads_min; /* from the start */
    size_t threads_max;
    size_t share_max; /* of the threads, that one owner's jobs may have at one time */
    size_t queue_max;
    size_t queue_share_max; /* of the queue, likewise */
    unsigned idle_ms;       /* without work before a thread beyond threads_min goes */
};

/* Embedded in what is to be done; untouched by its owner while queued. */
struct plugin_lane_job {
    void (*run)(struct plugin_lane_job *job); /* in a thread of the lane */
    uint64_t owner;                           /* whose it is: one mount's slow Arvados is no other mount's */
    struct plugin_lane_job *next, *previous;
    bool queued;
};

/* NULL when threads or memory can't be had. */
struct plugin_lane *plugin_lane_new(const struct plugin_lane_size *size);

/* False when the queue, or the owner's share of it, is full, or the lane is closed. */
bool plugin_lane_add(struct plugin_lane *lane, struct plugin_lane_job *job);

/* Takes a job back; false when it runs already or was never queued. */
bool plugin_lane_remove(struct plugin_lane *lane, struct plugin_lane_job *job);

/* Takes no more jobs; those queued are still run. */
void plugin_lane_close(struct plugin_lane *lane);

/* Jobs running or queued. */
size_t plugin_lane_load(struct plugin_lane *lane);

size_t plugin_lane_threads(struct plugin_lane *lane);

/* To be asked at even intervals, always by the same thread: has a job waited for `limit` of them, and none been taken up? Then
 * all threads are lost in something that no budget ends. */
bool plugin_lane_is_stuck(struct plugin_lane *lane, unsigned limit);

/* Closes, joins the threads and frees. NULL is fine. */
void plugin_lane_free(struct plugin_lane *lane);
