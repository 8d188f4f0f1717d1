#include "deferred.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vp/clock.h"

struct job {
    struct job *next;
    int64_t due_ms; /* monotonic */
    char *unsettled;
    char mount_id[];
};

struct plugin_deferred {
    const struct logical_backend *backend;
    struct plugin_instances *instances;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    pthread_t thread;
    bool running;
    bool stopping;
    struct job *first; /* by due time, as they came */
    struct job **last;
};

struct plugin_deferred *plugin_deferred_new(const struct logical_backend *backend, struct plugin_instances *instances)
{
    struct plugin_deferred *deferred = calloc(1, sizeof *deferred);
    pthread_condattr_t attributes;

    if (deferred == NULL)
        return NULL;
    deferred->backend = backend;
    deferred->instances = instances;
    deferred->last = &deferred->first;
    pthread_mutex_init(&deferred->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&deferred->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return deferred;
}

static void job_free(struct job *job)
{
    free(job->unsettled);
    free(job);
}

static void finish(struct plugin_deferred *deferred, const char *mount_id, const char *unsettled, bool delivered)
{
    struct plugin_instance *instance = plugin_instances_get(deferred->instances, mount_id);

    if (instance == NULL)
        return;
    const struct logical_call call = { .operation = LOGICAL_UNKNOWN,
                                       .path = "",
                                       .request_id = "",
                                       .mount_point = "",
                                       .storage = &instance->storage,
                                       .system = &instance->system,
                                       .mount = instance->mount };
    deferred->backend->finish(&call, unsettled, delivered);
    plugin_instances_put(deferred->instances, instance);
}

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

/* The next job that is due, or NULL at the end. The lock is held. */
static struct job *wait_for_job(struct plugin_deferred *deferred)
{
    while (!deferred->stopping) {
        struct job *job = deferred->first;
        if (job == NULL) {
            pthread_cond_wait(&deferred->changed, &deferred->lock);
            continue;
        }
        if (job->due_ms <= now_ms()) {
            deferred->first = job->next;
            if (deferred->first == NULL)
                deferred->last = &deferred->first;
            return job;
        }
        const struct timespec until = { .tv_sec = job->due_ms / 1000, .tv_nsec = job->due_ms % 1000 * 1000000 };
        pthread_cond_timedwait(&deferred->changed, &deferred->lock, &until);
    }
    return NULL;
}

static void *run(void *context)
{
    struct plugin_deferred *deferred = context;
    struct job *job;

    pthread_mutex_lock(&deferred->lock);
    while (job = wait_for_job(deferred), job != NULL) {
        pthread_mutex_unlock(&deferred->lock);
        finish(deferred, job->mount_id, job->unsettled, true);
        job_free(job);
        pthread_mutex_lock(&deferred->lock);
    }
    pthread_mutex_unlock(&deferred->lock);
    return NULL;
}

/* Without a thread the job stays: the next one tries again, and Cleanup does it. The lock is held. */
static void start(struct plugin_deferred *deferred)
{
    if (!deferred->running)
        deferred->running = pthread_create(&deferred->thread, NULL, run, deferred) == 0;
}

static struct job *job_new(const char *mount_id, char *unsettled)
{
    size_t len = strlen(mount_id);
    struct job *job = calloc(1, sizeof *job + len + 1);

    if (job == NULL)
        return NULL;
    memcpy(job->mount_id, mount_id, len);
    job->unsettled = unsettled;
    job->due_ms = now_ms() + PLUGIN_DEFERRED_MS;
    return job;
}

void plugin_deferred_add(struct plugin_deferred *deferred, const char *mount_id, char *unsettled, bool delivered)
{
    struct job *job = delivered ? job_new(mount_id, unsettled) : NULL;

    if (job == NULL) {
        finish(deferred, mount_id, unsettled, false);
        free(unsettled);
        return;
    }
    pthread_mutex_lock(&deferred->lock);
    *deferred->last = job;
    deferred->last = &job->next;
    start(deferred);
    pthread_cond_signal(&deferred->changed);
    pthread_mutex_unlock(&deferred->lock);
}

/* The first job of that mount, taken out of the list; NULL without. */
static struct job *take(struct plugin_deferred *deferred, const char *mount_id)
{
    struct job *found = NULL;

    pthread_mutex_lock(&deferred->lock);
    for (struct job **at = &deferred->first; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->mount_id, mount_id) != 0)
            continue;
        found = *at;
        *at = found->next;
        if (found->next == NULL)
            deferred->last = at;
        break;
    }
    pthread_mutex_unlock(&deferred->lock);
    return found;
}

void plugin_deferred_flush(struct plugin_deferred *deferred, const char *mount_id)
{
    struct job *job;

    while (job = take(deferred, mount_id), job != NULL) {
        finish(deferred, mount_id, job->unsettled, true);
        job_free(job);
    }
}

bool plugin_deferred_has(struct plugin_deferred *deferred, const char *mount_id)
{
    bool has = false;

    pthread_mutex_lock(&deferred->lock);
    for (const struct job *job = deferred->first; job != NULL; job = job->next)
        has = has || strcmp(job->mount_id, mount_id) == 0;
    pthread_mutex_unlock(&deferred->lock);
    return has;
}

void plugin_deferred_free(struct plugin_deferred *deferred)
{
    if (deferred == NULL)
        return;
    pthread_mutex_lock(&deferred->lock);
    deferred->stopping = true;
    pthread_cond_signal(&deferred->changed);
    pthread_mutex_unlock(&deferred->lock);
    if (deferred->running)
        pthread_join(deferred->thread, NULL);
    while (deferred->first != NULL) {
        struct job *job = deferred->first;
        deferred->first = job->next;
        job_free(job);
    }
    pthread_cond_destroy(&deferred->changed);
    pthread_mutex_destroy(&deferred->lock);
    free(deferred);
}
