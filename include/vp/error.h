/* What went wrong, in one closed list, with words for two readers.
 *
 * A reason is a stable word (docs/reference/reasons.md) that stands in the log and that admins see; its code says what a
 * caller may do about it and is the only thing that src/plugin/translate.c turns into a status on the wire.
 * `message` is for whoever sent the request: one line, no secret, nothing of an upstream body.
 * `detail` is for the log: which call, which status, a library's own text. Never a secret either.
 * Fixed arrays, so that reporting "no memory" allocates nothing. Not shared between threads.
 *
 * An `err` parameter is never NULL, in any function of any module: a caller that only needs the code passes a local
 * struct. It is written on failure; after VP_OK its content means nothing. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define VP_MUST_USE __attribute__((warn_unused_result))
#define VP_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

/* Frees at the end of the scope: VP_AUTO(arv_user_freep) struct arv_user *user = NULL; */
#define VP_AUTO(freep) __attribute__((cleanup(freep)))

/* Number of items of an array. */
#define VP_LEN(array) (sizeof(array) / sizeof(array)[0])

/* Moves ownership out of a variable that a VP_AUTO would free. */
#define VP_TAKE(pointer)                      \
    __extension__({                           \
        __typeof__(pointer) taken_ = pointer; \
        (pointer) = NULL;                     \
        taken_;                               \
    })

/* Moves a value out of a variable that a VP_AUTO would clear; what stays is zeroed. */
#define VP_MOVE(value)                      \
    __extension__({                         \
        __typeof__(value) moved_ = (value); \
        (value) = (__typeof__(value)){ 0 }; \
        moved_;                             \
    })

/* Returns the failure of a fallible call. The only control-flow macro. */
#define VP_TRY(expression)                     \
    do {                                       \
        enum vp_code code_tried_ = expression; \
        if (code_tried_ != VP_OK)              \
            return code_tried_;                \
    } while (0)

enum vp_code {
    VP_OK,
    VP_ERR_INPUT,       /* the request is wrong; the text says how to mend it */
    VP_ERR_DENIED,      /* identity or policy says no; a stranger learns only that */
    VP_ERR_NOT_FOUND,   /* nothing under that name */
    VP_ERR_OPERATION,   /* the path has no such operation */
    VP_ERR_UPSTREAM,    /* Arvados answered what can't be right */
    VP_ERR_UNAVAILABLE, /* not answered in time; the same request may pass later */
    VP_ERR_INTERNAL,    /* our own state or the operator's set-up is broken */
    VP_ERR_HOST,        /* the host's own words; it acts on their exact text, so they pass unchanged */
};

/* name, word, code. The words of the shared contract, and behind INTERNAL those of arv-vault; order has no meaning. */
#define VP_REASONS(X)                                                      \
    X(BAD_REQUEST, "bad_request", VP_ERR_INPUT)                            \
    X(TOKEN_MALFORMED, "token_malformed", VP_ERR_INPUT)                    \
    X(NOT_CONFIGURED, "not_configured", VP_ERR_INPUT)                      \
    X(ROLE_UNKNOWN, "role_unknown", VP_ERR_INPUT)                          \
    X(ROLE_REQUIRED, "role_required", VP_ERR_INPUT)                        \
    X(SERVICE_TOKEN_MISSING, "service_token_missing", VP_ERR_INPUT)        \
    X(TOKEN_REJECTED, "token_rejected", VP_ERR_DENIED)                     \
    X(TOKEN_SCOPE, "token_scope", VP_ERR_DENIED)                           \
    X(NOT_CONTAINER_TOKEN, "not_container_token", VP_ERR_DENIED)           \
    X(NOT_USER_TOKEN, "not_user_token", VP_ERR_DENIED)                     \
    X(CONTAINER_NOT_RUNNING, "container_not_running", VP_ERR_DENIED)       \
    X(RUNTIME_TOKEN, "runtime_token", VP_ERR_DENIED)                       \
    X(USER_INACTIVE, "user_inactive", VP_ERR_DENIED)                       \
    X(USER_MERGED, "user_merged", VP_ERR_DENIED)                           \
    X(USER_FORBIDDEN, "user_forbidden", VP_ERR_DENIED)                     \
    X(CLUSTER_NOT_ALLOWED, "cluster_not_allowed", VP_ERR_DENIED)           \
    X(BOUND_USER, "bound_mismatch:bound_user_uuids", VP_ERR_DENIED)        \
    X(BOUND_GROUP, "bound_mismatch:bound_group_uuids", VP_ERR_DENIED)      \
    X(BOUND_IMAGE, "bound_mismatch:bound_container_images", VP_ERR_DENIED) \
    X(CIDR_MISMATCH, "cidr_mismatch", VP_ERR_DENIED)                       \
    X(WINDOW_CLOSED, "window_closed", VP_ERR_DENIED)                       \
    X(INTERACTIVE_SESSION, "interactive_session", VP_ERR_DENIED)           \
    X(NO_ALIAS, "no_alias", VP_ERR_DENIED)                                 \
    X(NO_GRANT, "no_grant", VP_ERR_DENIED)                                 \
    X(TOO_MANY_POLICIES, "too_many_policies", VP_ERR_DENIED)               \
    X(LIFETIME_TOO_SHORT, "lifetime_too_short", VP_ERR_DENIED)             \
    X(NOT_FOUND, "not_found", VP_ERR_NOT_FOUND)                            \
    X(UNSUPPORTED_OPERATION, "unsupported_operation", VP_ERR_OPERATION)    \
    X(UPSTREAM_UNREACHABLE, "upstream_unreachable", VP_ERR_UNAVAILABLE)    \
    X(UPSTREAM_TIMEOUT, "upstream_timeout", VP_ERR_UNAVAILABLE)            \
    X(UPSTREAM_TLS, "upstream_tls", VP_ERR_UNAVAILABLE)                    \
    X(UPSTREAM_DNS, "upstream_dns", VP_ERR_UNAVAILABLE)                    \
    X(UPSTREAM_BUSY, "upstream_busy", VP_ERR_UNAVAILABLE)                  \
    X(UPSTREAM_ERROR, "upstream_error", VP_ERR_UNAVAILABLE)                \
    X(OVERLOADED, "overloaded", VP_ERR_UNAVAILABLE)                        \
    X(LOGINS_OFF, "logins_off", VP_ERR_UNAVAILABLE)                        \
    X(CANCELLED, "cancelled", VP_ERR_UNAVAILABLE)                          \
    X(UPSTREAM_BAD_ANSWER, "upstream_bad_answer", VP_ERR_UPSTREAM)         \
    X(LINKS_INCOMPLETE, "links_incomplete", VP_ERR_UPSTREAM)               \
    X(WRONG_CLUSTER, "wrong_cluster", VP_ERR_UPSTREAM)                     \
    X(SERVICE_TOKEN, "service_token", VP_ERR_INTERNAL)                     \
    X(ADMIN_TOKEN, "admin_token", VP_ERR_INTERNAL)                         \
    X(CONFIG_UNREADABLE, "config_unreadable", VP_ERR_INTERNAL)             \
    X(INTERNAL, "internal", VP_ERR_INTERNAL)                               \
    X(USAGE, "usage", VP_ERR_INPUT)                                        \
    X(LOCAL_CONFIG, "local_config", VP_ERR_INPUT)                          \
    X(LOCAL_IO, "local_io", VP_ERR_INTERNAL)                               \
    X(SECRET_MISSING, "secret_missing", VP_ERR_NOT_FOUND)                  \
    X(VERSION_CONFLICT, "version_conflict", VP_ERR_UNAVAILABLE)            \
    X(FORBIDDEN, "forbidden", VP_ERR_DENIED)                               \
    X(VAULT_TOKEN, "vault_token", VP_ERR_DENIED)                           \
    X(VAULT_REFUSES, "vault_refuses", VP_ERR_OPERATION)                    \
    X(HOST, "host", VP_ERR_HOST)

enum vp_reason {
    VP_REASON_NONE, /* nothing went wrong */
#define X(name, word, code) VP_REASON_##name,
    VP_REASONS(X)
#undef X
        VP_REASON_N
};

struct vp_error {
    enum vp_reason reason;
    char message[512];
    char detail[512];
};

/* The stable word; "" for VP_REASON_NONE. */
const char *vp_reason_word(enum vp_reason reason);
enum vp_code vp_reason_code(enum vp_reason reason);

/* Fills `err` (its old content is dropped) and returns the reason's code, so that raising is one line. Text that does
 * not fit is cut at a whole UTF-8 character. Line ends and tabs become blanks; other control
 * characters, bidirectional marks and bytes that are not UTF-8 become '?'.
 * Untrusted text in formats is capped by the caller (%.64s). */
enum vp_code vp_fail(struct vp_error *err, enum vp_reason reason, const char *format, ...) VP_PRINTF(3, 4);

/* Adds to the detail, with "; " between; the way to give context on the way up. */
void vp_error_add_detail(struct vp_error *err, const char *format, ...) VP_PRINTF(2, 3);

/* The one message for memory that could not be had. */
enum vp_code vp_fail_no_memory(struct vp_error *err);
