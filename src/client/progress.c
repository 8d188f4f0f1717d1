#include "progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "vp/thread.h"

enum { SILENT_S = 2 };

struct cli_progress {
    const char *what;
    pthread_t thread;
    pthread_mutex_t lock; /* guards `ended` */
    pthread_cond_t change;
    bool ended;
};

static void *tell(void *context)
{
    struct cli_progress *progress = context;
    struct timespec next;
    bool told = false;
    (void)clock_gettime(CLOCK_MONOTONIC, &next);
    time_t start = next.tv_sec;
    next.tv_sec += SILENT_S;
    pthread_mutex_lock(&progress->lock);
    while (!progress->ended) {
        if (pthread_cond_timedwait(&progress->change, &progress->lock, &next) == 0)
            continue;
        (void)fprintf(stderr, "\r\033[Karv-vault: waiting for %s, %lld s ...", progress->what,
                      (long long)(next.tv_sec - start));
        told = true;
        next.tv_sec++;
    }
    pthread_mutex_unlock(&progress->lock);
    if (told)
        (void)fprintf(stderr, "\r\033[K");
    return NULL;
}

struct cli_progress *cli_progress_begin(const char *what, bool quiet)
{
    struct cli_progress *progress;
    if (quiet || isatty(STDERR_FILENO) != 1)
        return NULL;
    progress = calloc(1, sizeof *progress);
    if (progress == NULL)
        return NULL;
    progress->what = what;
    (void)pthread_mutex_init(&progress->lock, NULL);
    vp_condition_init(&progress->change);
    if (!vp_thread_start(&progress->thread, tell, progress)) {
        free(progress);
        return NULL;
    }
    return progress;
}

void cli_progress_end(struct cli_progress *progress)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->ended = true;
    pthread_cond_signal(&progress->change);
    pthread_mutex_unlock(&progress->lock);
    (void)pthread_join(progress->thread, NULL);
    (void)pthread_cond_destroy(&progress->change);
    (void)pthread_mutex_destroy(&progress->lock);
    free(progress);
}
