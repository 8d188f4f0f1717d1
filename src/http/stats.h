/* Private to the room: writing the counters. `stats` may be NULL. */
#pragma once

#include "vp/http.h"

#include "client.h"

/* A try came to an end of its own: an answer, or a failure that the exchange holds. */
void http_stats_count(struct http_stats *stats, const struct http_exchange *exchange);

/* A try, or the wish for one, was ended from here. */
void http_stats_failed(struct http_stats *stats, enum vp_reason reason);

/* A job changes its state; HTTP_JOB_DONE stands for "not there" at either end. */
void http_stats_move(struct http_stats *stats, enum http_job_state from, enum http_job_state to);
