/* Private to the module: tokens that Arvados refused within the last 10 s are refused again from memory.
 *
 * Login is unauthenticated, so any client can send one bogus token again and again. Each login would cost Arvados three
 * requests and hold a turn. With this memory a flood of one token costs three requests each 10 s.
 *
 * - Only a confirmed refusal is kept: Arvados answered 401 twice, and accepts the service token. A mount without a service token
 *   keeps nothing, as it can't tell a refused token from an Arvados whose database is down.
 * - A token that Arvados accepted once is never refused from memory; it is asked about each time. The accepted tokens have a
 *   table of their own, which refused ones can't push them out of. If more tokens log in than it holds, the one used least
 *   recently is forgotten. For that one a confirmed refusal counts for 10 s, as for a token that never logged in.
 * - The 10 s count from before Arvados was asked, so a token that becomes valid is accepted 10 s later at most.
 * - Tokens are recognised by a keyed hash. The key is random and of this process; the memory is of one config (struct auth_site),
 *   so a changed config, with another host for example, starts with an empty one.
 * - Both tables have a fixed size, charged to the mount's budget.
 *
 * While a token is not known yet, one login asks about it and others with the same token wait for the outcome. */
#pragma once

#include "vp/budget.h"

#include "identity.h"

enum { AUTH_REFUSED_FOR_MS = 10 * 1000, AUTH_REFUSED_MAX = 4096, AUTH_ACCEPTED_MAX = 8192 };

struct auth_refused;
VP_MUST_USE enum vp_code auth_refused_new(struct vp_budget *budget, struct auth_refused **ret_refused,
                                          struct vp_error *err);
void auth_refused_free(struct auth_refused *refused); /* NULL is fine */

/* One login between the two calls below; on the caller's stack. Only refused.c looks inside. */
struct auth_refused_visit {
    uint8_t fingerprint[ARV_FINGERPRINT_LEN];
    int64_t asked_ms;
    bool remembers; /* false: the outcome is not to be kept */
    bool accepted;  /* before */
    uint64_t number;
    struct auth_refused_visit *next; /* of those that ask */
};

/* Before Arvados is asked about the token of a login. VP_OK: ask, and call auth_refused_leave() after.
 * VP_REASON_TOKEN_REJECTED: refused from memory. VP_REASON_UPSTREAM_TIMEOUT, VP_REASON_CANCELLED: the time was up, or the caller
 * gone, while another login asked. */
VP_MUST_USE enum vp_code auth_refused_enter(const struct auth_request *request, const struct auth_token *token,
                                            const char *salt_label, struct auth_refused_visit *visit,
                                            struct vp_error *err);

/* What came of asking: `reason` is that of the failure, VP_REASON_NONE: Arvados accepted the token. VP_REASON_TOKEN_REJECTED
 * must be confirmed where the mount has a service token. Only the first call for a visit counts. */
void auth_refused_leave(const struct auth_request *request, struct auth_refused_visit *visit, enum vp_reason reason);
