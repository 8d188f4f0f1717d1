#include <stdlib.h>

#include "vp/http.h"

#include "client.h"

static void cancel(void *context)
{
    struct http_work *work = context;
    atomic_store(&work->cancelled, true);
    http_client_wake(work->site->client);
}

static enum vp_code first_failure(const struct http_exchange *exchanges, size_t n, struct vp_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (exchanges[i].error.reason != VP_REASON_NONE) {
            if (err != NULL)
                *err = exchanges[i].error;
            return vp_reason_code(exchanges[i].error.reason);
        }
    return VP_OK;
}

static void free_jobsp(struct http_job **jobs)
{
    free(*jobs);
}

enum vp_code http_round(struct http_site *site, struct http_exchange *exchanges, size_t n, int64_t deadline_ms,
                        struct vp_cancel *cancellation, struct vp_error *err)
{
    if (n == 0)
        return VP_OK;
    VP_AUTO(free_jobsp) struct http_job *jobs = calloc(n, sizeof *jobs);
    if (jobs == NULL)
        return vp_fail_no_memory(err);
    struct http_work work = {
        .site = site, .jobs = jobs, .n = n, .deadline_ms = deadline_ms, .finish = PTHREAD_COND_INITIALIZER
    };
    for (size_t i = 0; i < n; i++) {
        exchanges[i].tries = 0;
        exchanges[i].took_ms = 0;
        http_exchange_clear(&exchanges[i]);
        jobs[i] = (struct http_job){ .exchange = &exchanges[i], .work = &work, .state = HTTP_JOB_QUEUED };
    }
    vp_cancel_listen(cancellation, cancel, &work);
    http_client_run(site->client, &work);
    vp_cancel_unlisten(cancellation);
    (void)pthread_cond_destroy(&work.finish);
    return first_failure(exchanges, n, err);
}

void http_exchange_clear(struct http_exchange *exchange)
{
    vp_buf_clear(&exchange->body);
    exchange->error = (struct vp_error){ 0 };
    exchange->status = 0;
}
