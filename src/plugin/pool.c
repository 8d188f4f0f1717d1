#include "pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* The jobs of one mount. Exists while any is queued or runs. */
struct plugin_pool_queue {
    uint64_t mount;
    struct plugin_pool_job *first, *last;
    size_t n_queued;
    size_t n_running;
    uint64_t taken; /* n_taken of the pool when one of its jobs was last taken up: ties are broken by turns */
    struct plugin_pool_queue *next;
};

struct worker {
    struct plugin_pool *pool;
    pthread_t thread;
    struct worker *next; /* in `ended` */
};

struct plugin_pool {
    struct plugin_pool_size size; /* constant */

    pthread_mutex_t lock;             /* guards all below, and all queues */
    pthread_cond_t changed;           /* there is work, or the pool was closed */
    pthread_cond_t retired;           /* a worker has ended */
    struct plugin_pool_queue *active; /* queues with jobs queued or running */
    struct plugin_pool_queue *spare;
    struct plugin_pool_queue common; /* for mounts whose queue could not be allocated, all together */
    size_t n_active;
    size_t n_queued;
    size_t n_running;
    uint64_t n_taken;        /* jobs that were ever taken up */
    uint64_t n_taken_before; /* when plugin_pool_is_stuck() was last called */
    unsigned n_still;        /* how often since then it found that nothing moved */
    struct worker *ended;    /* threads that are to be joined */
    size_t n_workers;
    size_t n_idle;     /* waiting for a job, those that were just woken too */
    size_t n_starting; /* created and not yet there */
    bool closed;
};

/* ---- queues; the lock is held ---- */

static struct plugin_pool_queue *find_queue(struct plugin_pool *pool, uint64_t mount)
{
    struct plugin_pool_queue *queue = pool->active;
    while (queue != NULL && queue->mount != mount)
        queue = queue->next;
    return queue;
}

/* The mount's queue, which joins the active ones if it was not there. */
static struct plugin_pool_queue *open_queue(struct plugin_pool *pool, uint64_t mount)
{
    struct plugin_pool_queue *queue = find_queue(pool, mount);
    if (queue != NULL)
        return queue;
    queue = pool->spare;
    if (queue != NULL) {
        pool->spare = queue->next;
    } else {
        queue = calloc(1, sizeof *queue);
        if (queue == NULL) {
            queue = &pool->common;
            if (queue->n_queued + queue->n_running > 0)
                return queue;
            mount = 0;
        }
    }
    *queue = (struct plugin_pool_queue){ .mount = mount, .next = pool->active };
    pool->active = queue;
    pool->n_active++;
    return queue;
}

static void close_queue_if_done(struct plugin_pool *pool, struct plugin_pool_queue *queue)
{
    struct plugin_pool_queue **at = &pool->active;
    if (queue->n_queued + queue->n_running > 0)
        return;
    while (*at != queue)
        at = &(*at)->next;
    *at = queue->next;
    pool->n_active--;
    if (queue == &pool->common)
        return;
    queue->next = pool->spare;
    pool->spare = queue;
}

static void append(struct plugin_pool *pool, struct plugin_pool_queue *queue, struct plugin_pool_job *job)
{
    job->queue = queue;
    job->next = NULL;
    job->previous = queue->last;
    if (queue->last != NULL)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
    queue->n_queued++;
    pool->n_queued++;
}

static void unlink_job(struct plugin_pool *pool, struct plugin_pool_job *job)
{
    struct plugin_pool_queue *queue = job->queue;
    if (job->previous != NULL)
        job->previous->next = job->next;
    else
        queue->first = job->next;
    if (job->next != NULL)
        job->next->previous = job->previous;
    else
        queue->last = job->previous;
    job->next = job->previous = NULL;
    job->queue = NULL;
    queue->n_queued--;
    pool->n_queued--;
}

/* ---- shares; the lock is held ---- */

/* Threads that one mount may have. One more mount than are active would find room. */
static size_t share_of_mount(const struct plugin_pool *pool)
{
    size_t n_active = pool->n_active > 0 ? pool->n_active : 1;
    size_t share = pool->size.threads / n_active;
    size_t room = pool->size.threads_max / (n_active + 1);
    if (share < pool->size.mount_min)
        share = pool->size.mount_min;
    if (share > room)
        share = room;
    return share > 0 ? share : 1;
}

/* The first job of the mount with the fewest running jobs that has not its share. */
static struct plugin_pool_job *next_job(const struct plugin_pool *pool)
{
    const struct plugin_pool_queue *best = NULL;
    size_t share = share_of_mount(pool);
    for (const struct plugin_pool_queue *queue = pool->active; queue != NULL; queue = queue->next) {
        if (queue->first == NULL || queue->n_running >= share)
            continue;
        if (best == NULL || queue->n_running < best->n_running ||
            (queue->n_running == best->n_running && queue->taken < best->taken))
            best = queue;
    }
    return best == NULL ? NULL : best->first;
}

/* Jobs that would run now if there were threads. */
static size_t count_ready(const struct plugin_pool *pool)
{
    size_t n = 0;
    size_t share = share_of_mount(pool);
    for (const struct plugin_pool_queue *queue = pool->active; queue != NULL; queue = queue->next) {
        size_t n_left = queue->n_running < share ? share - queue->n_running : 0;
        n += queue->n_queued < n_left ? queue->n_queued : n_left;
    }
    return n;
}

/* ---- threads; the lock is held ---- */

static void *work(void *context);

static bool start_worker(struct plugin_pool *pool)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (worker == NULL)
        return false;
    worker->pool = pool;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
        free(worker);
        return false;
    }
    pool->n_workers++;
    pool->n_starting++;
    return true;
}

static void join_ended(struct plugin_pool *pool)
{
    while (pool->ended != NULL) {
        struct worker *worker = pool->ended;
        pool->ended = worker->next;
        pthread_join(worker->thread, NULL); /* it has nothing left to do, and needs no lock for that */
        free(worker);
    }
}

/* Wakes or starts one thread if a job is ready; that one calls it again. Where no thread can be
 * had, those that there are do the work. */
static void call_for_hands(struct plugin_pool *pool)
{
    size_t n_ready = count_ready(pool);
    join_ended(pool);
    if (n_ready == 0)
        return;
    if (n_ready <= pool->n_idle + pool->n_starting || pool->n_workers >= pool->size.threads_max || !start_worker(pool))
        pthread_cond_signal(&pool->changed);
}

/* False after a while without a signal. */
static bool wait_a_while(struct plugin_pool *pool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += pool->size.idle_ms % 1000 * 1000000L;
    until.tv_sec += pool->size.idle_ms / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pool->n_idle++;
    bool signalled = pthread_cond_clockwait(&pool->changed, &pool->lock, CLOCK_MONOTONIC, &until) == 0;
    pool->n_idle--;
    return signalled;
}

/* NULL: this thread is not needed any more. */
static struct plugin_pool_job *wait_for_job(struct plugin_pool *pool)
{
    struct plugin_pool_job *job;
    bool signalled = true;
    while ((job = next_job(pool)) == NULL) {
        if (pool->closed && pool->n_queued == 0)
            return NULL;
        if (!signalled && pool->n_workers > pool->size.threads_min)
            return NULL;
        signalled = wait_a_while(pool);
    }
    return job;
}

static void *work(void *context)
{
    struct worker *self = context;
    struct plugin_pool *pool = self->pool;
    struct plugin_pool_job *job;

    pthread_mutex_lock(&pool->lock);
    pool->n_starting--;
    while ((job = wait_for_job(pool)) != NULL) {
        struct plugin_pool_queue *queue = job->queue;
        unlink_job(pool, job);
        queue->n_running++;
        queue->taken = ++pool->n_taken;
        pool->n_running++;
        call_for_hands(pool);
        pthread_mutex_unlock(&pool->lock);
        job->run(job); /* may free the job */
        pthread_mutex_lock(&pool->lock);
        queue->n_running--;
        pool->n_running--;
        close_queue_if_done(pool, queue);
    }
    self->next = pool->ended;
    pool->ended = self;
    pool->n_workers--;
    if (pool->closed)
        pthread_cond_broadcast(&pool->changed); /* the others look whether they are still needed */
    pthread_cond_signal(&pool->retired);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- the pool ---- */

struct plugin_pool *plugin_pool_new(const struct plugin_pool_size *size)
{
    struct plugin_pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL)
        return NULL;
    pool->size = *size;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pthread_cond_init(&pool->retired, NULL);
    pthread_mutex_lock(&pool->lock);
    while (pool->n_workers < size->threads_min && start_worker(pool))
        continue;
    bool started = pool->n_workers == size->threads_min;
    pthread_mutex_unlock(&pool->lock);
    if (!started) {
        plugin_pool_free(pool);
        return NULL;
    }
    return pool;
}

bool plugin_pool_add(struct plugin_pool *pool, struct plugin_pool_job *job)
{
    pthread_mutex_lock(&pool->lock);
    size_t n_free = pool->size.queue_max - pool->n_queued;
    bool fits = !pool->closed && n_free > 0;
    if (fits) {
        struct plugin_pool_queue *queue = open_queue(pool, job->mount);
        /* As much as it leaves free: so there are places for one more mount, however many fill
         * theirs. */
        fits = queue->n_queued < n_free;
        if (fits)
            append(pool, queue, job);
        close_queue_if_done(pool, queue);
        call_for_hands(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return fits;
}

bool plugin_pool_remove(struct plugin_pool *pool, struct plugin_pool_job *job)
{
    pthread_mutex_lock(&pool->lock);
    struct plugin_pool_queue *queue = job->queue;
    if (queue != NULL) {
        unlink_job(pool, job);
        close_queue_if_done(pool, queue);
    }
    pthread_mutex_unlock(&pool->lock);
    return queue != NULL;
}

struct plugin_pool_job *plugin_pool_take_late(struct plugin_pool *pool, int64_t now_ms, int64_t *ret_next_ms)
{
    struct plugin_pool_job *late = NULL;
    *ret_next_ms = INT64_MAX;
    pthread_mutex_lock(&pool->lock);
    for (struct plugin_pool_queue *queue = pool->active; queue != NULL && late == NULL; queue = queue->next) {
        if (queue->first == NULL)
            continue;
        if (queue->first->deadline_ms <= now_ms)
            late = queue->first;
        else if (queue->first->deadline_ms < *ret_next_ms)
            *ret_next_ms = queue->first->deadline_ms;
    }
    if (late != NULL) {
        struct plugin_pool_queue *queue = late->queue;
        unlink_job(pool, late);
        close_queue_if_done(pool, queue);
    }
    pthread_mutex_unlock(&pool->lock);
    return late;
}

void plugin_pool_close(struct plugin_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

size_t plugin_pool_load(struct plugin_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t load = pool->n_queued + pool->n_running;
    pthread_mutex_unlock(&pool->lock);
    return load;
}

bool plugin_pool_is_stuck(struct plugin_pool *pool, unsigned limit)
{
    pthread_mutex_lock(&pool->lock);
    bool still = pool->n_queued > 0 && pool->n_taken == pool->n_taken_before;
    pool->n_still = still ? pool->n_still + 1 : 0;
    pool->n_taken_before = pool->n_taken;
    bool stuck = pool->n_still >= limit;
    pthread_mutex_unlock(&pool->lock);
    return stuck;
}

size_t plugin_pool_threads(struct plugin_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t n = pool->n_workers;
    pthread_mutex_unlock(&pool->lock);
    return n;
}

static void free_queues(struct plugin_pool_queue *queue)
{
    while (queue != NULL) {
        struct plugin_pool_queue *next = queue->next;
        free(queue);
        queue = next;
    }
}

void plugin_pool_free(struct plugin_pool *pool)
{
    if (pool == NULL)
        return;
    plugin_pool_close(pool);
    pthread_mutex_lock(&pool->lock);
    while (pool->n_workers > 0)
        pthread_cond_wait(&pool->retired, &pool->lock);
    join_ended(pool);
    free_queues(pool->spare);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&pool->changed);
    pthread_cond_destroy(&pool->retired);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
