/* The transfer thread and what it is given. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vp/http.h"

#include "site.h"

enum http_job_state { HTTP_JOB_QUEUED, HTTP_JOB_RUNNING, HTTP_JOB_PAUSED, HTTP_JOB_DONE };

/* An exchange on its way through the transfer thread. */
struct http_job {
    struct http_exchange *exchange;
    struct http_work *work;
    struct http_try *attempt; /* while running */
    enum http_job_state state;
    int64_t due_ms; /* while paused: when to queue again */
};

/* A round. Belongs to the blocked caller; between submitting and `finished` only the transfer thread touches it, except
 * for `cancelled`. */
struct http_work {
    struct http_site *site;
    struct http_job *jobs;
    size_t n;
    int64_t deadline_ms;
    atomic_bool cancelled; /* set by whoever cancels, followed by http_client_wake() */
    struct http_work *next;
    bool finished; /* guarded by the client's lock */
    pthread_cond_t finish;
};

/* Hands over the work and blocks until it is finished: every job is HTTP_JOB_DONE, its exchange holds the outcome. */
void http_client_run(struct http_client *client, struct http_work *work);

/* Makes the transfer thread look around. Any thread. */
void http_client_wake(struct http_client *client);

/* A number that no other site of this client has. */
uint64_t http_client_number_site(struct http_client *client);
