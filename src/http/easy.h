/* One try of one exchange: the libcurl handle with all its options, what came back, and what that
 * means. Used by the thread that drives the round. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "vp/http.h"

#include "site.h"

struct http_try;

/* Sets every option once on a handle that is thrown away. VP_REASON_INTERNAL names the option that
 * this libcurl lacks. */
VP_MUST_USE enum vp_code http_easy_check(struct vp_error *err);

/* A handle ready for curl_multi_add_handle(), for at most `budget_ms` (> 0). Empties the exchange's
 * outcome. Most often one that the bundle had before, with its fifty options set.
 * VP_REASON_INTERNAL: no memory, or libcurl takes no option. */
VP_MUST_USE enum vp_code http_try_new(struct http_site *site, struct http_bundle *bundle,
                                      struct http_exchange *exchange, int64_t budget_ms, void *owner,
                                      struct http_try **ret_try, struct vp_error *err);
CURL *http_try_handle(struct http_try *attempt);

/* Wipes what was secret and gives the handle back to its bundle, never more of them than ran at one
 * time; it must not be in a multi any more. NULL is fine. */
void http_try_free(struct http_try *attempt);

/* How an overloaded server answers: 429, or 503. */
enum { HTTP_TOO_MANY = 429, HTTP_SERVER_ERROR = 500, HTTP_UNAVAILABLE = 503 };
bool http_says_busy(int status);

/* Frees the handles that wait in a bundle. */
void http_try_free_idle(struct http_bundle *bundle);

/* Writes the exchange's status and error. True when another try might do better; then *ret_pause_ms
 * is how long the server asked to be left alone (0: it did not). */
bool http_try_finish(struct http_try *attempt, CURLcode code, int64_t *ret_pause_ms);
