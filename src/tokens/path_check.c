/* The path config/check: each link of the chain, asked now. */
#include <string.h>

#include "admin.h"
#include "paths.h"
#include "role.h"

enum { EXPIRY_WARNING_S = 14 * 24 * 3600 };

struct check {
    struct mount_checks checks;
    const struct logical_call *call;
    const struct tokens_snapshot *snapshot;
    struct arv_credentials admin;
    int64_t now_s;
};

static void check_expiry(struct check *check, int64_t expires_at_s)
{
    char when[VP_TIME_TEXT_SIZE];
    vp_time_format(expires_at_s, when);
    bool far = expires_at_s - check->now_s > EXPIRY_WARNING_S;
    if (expires_at_s == VP_TIME_NONE)
        mount_verdict(&check->checks, "admin_token_expiry", true, "it does not expire");
    else
        mount_verdict(&check->checks, "admin_token_expiry", far,
                      far ? "it expires at %s"
                          : "it expires at %s: write config/rotate-root, or a new admin_token, before",
                      when);
}

static void check_may_mint(struct check *check, const char *owner_uuid)
{
    const struct tokens_config *config = &check->snapshot->config;
    struct vp_error failure = { 0 };
    struct arv_user owner = { 0 };
    enum vp_code code = arv_find_user(check->snapshot->arvados, &check->admin, owner_uuid, &owner, &failure);
    bool admin = code == VP_OK && owner.is_admin && owner.is_active;
    arv_user_clear(&owner);
    if (code == VP_OK && admin)
        code = arv_token_may_create(check->snapshot->arvados, &check->admin, config->site.cluster_id, &failure);
    if (code != VP_OK)
        mount_verdict_failure(&check->checks, "may_mint", &failure);
    else if (!admin)
        mount_verdict(&check->checks, "may_mint", false, "user %s is not an active administrator", owner_uuid);
    else
        mount_verdict(&check->checks, "may_mint", true, "it looks up users and mints for them");
}

static void check_admin_token(struct check *check)
{
    struct arv_token token = { 0 };
    struct vp_error failure = { 0 };
    if (arv_token_current(check->snapshot->arvados, &check->admin, &token, &failure) != VP_OK) {
        mount_verdict_failure(&check->checks, "admin_token", &failure);
        mount_verdict(&check->checks, "may_mint", false, "not checked: the token is not accepted");
        mount_verdict(&check->checks, "admin_token_expiry", false, "not known: the token is not accepted");
        return;
    }
    mount_verdict(&check->checks, "admin_token", true, "%s of user %s", token.uuid, token.owner_uuid);
    check_may_mint(check, token.owner_uuid);
    check_expiry(check, token.expires_at_s);
    arv_token_clear(&token);
}

/* The first role that needs auth_accessor, "" for none. */
static enum vp_code find_self_role(struct check *check, const struct vp_texts *names, const char **ret_name,
                                   struct vp_error *err)
{
    *ret_name = "";
    for (size_t i = 0; i < names->n && **ret_name == '\0'; i++) {
        struct tokens_role role = { 0 };
        bool found = false;
        enum vp_code code = tokens_role_load(check->call, names->items[i], &role, &found, err);
        if (code == VP_OK && found && tokens_role_is_self(&role))
            *ret_name = names->items[i];
        tokens_role_clear(&role);
        VP_TRY(code);
    }
    return VP_OK;
}

static void check_accessor(struct check *check)
{
    const struct logical_storage *storage = check->call->storage;
    const char *accessor = check->snapshot->config.auth_accessor;
    struct vp_texts names = { 0 };
    struct vp_error failure = { 0 };
    const char *role = "";
    if (vp_text_is_set(accessor)) {
        mount_verdict(&check->checks, "auth_accessor", true,
                      "%.128s; callers need an alias under it that is an Arvados user uuid", accessor);
        return;
    }
    enum vp_code code = storage->list(storage->self, TOKENS_ROLE_PREFIX, check->call->cancel, &names, &failure);
    if (code == VP_OK)
        code = find_self_role(check, &names, &role, &failure);
    if (code != VP_OK)
        mount_verdict_failure(&check->checks, "auth_accessor", &failure);
    else if (*role != '\0')
        mount_verdict(&check->checks, "auth_accessor", false,
                      "it is not set, and role \"%.128s\" has user=self: set it to the accessor of an Arvados auth "
                      "mount",
                      role);
    else
        mount_verdict(&check->checks, "auth_accessor", true, "it is not set; no role has user=self");
    vp_texts_clear(&names);
}

static void check_unreached(struct check *check)
{
    static const char *const NAMES[] = { "cluster", "version", "admin_token", "may_mint", "admin_token_expiry" };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        mount_verdict(&check->checks, NAMES[i], false, "not checked: the server does not answer");
}

static void run(struct check *check)
{
    struct arv_discovery discovery;
    if (mount_check_server(&check->checks, check->snapshot->arvados, &check->admin, &check->snapshot->config.site,
                           &discovery))
        check_admin_token(check);
    else
        check_unreached(check);
    check_accessor(check);
}

enum vp_code tokens_check_read(const struct logical_call *call, struct vp_error *err)
{
    VP_AUTO(tokens_snapshot_freep) struct tokens_snapshot *snapshot = NULL;
    const struct mount_core *core = call->mount;
    const struct vp_clock *clock = core->shared->clock;
    struct vp_json_writer writer;
    VP_TRY(tokens_snapshot_get(call, &snapshot, err));
    struct check check = {
        .call = call, .snapshot = snapshot, .admin = tokens_admin(call, snapshot), .now_s = clock->now_s(clock->self)
    };
    vp_json_begin(&writer, &call->reply->data);
    mount_checks_open(&check.checks, &writer);
    run(&check);
    mount_checks_close(&check.checks);
    return vp_buf_check(&call->reply->data, "the answer", err);
}
