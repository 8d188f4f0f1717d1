/* Private to the room: writing the counters. `stats` may be NULL. */
#pragma once

#include "vp/http.h"

/* A try came to an end of its own: an answer, or a failure that the exchange holds. */
void http_stats_count(struct http_stats *stats, const struct http_exchange *exchange);

/* A try, or the wish for one, was ended from here. */
void http_stats_failed(struct http_stats *stats, enum vp_reason reason);

/* So many more tries run; -1: one fewer. */
void http_stats_in_flight(struct http_stats *stats, int change);
