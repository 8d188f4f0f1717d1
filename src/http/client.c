/* One thread owns the curl_multi, every transfer and every counter of the sites; callers hand it their rounds through
 * one locked list and sleep until they are finished. So no lock is held while anything is done. */
#include "client.h"

#include <assert.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>

#include "vp/clock.h"

#include "easy.h"
#include "stats.h"

enum {
    POOL_MAX = 1024,      /* connections of all sites together that are kept; more are made anew again and again */
    PAUSE_FIRST_MS = 100, /* before the second try, plus or minus half; doubles from try to try */
    PAUSE_DOUBLINGS_MAX = 4,
    IDLE_POLL_MS = 60 * 1000,
    WAKE_TRIES = 3,
};

struct http_client {
    CURLM *multi;
    pthread_t thread;
    atomic_uint_least64_t n_sites;

    /* of the transfer thread alone */
    struct http_work *works; /* in order of arrival, which is the order of the queue */
    unsigned jitter_seed;

    pthread_mutex_t lock; /* guards all below, and `finished` of every work */
    struct http_work *arrived;
    struct http_work **arrived_end;
    size_t n_callers;
    pthread_cond_t callers_gone;
    bool stopping;
};

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

/* ---- jobs; transfer thread ---- */

static void set_state(struct http_job *job, enum http_job_state state)
{
    struct http_site *site = job->work->site;
    site->n_running -= job->state == HTTP_JOB_RUNNING;
    site->n_waiting -= job->state == HTTP_JOB_QUEUED || job->state == HTTP_JOB_PAUSED;
    http_stats_move(site->stats, job->state, state);
    job->state = state;
    site->n_running += job->state == HTTP_JOB_RUNNING;
    site->n_waiting += job->state == HTTP_JOB_QUEUED || job->state == HTTP_JOB_PAUSED;
}

static void end_attempt(struct http_client *client, struct http_job *job)
{
    if (job->attempt == NULL)
        return;
    (void)curl_multi_remove_handle(client->multi, http_try_handle(job->attempt));
    http_try_free(job->attempt);
    job->attempt = NULL;
}

/* For good, without asking the server any further. */
static void give_up(struct http_client *client, struct http_job *job, enum vp_reason reason, const char *words)
{
    if (job->state == HTTP_JOB_RUNNING || reason == VP_REASON_OVERLOADED)
        http_stats_failed(job->work->site->stats, reason);
    end_attempt(client, job);
    vp_buf_clear(&job->exchange->body);
    job->exchange->status = 0;
    (void)vp_fail(&job->exchange->error, reason, "%s", words);
    vp_error_add_detail(&job->exchange->error, "%s, %u tries", job->work->site->host_and_port, job->exchange->tries);
    set_state(job, HTTP_JOB_DONE);
}

static void start(struct http_client *client, struct http_job *job)
{
    struct vp_error error;
    int64_t budget_ms = job->work->deadline_ms - now_ms();
    if (budget_ms <= 0)
        return; /* drop_late() has it next */
    if (http_try_new(job->work->site, job->exchange, budget_ms, job, &job->attempt, &error) != VP_OK) {
        job->exchange->error = error;
        set_state(job, HTTP_JOB_DONE);
        return;
    }
    job->exchange->tries++;
    set_state(job, HTTP_JOB_RUNNING);
    if (curl_multi_add_handle(client->multi, http_try_handle(job->attempt)) != CURLM_OK)
        give_up(client, job, VP_REASON_INTERNAL, "libcurl did not take a request");
}

/* Between half of the doubling pause and one and a half of it, so that callers don't come back all at once. */
static int64_t jittered_pause_ms(struct http_client *client, unsigned times)
{
    unsigned doublings = times - 1 < PAUSE_DOUBLINGS_MAX ? times - 1 : PAUSE_DOUBLINGS_MAX;
    int64_t pause_ms = (int64_t)PAUSE_FIRST_MS << doublings;
    return pause_ms / 2 + rand_r(&client->jitter_seed) % pause_ms;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* An overloaded server says so to one request; all others that wait for it hear it as well. */
static void back_off_together(struct http_client *client, struct http_site *site, int status, int64_t asked_pause_ms)
{
    if (!http_says_busy(status)) {
        site->n_busy = 0;
        return;
    }
    site->n_busy++;
    int64_t pause_ms = later(asked_pause_ms, jittered_pause_ms(client, site->n_busy));
    site->resume_ms = later(site->resume_ms, now_ms() + pause_ms);
}

/* The try is over; what it brought stays unless another one fits into the budget. */
static void end_transfer(struct http_client *client, struct http_job *job, CURLcode code)
{
    struct http_site *site = job->work->site;
    int64_t asked_pause_ms = 0;
    bool worth_another = http_try_finish(job->attempt, code, &asked_pause_ms);
    http_stats_count(site->stats, job->exchange);
    end_attempt(client, job);
    set_state(job, HTTP_JOB_DONE);
    if (job->exchange->status != 0)
        back_off_together(client, site, job->exchange->status, asked_pause_ms);
    if (!worth_another || job->exchange->tries > site->max_retries)
        return;
    int64_t pause_ms = later(asked_pause_ms, jittered_pause_ms(client, job->exchange->tries));
    job->due_ms = later(site->resume_ms, now_ms() + pause_ms);
    if (job->due_ms < job->work->deadline_ms)
        set_state(job, HTTP_JOB_PAUSED);
}

static void read_messages(struct http_client *client)
{
    int n_left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &n_left)) != NULL) {
        struct http_job *job = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        /* What can't be told apart stays until its deadline. */
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job) == CURLE_OK && job != NULL)
            end_transfer(client, job, code);
    }
}

/* ---- rounds; transfer thread ---- */

/* All of a round or nothing of it: half of an answer is of no use to anybody. */
static void admit(struct http_client *client, struct http_work *work)
{
    struct http_site *site = work->site;
    size_t n_free = site->n_running < site->max_concurrent ? site->max_concurrent - site->n_running : 0;
    size_t n_places = n_free + site->max_queued;
    bool fits = site->n_waiting <= n_places && work->n <= n_places - site->n_waiting;
    for (size_t i = 0; i < work->n; i++) {
        site->n_waiting++; /* as every job is born queued */
        http_stats_move(site->stats, HTTP_JOB_DONE, HTTP_JOB_QUEUED);
        if (!fits)
            give_up(client, &work->jobs[i], VP_REASON_OVERLOADED, "too many requests wait for the server already");
    }
}

static void give_up_work(struct http_client *client, struct http_work *work, enum vp_reason reason, const char *words)
{
    for (size_t i = 0; i < work->n; i++)
        if (work->jobs[i].state != HTTP_JOB_DONE)
            give_up(client, &work->jobs[i], reason, words);
}

static void drop_late(struct http_client *client, int64_t now)
{
    for (struct http_work *work = client->works; work != NULL; work = work->next) {
        if (atomic_load(&work->cancelled))
            give_up_work(client, work, VP_REASON_CANCELLED, "nobody waits for the answer any more");
        else if (work->deadline_ms <= now)
            give_up_work(client, work, VP_REASON_UPSTREAM_TIMEOUT, "the server did not answer in time");
    }
}

static void start_if_possible(struct http_client *client, struct http_job *job, int64_t now)
{
    const struct http_site *site = job->work->site;
    if (site->resume_ms > job->work->deadline_ms)
        give_up(client, job, VP_REASON_UPSTREAM_BUSY,
                "the server is overloaded and asked for a longer pause than there is time");
    else if (site->n_running < site->max_concurrent && site->resume_ms <= now)
        start(client, job);
}

static void start_queued(struct http_client *client, int64_t now)
{
    for (struct http_work *work = client->works; work != NULL; work = work->next)
        for (size_t i = 0; i < work->n; i++) {
            struct http_job *job = &work->jobs[i];
            if (job->state == HTTP_JOB_PAUSED && job->due_ms <= now)
                set_state(job, HTTP_JOB_QUEUED);
            if (job->state == HTTP_JOB_QUEUED)
                start_if_possible(client, job, now);
        }
}

static bool is_done(const struct http_work *work)
{
    for (size_t i = 0; i < work->n; i++)
        if (work->jobs[i].state != HTTP_JOB_DONE)
            return false;
    return true;
}

/* The caller may be gone, and with it the work and its site, as soon as the lock is let go. */
static void announce(struct http_client *client, struct http_work *work)
{
    pthread_mutex_lock(&client->lock);
    work->finished = true;
    pthread_cond_signal(&work->finish);
    pthread_mutex_unlock(&client->lock);
}

static void announce_done(struct http_client *client)
{
    struct http_work **at = &client->works;
    while (*at != NULL) {
        struct http_work *work = *at;
        if (!is_done(work)) {
            at = &work->next;
            continue;
        }
        *at = work->next;
        announce(client, work);
    }
}

/* False once the client is to end. */
static bool take_arrived(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    struct http_work *arrived = client->arrived;
    bool stopping = client->stopping;
    client->arrived = NULL;
    client->arrived_end = &client->arrived;
    pthread_mutex_unlock(&client->lock);

    struct http_work **end = &client->works;
    while (*end != NULL)
        end = &(*end)->next;
    *end = arrived;
    for (struct http_work *work = arrived; work != NULL; work = work->next)
        admit(client, work);
    return !stopping;
}

/* When time alone lets the job go on. */
static int64_t due_of(const struct http_job *job)
{
    const struct http_site *site = job->work->site;
    if (job->state == HTTP_JOB_PAUSED)
        return job->due_ms;
    /* It may have come about since the last look; whoever waits for a place is woken by its leaving. */
    return job->state == HTTP_JOB_QUEUED && site->n_running < site->max_concurrent ? site->resume_ms : INT64_MAX;
}

/* How long nothing but the network and a wake-up can matter. libcurl knows its own timers. */
static int poll_ms(const struct http_client *client)
{
    int64_t now = now_ms();
    int64_t wait_ms = IDLE_POLL_MS;
    for (const struct http_work *work = client->works; work != NULL; work = work->next) {
        int64_t next_ms = work->deadline_ms;
        for (size_t i = 0; i < work->n; i++) {
            int64_t due_ms = due_of(&work->jobs[i]);
            if (due_ms < next_ms)
                next_ms = due_ms;
        }
        if (next_ms - now < wait_ms)
            wait_ms = next_ms - now;
    }
    return wait_ms < 0 ? 0 : (int)wait_ms;
}

static void *transfer(void *context)
{
    struct http_client *client = context;
    while (take_arrived(client)) {
        int n_running = 0;
        int64_t now = now_ms();
        drop_late(client, now);
        start_queued(client, now);
        (void)curl_multi_perform(client->multi, &n_running);
        read_messages(client);
        start_queued(client, now_ms());
        announce_done(client);
        (void)curl_multi_poll(client->multi, NULL, 0, poll_ms(client), NULL);
    }
    for (struct http_work *work = client->works; work != NULL; work = work->next)
        give_up_work(client, work, VP_REASON_CANCELLED, "the plugin is ending");
    announce_done(client);
    return NULL;
}

/* ---- callers ---- */

void http_client_run(struct http_client *client, struct http_work *work)
{
    pthread_mutex_lock(&client->lock);
    client->n_callers++;
    *client->arrived_end = work;
    client->arrived_end = &work->next;
    pthread_mutex_unlock(&client->lock);
    http_client_wake(client);

    pthread_mutex_lock(&client->lock);
    while (!work->finished)
        pthread_cond_wait(&work->finish, &client->lock);
    client->n_callers--;
    if (client->n_callers == 0)
        pthread_cond_signal(&client->callers_gone);
    pthread_mutex_unlock(&client->lock);
}

/* A wake-up that got lost would leave the round to the thread's next look of its own, a minute later. */
void http_client_wake(struct http_client *client)
{
    for (int i = 0; i < WAKE_TRIES && curl_multi_wakeup(client->multi) != CURLM_OK; i++)
        continue;
}

uint64_t http_client_number_site(struct http_client *client)
{
    return atomic_fetch_add(&client->n_sites, 1);
}

/* ---- life ---- */

/* Signals are for the threads of the process that ask for them. */
static bool start_thread(struct http_client *client)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&client->thread, NULL, transfer, client) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static enum vp_code init_curl(struct http_client *client, struct vp_error *err)
{
    /* libcurl would write the session keys of every connection into that file, and has no option against it. */
    (void)unsetenv("SSLKEYLOGFILE");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return vp_fail(err, VP_REASON_INTERNAL, "libcurl can't be initialised");
    enum vp_code code = http_easy_check(err);
    if (code == VP_OK) {
        client->multi = curl_multi_init();
        if (client->multi == NULL)
            code = vp_fail_no_memory(err);
        else if (curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) != CURLM_OK ||
                 curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)POOL_MAX) != CURLM_OK)
            code = vp_fail(err, VP_REASON_INTERNAL, "libcurl does not take an option of the connection pool");
        /* Made without descriptors to spare, it would be deaf: rounds would wait for ever. */
        else if (curl_multi_wakeup(client->multi) != CURLM_OK)
            code = vp_fail(err, VP_REASON_INTERNAL, "the thread for requests can't be woken: no descriptors are left");
    }
    if (code != VP_OK) {
        (void)curl_multi_cleanup(client->multi);
        curl_global_cleanup();
    }
    return code;
}

static void clear_curl(struct http_client *client)
{
    (void)curl_multi_cleanup(client->multi);
    curl_global_cleanup();
}

enum vp_code http_client_new(struct http_client **ret_client, struct vp_error *err)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return vp_fail_no_memory(err);
    enum vp_code code = init_curl(client, err);
    if (code != VP_OK) {
        free(client);
        return code;
    }
    client->arrived_end = &client->arrived;
    client->jitter_seed = (unsigned)now_ms();
    (void)pthread_mutex_init(&client->lock, NULL);
    (void)pthread_cond_init(&client->callers_gone, NULL);
    if (!start_thread(client)) {
        clear_curl(client);
        free(client);
        return vp_fail(err, VP_REASON_INTERNAL, "no thread for requests can be had");
    }
    *ret_client = client;
    return VP_OK;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    pthread_mutex_lock(&client->lock);
    client->stopping = true;
    pthread_mutex_unlock(&client->lock);
    http_client_wake(client);
    (void)pthread_join(client->thread, NULL);
    pthread_mutex_lock(&client->lock);
    while (client->n_callers > 0)
        pthread_cond_wait(&client->callers_gone, &client->lock);
    pthread_mutex_unlock(&client->lock);
    clear_curl(client);
    (void)pthread_cond_destroy(&client->callers_gone);
    (void)pthread_mutex_destroy(&client->lock);
    free(client);
}
