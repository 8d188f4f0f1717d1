/* Private to the room: who may log in, and what the token looks like. */
#pragma once

#include "mount.h"

struct auth_role {
    char *name; /* "" for the defaults of a mount without roles; no field, filled by whoever loads */

    struct vp_texts container_states;
    bool allow_runtime_token;
    bool allow_salted;
    char *salt_label; /* "" or NULL: none */
    bool allow_admins;
    struct vp_texts bound_user_uuids;
    struct vp_texts bound_group_uuids;
    struct vp_texts bound_container_images;
    bool deny_interactive;
    int64_t login_window_s;
    bool require_grant;
    struct vp_texts allowed_policy_prefixes; /* empty: the mount's */

    int64_t token_ttl_s;
    int64_t token_max_ttl_s;
    int64_t token_explicit_max_ttl_s;
    int64_t token_period_s;
    struct vp_texts token_policies;
    bool token_no_default_policy;
    int64_t token_num_uses;
    char *token_type;
    struct vp_texts token_bound_cidrs;
    bool token_strictly_bind_ip;
};

extern const struct logical_field AUTH_ROLE_FIELDS[];

#define AUTH_ROLE_PREFIX "role/"

/* Is this a role that can be trusted with logins? `config` may be NULL while the mount is not configured; with it, prefixes
 * and token_policies are held to the mount's. VP_REASON_BAD_REQUEST naming the field, in the SDK's words where it has some. */
VP_MUST_USE enum vp_code auth_role_check(const struct auth_role *role, const struct auth_config *config,
                                         struct vp_error *err);

/* The stored role; *ret_found false when there is none. VP_REASON_CONFIG_UNREADABLE. */
VP_MUST_USE enum vp_code auth_role_load(const struct logical_call *call, const char *name, struct auth_role *ret_role,
                                        bool *ret_found, struct vp_error *err);
VP_MUST_USE enum vp_code auth_role_store(const struct logical_call *call, const struct auth_role *role,
                                         struct vp_error *err);

/* The defaults of the table, into a zeroed role; on failure it is to be cleared. */
VP_MUST_USE enum vp_code auth_role_defaults(struct auth_role *role, struct vp_error *err);

/* The wire's word for token_type, which was checked. */
enum logical_token_type auth_role_token_type(const struct auth_role *role);

/* Does any binding (user, group, image, address) restrict who may log in? */
bool auth_role_is_bound(const struct auth_role *role);

void auth_role_clear(struct auth_role *role);
