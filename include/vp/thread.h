/* Threads of our own: condition variables for deadlines, and starts that take no signal. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/* Its timed waits count on CLOCK_MONOTONIC, as every deadline does. */
void vp_condition_init(pthread_cond_t *condition);

/* Starts a thread with all signals blocked: handlers run in the thread that waits for them. False: none could be
 * started. */
bool vp_thread_start(pthread_t *thread, void *(*run)(void *context), void *context);
