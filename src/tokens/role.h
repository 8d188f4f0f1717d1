/* Private to the module: roles, which say for whom and with what scopes a token is minted. */
#pragma once

#include "vp/mount.h"

struct tokens_role {
    char *user; /* a user uuid, or TOKENS_SELF */
    struct vp_texts scopes;
    int64_t ttl_s;     /* 0: the config's */
    int64_t max_ttl_s; /* 0: the config's */
    bool allow_admins;
    char *description;
};

#define TOKENS_ROLE_PREFIX "role/"
#define TOKENS_SELF "self"

extern const struct logical_field TOKENS_ROLE_FIELDS[];

/* VP_REASON_BAD_REQUEST for a name that no role can have; *ret_found false: no such role. Cleared in any case. */
VP_MUST_USE enum vp_code tokens_role_load(const struct logical_call *call, const char *name,
                                          struct tokens_role *ret_role, bool *ret_found, struct vp_error *err);
VP_MUST_USE enum vp_code tokens_role_store(const struct logical_call *call, const char *name,
                                           const struct tokens_role *role, struct vp_error *err);
VP_MUST_USE enum vp_code tokens_role_remove(const struct logical_call *call, const char *name, struct vp_error *err);
VP_MUST_USE enum vp_code tokens_role_check(const struct tokens_role *role, struct vp_error *err);
void tokens_role_clear(struct tokens_role *role);

bool tokens_role_is_self(const struct tokens_role *role);

/* Exactly ["all"]: such a token can extend and delete itself. */
bool tokens_scopes_are_all(const struct vp_texts *scopes);
