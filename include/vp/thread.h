/* Threads of our own: condition variables for deadlines, and starts that take no signal. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/* Call once, before the first thread. Old seccomp profiles of container runtimes (Docker before 20.10.10) answer clone3 with
 * EPERM. glibc falls back to clone after ENOSYS only, and starts no thread. So a filter of our own answers ENOSYS. The
 * process and its children keep that filter, and without CAP_SYS_ADMIN also "no new privileges". Elsewhere nothing is
 * changed. */
void vp_threads_settle(void);

/* Its timed waits count on CLOCK_MONOTONIC, as every deadline does. */
void vp_condition_init(pthread_cond_t *condition);

/* Starts a thread with all signals blocked: handlers run in the thread that waits for them. False: none could be
 * started. */
bool vp_thread_start(pthread_t *thread, void *(*run)(void *context), void *context);
