/* The path config/check: is this mount set up well? Asks Arvados now, and says for each link of the chain how it is and what to
 * do about it. */
#include <string.h>

#include "mount.h"
#include "paths.h"
#include "request.h"
#include "service_token.h"

enum { EXPIRY_WARNING_S = 14 * 24 * 3600, NAMES_MAX = 600 };

struct check {
    struct mount_checks checks;
    const struct logical_call *call;
    const struct auth_snapshot *snapshot;
    struct arv_credentials credentials;
    int64_t now_s;
    bool token_good;
    struct arv_token token;
    struct arv_discovery discovery;
};

static const struct auth_config *config_of(const struct check *check)
{
    return &check->snapshot->config;
}

/* ---- the service token ---- */

static void check_service_token(struct check *check)
{
    struct vp_error fault = { 0 };
    check->token_good =
        arv_token_current(check->snapshot->arvados, &check->credentials, &check->token, &fault) == VP_OK;
    if (check->token_good)
        mount_verdict(&check->checks, "service_token", true, "%s of user %s", check->token.uuid,
                      check->token.owner_uuid);
    else
        mount_verdict_failure(&check->checks, "service_token", &fault);
}

static void check_scopes(struct check *check)
{
    struct vp_error fault = { 0 };
    if (!check->token_good)
        mount_verdict(&check->checks, "scopes", false, "not asked: the service token is not good");
    else if (auth_service_token_try(check->snapshot->arvados, &check->credentials, config_of(check), &check->token,
                                    &fault) != VP_OK)
        mount_verdict_failure(&check->checks, "scopes", &fault);
    else if (arv_scopes_are_all(check->token.scopes))
        mount_verdict(&check->checks, "scopes", true,
                      "links, users and containers may be listed; " AUTH_SERVICE_TOKEN_UNLIMITED);
    else
        mount_verdict(&check->checks, "scopes", true, "links, users and containers may be listed");
}

static void check_expiry(struct check *check)
{
    char when[VP_TIME_TEXT_SIZE];
    int64_t end_s = check->token.expires_at_s;
    if (!check->token_good) {
        mount_verdict(&check->checks, "service_token_expiry", false, "not known: the service token is not good");
        return;
    }
    if (end_s == VP_TIME_NONE) {
        mount_verdict(&check->checks, "service_token_expiry", true, "it does not expire");
        return;
    }
    vp_time_format(end_s, when);
    bool far = end_s - check->now_s > EXPIRY_WARNING_S;
    mount_verdict(&check->checks, "service_token_expiry", far,
                  far ? "it expires at %s" : "it expires at %s: write a new one to config before", when);
}

static void check_without_token(struct check *check)
{
    mount_verdict(&check->checks, "service_token", true, "none is set: links are read with each login's own token");
    mount_verdict(&check->checks, "scopes", true, "not needed");
    mount_verdict(&check->checks, "service_token_expiry", true, "not needed");
}

/* ---- who is trusted, and what reaches whom ---- */

static enum vp_code collect_groups(const struct vp_texts *owners, struct vp_texts *ret_groups, struct vp_error *err)
{
    for (size_t i = 0; i < owners->n; i++)
        if (arv_is_uuid(owners->items[i], "j7d0g"))
            VP_TRY(vp_texts_add(ret_groups, owners->items[i], err));
    return VP_OK;
}

static void judge_owners(struct check *check, const struct vp_texts *groups, const struct vp_texts *projects)
{
    for (size_t i = 0; i < groups->n; i++) {
        if (vp_texts_has(projects, groups->items[i]))
            continue;
        mount_verdict(&check->checks, "trusted_owners", false,
                      "%s is no project, or is trashed, or the token can't read it", groups->items[i]);
        return;
    }
    mount_verdict(&check->checks, "trusted_owners", true,
                  "%zu, %zu of them projects; whoever can write to such a project grants",
                  config_of(check)->trusted_link_owners.n, groups->n);
}

static void check_owners(struct check *check)
{
    struct vp_error fault = { 0 };
    struct vp_texts groups = { 0 };
    struct vp_texts projects = { 0 };
    enum vp_code code = collect_groups(&config_of(check)->trusted_link_owners, &groups, &fault);
    if (code == VP_OK && groups.n > 0 && check->token_good)
        code = arv_groups_among(check->snapshot->arvados, &check->credentials, &groups, "project", &projects, &fault);
    if (code != VP_OK)
        mount_verdict_failure(&check->checks, "trusted_owners", &fault);
    else if (groups.n > 0 && !check->token_good)
        mount_verdict(&check->checks, "trusted_owners", true, "%zu projects, not looked at: that needs a service token",
                      groups.n);
    else
        judge_owners(check, &groups, &projects);
    vp_texts_clear(&groups);
    vp_texts_clear(&projects);
}

static void check_group_grants(struct check *check)
{
    struct vp_error fault = { 0 };
    if (!check->discovery.has_computed_permissions)
        mount_verdict(&check->checks, "group_grants", false,
                      "the cluster has no computed_permissions (Arvados 3.0 or newer): only grants to the user himself "
                      "count");
    else if (config_of(check)->service_token == NULL)
        mount_verdict(&check->checks, "group_grants", true,
                      "without a service token only grants to the user himself count");
    else if (!check->token_good)
        mount_verdict(&check->checks, "group_grants", false, "not asked: the service token is not good");
    else if (auth_service_token_try_groups(check->snapshot->arvados, &check->credentials, config_of(check),
                                           &check->token, &fault) != VP_OK)
        mount_verdict_failure(&check->checks, "group_grants", &fault);
    else
        mount_verdict(&check->checks, "group_grants", true, "the cluster tells who is in a role%s",
                      config_of(check)->group_alias_uuids.n == 0
                          ? ""
                          : "; external groups (group_alias_uuids) change only with a granted login or renewal, so a "
                            "user "
                            "who is "
                            "refused stays in them until an administrator removes the user's entity");
}

/* Grants to the roles that all users, or all the world, are in. */
static enum vp_code count_for_everybody(struct check *check, size_t *ret_n, struct vp_error *err)
{
    static const char *const ROLES[] = { ARV_ALL_USERS_ROLE, ARV_ANONYMOUS_ROLE };
    struct arv_links links = { 0 };
    struct vp_texts tails = { 0 };
    enum vp_code code = VP_OK;
    for (size_t i = 0; code == VP_OK && i < sizeof ROLES / sizeof ROLES[0]; i++) {
        char uuid[ARV_UUID_LEN + 1];
        arv_uuid_of(config_of(check)->site.cluster_id, ROLES[i], uuid);
        code = vp_texts_add(&tails, uuid, err);
    }
    struct arv_link_query query = auth_link_query(config_of(check));
    query.tail_uuids = &tails;
    if (code == VP_OK)
        code = arv_links_list(check->snapshot->arvados, &check->credentials, &query, &links, err);
    *ret_n = links.n;
    arv_links_clear(&links);
    vp_texts_clear(&tails);
    return code;
}

static void check_everybody(struct check *check)
{
    struct vp_error fault = { 0 };
    size_t n = 0;
    if (!check->token_good)
        mount_verdict(&check->checks, "everybody", true, "not looked at: that needs a service token");
    else if (count_for_everybody(check, &n, &fault) != VP_OK)
        mount_verdict_failure(&check->checks, "everybody", &fault);
    else
        mount_verdict(&check->checks, "everybody", true,
                      n == 0 ? "%zu grants to all users"
                             : "%zu grants to all users or to anonymous ones: is that meant?",
                      n);
}

/* ---- roles ---- */

/* What the stored roles look like: the names of those without a binding, and whether default_role is among them. */
struct roles {
    size_t n;
    struct vp_texts open;
    bool has_default;
};

static enum vp_code look_at_roles(struct check *check, struct roles *roles, struct vp_error *err)
{
    const struct logical_call *call = check->call;
    struct vp_texts names = { 0 };
    enum vp_code code = call->storage->list(call->storage->self, AUTH_ROLE_PREFIX, call->cancel, &names, err);
    for (size_t i = 0; code == VP_OK && i < names.n; i++) {
        struct auth_role role = { 0 };
        bool found = false;
        code = auth_role_load(call, names.items[i], &role, &found, err);
        if (code == VP_OK && found && !auth_role_is_bound(&role))
            code = vp_texts_add(&roles->open, names.items[i], err);
        auth_role_clear(&role);
    }
    const char *default_role = config_of(check)->default_role;
    roles->n = names.n;
    roles->has_default = !vp_text_is_set(default_role) || vp_texts_has(&names, default_role);
    vp_texts_clear(&names);
    return code;
}

static void add_names(const struct vp_texts *names, struct vp_buf *text)
{
    enum { SHOWN_MAX = 5 };
    for (size_t i = 0; i < names->n && i < SHOWN_MAX; i++)
        vp_buf_add_format(text, "%s%.64s", i == 0 ? "" : ", ", names->items[i]);
    if (names->n > SHOWN_MAX)
        vp_buf_add_format(text, " and %zu more", names->n - SHOWN_MAX);
}

static void check_roles(struct check *check)
{
    struct vp_error fault = { 0 };
    struct roles roles = { 0 };
    struct vp_buf open = VP_BUF_INIT(NAMES_MAX);
    if (look_at_roles(check, &roles, &fault) != VP_OK) {
        mount_verdict_failure(&check->checks, "roles", &fault);
    } else if (!roles.has_default) {
        mount_verdict(&check->checks, "roles", false,
                      "default_role \"%.128s\" does not exist: logins without a role are refused",
                      config_of(check)->default_role);
    } else if (roles.open.n > 0) {
        add_names(&roles.open, &open);
        mount_verdict(&check->checks, "roles", true, "%zu; without any binding: %s", roles.n, vp_buf_text(&open));
    } else if (roles.n > 0) {
        mount_verdict(&check->checks, "roles", true, "%zu, each with a binding", roles.n);
    } else {
        mount_verdict(&check->checks, "roles", true, "no roles");
    }
    vp_buf_clear(&open);
    vp_texts_clear(&roles.open);
}

/* ---- the switch ---- */

static void check_logins(struct check *check)
{
    const char *logins = config_of(check)->logins;
    bool on = strcmp(logins, AUTH_LOGINS_ON) == 0;
    mount_verdict(&check->checks, "logins", on, on ? "logins=%s" : "logins=%s: an administrator switched them off",
                  logins);
}

/* ---- all of it ---- */

static void check_unreached(struct check *check)
{
    static const char *const NAMES[] = {
        "cluster",        "version",      "service_token", "scopes", "service_token_expiry",
        "trusted_owners", "group_grants", "everybody"
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        mount_verdict(&check->checks, NAMES[i], false, "not asked: see reach and tls");
}

static void run_checks(struct check *check)
{
    if (!mount_check_server(&check->checks, check->snapshot->arvados, &check->credentials, &config_of(check)->site,
                            &check->discovery)) {
        check_unreached(check);
        return;
    }
    if (config_of(check)->service_token == NULL) {
        check_without_token(check);
    } else {
        check_service_token(check);
        check_scopes(check);
        check_expiry(check);
    }
    check_owners(check);
    check_group_grants(check);
    check_everybody(check);
}

static void write_answer(const struct logical_call *call, const struct auth_snapshot *snapshot,
                         struct vp_json_writer *writer)
{
    const struct auth_mount *mount = call->mount;
    const struct vp_clock *clock = mount->core.shared->clock;
    struct check check = {
        .call = call,
        .snapshot = snapshot,
        .credentials = auth_service_credentials(call, &snapshot->config),
        .now_s = clock->now_s(clock->self),
    };
    check.credentials.health = NULL; /* what Arvados says now counts, and not what it said before */
    mount_checks_open(&check.checks, writer);
    run_checks(&check);
    check_roles(&check);
    check_logins(&check);
    mount_checks_close(&check.checks);
    arv_token_clear(&check.token);
}

enum vp_code auth_config_check_read(const struct logical_call *call, struct vp_error *err)
{
    struct auth_snapshot *snapshot = NULL;
    struct vp_json_writer writer;
    VP_TRY(auth_snapshot_get(call, &snapshot, err));
    vp_json_begin(&writer, &call->reply->data);
    write_answer(call, snapshot, &writer);
    auth_snapshot_release(&snapshot);
    return vp_buf_check(&call->reply->data, "the answer", err);
}
