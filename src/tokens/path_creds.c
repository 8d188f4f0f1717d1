/* The paths creds/<role> and login/<user>: a token on a lease. */
#include <string.h>

#include "mint.h"
#include "paths.h"
#include "user.h"

/* Only the active node can store; Arvados is asked nothing on a standby. */
static enum vp_code begin(const struct logical_call *call, struct tokens_snapshot **ret_snapshot, struct vp_error *err)
{
    if (call->standby)
        return logical_forward(err);
    return tokens_snapshot_get(call, ret_snapshot, err);
}

static enum vp_code load_role(const struct logical_call *call, const char *name, struct tokens_role *role,
                              struct vp_error *err)
{
    bool found = false;
    VP_TRY(tokens_role_load(call, name, role, &found, err));
    if (!found)
        return vp_fail(err, VP_REASON_ROLE_UNKNOWN, "role \"%.64s\" does not exist", mount_quotable(name));
    return VP_OK;
}

/* ---- creds/<role> ---- */

static enum vp_code mint_by_role(const struct logical_call *call, const struct tokens_snapshot *snapshot,
                                 const struct tokens_role *role, struct vp_error *err)
{
    char self[ARV_UUID_LEN + 1];
    struct tokens_order order = {
        .user = role->user, .role_name = call->name, .role = role, .admins_allowed = role->allow_admins
    };
    if (tokens_role_is_self(role)) {
        VP_TRY(tokens_user_self(call, &snapshot->config, self, err));
        order.user = self;
    }
    return tokens_mint(call, snapshot, &order, err);
}

static enum vp_code creds(const struct logical_call *call, struct vp_error *err)
{
    VP_AUTO(tokens_snapshot_freep) struct tokens_snapshot *snapshot = NULL;
    struct tokens_role role = { 0 };
    VP_TRY(begin(call, &snapshot, err));
    enum vp_code code = load_role(call, call->name, &role, err);
    if (code == VP_OK)
        code = mint_by_role(call, snapshot, &role, err);
    tokens_role_clear(&role);
    return code;
}

enum vp_code tokens_creds(const struct logical_call *call, struct vp_error *err)
{
    struct tokens_mount *mount = call->mount;
    enum vp_code code = creds(call, err);
    tokens_outcomes_count(&mount->counters.mints, code, err);
    return code;
}

/* ---- login/<user> ---- */

const struct logical_field TOKENS_LOGIN_FIELDS[] = {
    { "role", LOGICAL_TEXT, offsetof(struct tokens_login_args, role), 0, NULL, 0, 0,
      "Role whose scopes and TTLs apply. Its user must be the one in the path, or self. Empty: scopes all and the "
      "TTLs of the config." },
    { "ttl", LOGICAL_DURATION, offsetof(struct tokens_login_args, ttl_s), 0, "0", 0, INT32_MAX,
      "TTL of the lease, up to the maximum. 0: the role's." },
    { 0 },
};

/* The policy on the path says who may have tokens of this user; the role only narrows. */
static enum vp_code mint_for(const struct logical_call *call, const struct tokens_snapshot *snapshot,
                             const struct tokens_login_args *args, const struct tokens_role *role, struct vp_error *err)
{
    bool fixed = role != NULL && !tokens_role_is_self(role);
    struct tokens_order order = { .user = call->name, .ttl_s = args->ttl_s, .role = role };
    if (role != NULL)
        order.role_name = args->role;
    if (fixed && strcmp(role->user, call->name) != 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"role\": \"%.64s\" is for user %s; give that uuid in the path, or a role with user=self",
                       args->role, role->user);
    order.admins_allowed = fixed && role->allow_admins;
    return tokens_mint(call, snapshot, &order, err);
}

static enum vp_code login_with(const struct logical_call *call, const struct tokens_login_args *args,
                               struct vp_error *err)
{
    VP_AUTO(tokens_snapshot_freep) struct tokens_snapshot *snapshot = NULL;
    struct tokens_role role = { 0 };
    VP_TRY(begin(call, &snapshot, err));
    if (!vp_text_is_set(args->role))
        return mint_for(call, snapshot, args, NULL, err);
    enum vp_code code = load_role(call, args->role, &role, err);
    if (code == VP_OK)
        code = mint_for(call, snapshot, args, &role, err);
    tokens_role_clear(&role);
    return code;
}

enum vp_code tokens_login(const struct logical_call *call, struct vp_error *err)
{
    struct tokens_mount *mount = call->mount;
    enum vp_code code = login_with(call, call->args, err);
    tokens_outcomes_count(&mount->counters.mints, code, err);
    return code;
}
