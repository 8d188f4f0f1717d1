/* Private to the module: how long a token is valid. Pure. */
#pragma once

#include "role.h"

/* 0: no limit of the plugin's. */
struct auth_terms {
    int64_t ttl_s; /* never 0 */
    int64_t max_ttl_s;
    int64_t explicit_max_ttl_s; /* never 0 */
    int64_t period_s;
};

/* The role's times, bounded: never beyond the Arvados token and the earliest expiry of the grants, and never 0 or less, which
 * the server takes for 32 days. VP_REASON_LIFETIME_TOO_SHORT under 30 s. */
VP_MUST_USE enum vp_code auth_lifetime(const struct auth_role *role, int64_t token_expires_at_s,
                                       int64_t grants_expire_at_s, int64_t now_s, struct auth_terms *ret_terms,
                                       struct vp_error *err);

/* Turns the terms of a login now into those of a renewal of a token that was issued `age_s` ago. ttl_s counts from now,
 * max_ttl_s from the issue. VP_REASON_LIFETIME_TOO_SHORT: the role's token_max_ttl is reached. */
VP_MUST_USE enum vp_code auth_lifetime_renew(const struct auth_role *role, int64_t age_s, struct auth_terms *terms,
                                             struct vp_error *err);

/* What the server makes of the terms of a login: a period replaces the TTL. */
int64_t auth_lifetime_effective_ttl_s(const struct auth_terms *terms);
