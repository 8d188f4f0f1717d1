#include "request_log.h"

#include "vp/clock.h"
#include "vp/log.h"

#include "translate.h"

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

/* The operator's business is an error, the caller's own fault is not. A standby's storage errors are the way it tells
 * the host to forward a request. */
static enum vp_log_level level_of(const struct logical_call *call, const struct vp_error *failure)
{
    bool forwarded = failure->reason == VP_REASON_HOST && call->standby;

    if (failure->reason == VP_REASON_CANCELLED || forwarded || plugin_translate_is_callers(failure))
        return VP_LOG_DEBUG;
    return VP_LOG_ERROR;
}

enum { FIELDS_MAX = 24 };

/* The request itself, what its handler found out about it, and `more`, which ends with an empty field. */
static void log_request(enum vp_log_level level, const char *message, const struct logical_call *call,
                        const struct vp_log_field *more)
{
    struct vp_log_field fields[FIELDS_MAX] = { { "path", text_or_empty(call->route), 0 },
                                               { "operation", logical_operation_word(call->operation), 0 },
                                               { "mount", text_or_empty(call->mount_point), 0 },
                                               { "request_id", text_or_empty(call->request_id), 0 } };
    size_t n = 4;
    for (size_t i = 0; call->reply != NULL && i < call->reply->log.n && n < FIELDS_MAX / 2; i++)
        fields[n++] = (struct vp_log_field){ call->reply->log.items[i].key, call->reply->log.items[i].value, 0 };
    for (; more->key != NULL && n + 1 < FIELDS_MAX; more++)
        fields[n++] = *more;
    vp_log(level, message, fields);
}

static void log_failure(const struct logical_call *call, const struct vp_error *failure, int64_t took_ms)
{
    log_request(level_of(call, failure), "request failed", call,
                (const struct vp_log_field[]){ { "reason", vp_reason_word(failure->reason), 0 },
                                               { "error", failure->message, 0 },
                                               { "detail", failure->detail, 0 },
                                               { "took_ms", NULL, took_ms },
                                               { 0 } });
}

static void log_token(const struct logical_call *call, const char *message, int64_t ttl_s, int64_t took_ms)
{
    log_request(VP_LOG_DEBUG, message, call,
                (const struct vp_log_field[]){ { "ttl_s", NULL, ttl_s }, { "took_ms", NULL, took_ms }, { 0 } });
}

void plugin_request_log(const struct logical_call *call, const struct vp_error *failure, int64_t arrived_ms)
{
    int64_t took_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) - arrived_ms;

    /* Hosts ask for operations that nobody has, for each request and each minute. */
    if (failure != NULL && vp_reason_code(failure->reason) != VP_ERR_OPERATION)
        log_failure(call, failure, took_ms);
    else if (failure == NULL && call->reply != NULL && call->reply->auth != NULL)
        log_token(call, "login", call->reply->auth->ttl_s, took_ms);
    else if (failure == NULL && call->reply != NULL && call->reply->renewed)
        log_token(call, "renewal", call->reply->ttl_s, took_ms);
    else if (failure == NULL && call->reply != NULL && call->reply->secret != NULL)
        log_token(call, call->operation == LOGICAL_RENEW ? "lease renewal" : "lease", call->reply->secret->ttl_s,
                  took_ms);
}
