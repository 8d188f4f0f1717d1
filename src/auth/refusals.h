/* Private to the module: the last refused logins and renewals of a mount on this node, in memory, and the counters of all.
 *
 * What a caller may read is only the class of the refusal; an administrator finds the reason here, at "refusals" and with
 * "explain request_id=...". Nothing in it is a secret: no token, no part of one. Any thread. */
#pragma once

#include <pthread.h>

#include "vp/budget.h"
#include "vp/error.h"

#include "decision.h"

enum {
    AUTH_REFUSALS_MAX = 256,
    /* Message and detail of an error, with "; " between. */
    AUTH_REFUSAL_DETAIL_SIZE = sizeof(((struct vp_error *)0)->message) + sizeof(((struct vp_error *)0)->detail) + 2,
};

struct auth_refusal {
    uint64_t number; /* counts up; 0: the place is empty */
    int64_t time_s;
    enum auth_kind kind;
    enum vp_reason reason;
    char request_id[64];
    char detail[AUTH_REFUSAL_DETAIL_SIZE];
    char role[129];
    char address[46];
    char container_uuid[ARV_UUID_LEN + 1]; /* as far as it was found out, or as the token names it */
    char user_uuid[ARV_UUID_LEN + 1];
};

/* Takes its memory, from the mount's budget, with the first refusal. If that is used up, nothing is kept. */
struct auth_refusals;
VP_MUST_USE enum vp_code auth_refusals_new(struct vp_budget *budget, struct auth_refusals **ret_refusals,
                                           struct vp_error *err);
void auth_refusals_free(struct auth_refusals *refusals); /* NULL is fine */

/* Counts the outcome of a login or renewal, hands the facts to the log, and remembers it if it is a refusal. A request that
 * the server forwards to another node has no outcome here. */
void auth_outcome_record(const struct auth_request *request, const struct auth_decision *decision, enum vp_code code,
                         const struct vp_error *err);

/* Copies, the newest first. Freed with free(). */
VP_MUST_USE enum vp_code auth_refusals_copy(struct auth_refusals *refusals, struct auth_refusal **ret_items,
                                            size_t *ret_n, struct vp_error *err);

/* Members of an open object. */
void auth_refusal_write(const struct auth_refusal *refusal, struct vp_json_writer *writer);

/* False: none with that request id is remembered. */
bool auth_refusals_find(struct auth_refusals *refusals, const char *request_id, struct auth_refusal *ret_refusal);
