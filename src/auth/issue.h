/* Private to the room: identity and grants -> token, alias, metadata, lease. */
#pragma once

#include "grants.h"

/* How long a token may live. 0: no such limit of ours. */
struct auth_terms {
    int64_t ttl_s; /* never 0 */
    int64_t max_ttl_s;
    int64_t explicit_max_ttl_s; /* never 0 */
    int64_t period_s;
};

/* What renewal needs to find its login again. Lies in the lease, which the host encrypts. Owned texts. */
struct auth_lease {
    char *login_kind;
    char *role; /* "" for the defaults of a mount without roles */
    char *user_uuid;
    char *container_uuid; /* NULL: a person logged in */
    char *token_uuid;
    bool runtime_token;          /* the login was with a token that its container does not own */
    struct vp_secret *run_token; /* only from a mount without a service token */
};
void auth_lease_clear(struct auth_lease *lease);

/* VP_REASON_BAD_REQUEST for internal data that is not ours. */
VP_MUST_USE enum vp_code auth_lease_parse(const char *internal_data, struct auth_lease *ret_lease,
                                          struct vp_error *err);

/* The role's times, bounded: never beyond the Arvados token and the earliest of the grants, and never 0 or less, which the
 * host takes for 32 days. VP_REASON_LIFETIME_TOO_SHORT under 30 s. */
VP_MUST_USE enum vp_code auth_lifetime(const struct auth_role *role, int64_t token_expires_at_s,
                                       int64_t grants_expire_at_s, int64_t now_s, struct auth_terms *ret_terms,
                                       struct vp_error *err);

/* All policies of the token: the granted ones and the role's, distinct. A warning for each of the role's that the mount no
 * longer allows. VP_REASON_BOUND_GROUP: the user is in none of the role's groups. VP_REASON_NO_GRANT looks at the granted ones, VP_REASON_TOO_MANY_POLICIES at all. */
VP_MUST_USE enum vp_code auth_policies(const struct auth_request *request, const struct auth_grants *grants,
                                       struct vp_texts *ret_policies, struct vp_texts *warnings, struct vp_error *err);

/* The answer of a login. `token` goes into the lease only when the mount has no service token. `remote_addr` may be NULL. */
VP_MUST_USE enum vp_code auth_issue(const struct auth_request *request, const struct auth_token *token,
                                    const struct arv_identity *identity, const struct auth_grants *grants,
                                    int64_t now_s, const char *remote_addr, struct logical_reply *reply,
                                    struct vp_error *err);

/* Is the caller's address one that the role is bound to? NULL: unknown, which is none of them. The host enforces at each use of a token
 * what the role said at its login, but not at the login itself, and not what the role says now. VP_REASON_CIDR_MISMATCH. */
VP_MUST_USE enum vp_code auth_check_address(const struct auth_role *role, const char *remote_addr,
                                            struct vp_error *err);

/* Did the container start recently enough for the role? VP_REASON_WINDOW_CLOSED. */
VP_MUST_USE enum vp_code auth_check_window(const struct auth_role *role, const struct arv_container *container,
                                           int64_t now_s, struct vp_error *err);
