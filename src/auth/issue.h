/* Private to the room: identity and grants -> token, alias, metadata, lease. */
#pragma once

#include "grants.h"

/* What the token of a login is like. A mount without roles has these. */
struct auth_terms {
    int64_t ttl_s;
    int64_t explicit_max_ttl_s;
};
extern const struct auth_terms AUTH_DEFAULT_TERMS;

/* What renewal needs to find its login again. Lies in the lease, which the host encrypts. Owned texts. */
struct auth_lease {
    char *login_kind;
    char *user_uuid;
    char *container_uuid;
    char *token_uuid;
    struct vp_secret *run_token; /* only from a mount without a service token */
};
void auth_lease_clear(struct auth_lease *lease);

/* VP_REASON_BAD_REQUEST for internal data that is not ours. */
VP_MUST_USE enum vp_code auth_lease_parse(const char *internal_data, struct auth_lease *ret_lease,
                                          struct vp_error *err);

/* How long a token may live from now: never beyond the Arvados token and the earliest of the grants, and never 0 or less,
 * which the host takes for 32 days. VP_REASON_LIFETIME_TOO_SHORT under 30 s. */
VP_MUST_USE enum vp_code auth_lifetime(const struct auth_terms *terms, int64_t token_expires_at_s,
                                       int64_t grants_expire_at_s, int64_t now_s, struct auth_terms *ret_terms,
                                       struct vp_error *err);

/* Enough, and not too many? VP_REASON_NO_GRANT, VP_REASON_TOO_MANY_POLICIES. */
VP_MUST_USE enum vp_code auth_check_policies(const struct auth_config *config, const struct vp_texts *policies,
                                             struct vp_error *err);

/* The answer of a login. `token` goes into the lease only when the mount has no service token. */
VP_MUST_USE enum vp_code auth_issue(const struct auth_question *question, const struct auth_token *token,
                                    const struct arv_identity *identity, const struct auth_grants *grants,
                                    int64_t now_s, struct logical_reply *reply, struct vp_error *err);
