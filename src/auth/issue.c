#include "issue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cidr.h"

/* Nothing tells Vault that a container ended, and the host's own default is 32 days. */
enum { TTL_S = 15 * 60, EXPLICIT_MAX_TTL_S = 24 * 3600, LIFETIME_MIN_S = 30, WARNING_MAX = 160 };

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* 0 is no limit, on either side of none. */
static int64_t min_limit(int64_t limit_s, int64_t left_s)
{
    return limit_s == 0 ? 0 : min(limit_s, left_s);
}

static int64_t or_else(int64_t seconds, int64_t preset_s)
{
    return seconds > 0 ? seconds : preset_s;
}

enum vp_code auth_lifetime(const struct auth_role *role, int64_t token_expires_at_s, int64_t grants_expire_at_s,
                           int64_t now_s, struct auth_terms *ret_terms, struct vp_error *err)
{
    int64_t end_s = min(token_expires_at_s, grants_expire_at_s);
    bool endless = end_s == VP_TIME_NONE;
    int64_t left_s = endless ? INT64_MAX : end_s - now_s;
    if (left_s < LIFETIME_MIN_S)
        return vp_fail(err, VP_REASON_LIFETIME_TOO_SHORT,
                       "the Arvados token or a grant ends in %lld seconds, less than the %d that a token must live",
                       (long long)left_s, LIFETIME_MIN_S);
    int64_t explicit_s = min(or_else(role->token_explicit_max_ttl_s, EXPLICIT_MAX_TTL_S), left_s);
    int64_t max_s = endless ? role->token_max_ttl_s : min(or_else(role->token_max_ttl_s, INT64_MAX), left_s);
    int64_t ttl_s = min(or_else(role->token_ttl_s, TTL_S), explicit_s);
    *ret_terms = (struct auth_terms){
        .ttl_s = max_s == 0 ? ttl_s : min(ttl_s, max_s),
        .max_ttl_s = max_s,
        .explicit_max_ttl_s = explicit_s,
        .period_s = min_limit(role->token_period_s, left_s),
    };
    return VP_OK;
}

enum vp_code auth_check_address(const struct auth_role *role, const char *remote_addr, struct vp_error *err)
{
    if (role->token_bound_cidrs.n == 0)
        return VP_OK;
    if (remote_addr != NULL && auth_cidr_has(&role->token_bound_cidrs, remote_addr))
        return VP_OK;
    return vp_fail(err, VP_REASON_CIDR_MISMATCH, "role %.64s is not for %.64s", role->name,
                   remote_addr == NULL ? "an unknown address" : remote_addr);
}

enum vp_code auth_check_window(const struct auth_role *role, const struct arv_container *container, int64_t now_s,
                               struct vp_error *err)
{
    if (role->login_window_s == 0)
        return VP_OK;
    if (container->started_at_s != VP_TIME_NONE && now_s - container->started_at_s <= role->login_window_s)
        return VP_OK;
    return vp_fail(err, VP_REASON_WINDOW_CLOSED, "container %s did not start within the last %lld seconds",
                   container->uuid, (long long)role->login_window_s);
}

/* ---- policies ---- */

static enum vp_code add_role_policies(const struct auth_request *request, struct vp_texts *policies,
                                      struct vp_texts *warnings, struct vp_error *err)
{
    const struct vp_texts *of_role = &request->role->token_policies;
    for (size_t i = 0; i < of_role->n; i++) {
        const char *name = of_role->items[i];
        if (auth_config_allows(&request->snapshot->config, name)) {
            if (!vp_texts_has(policies, name))
                VP_TRY(vp_texts_add(policies, name, err));
            continue;
        }
        char text[WARNING_MAX];
        (void)snprintf(text, sizeof text, "policy %s of the role dropped: the mount no longer allows it", name);
        VP_TRY(vp_texts_add(warnings, text, err));
    }
    return VP_OK;
}

static enum vp_code collect_policies(const struct auth_request *request, const struct auth_grants *grants,
                                     struct vp_texts *policies, struct vp_texts *warnings, struct vp_error *err)
{
    const struct vp_texts *granted = &grants->result.policies;
    int64_t max_policies = request->snapshot->config.max_policies;
    VP_TRY(auth_grants_check_groups(request, grants, err));
    if (granted->n == 0 && request->role->require_grant)
        return vp_fail(err, VP_REASON_NO_GRANT, "no grant of this user counts at this mount");
    VP_TRY(vp_texts_copy(granted, policies, err));
    VP_TRY(add_role_policies(request, policies, warnings, err));
    if ((int64_t)policies->n > max_policies)
        return vp_fail(err, VP_REASON_TOO_MANY_POLICIES, "%zu policies would be given, more than max_policies %lld",
                       policies->n, (long long)max_policies);
    return VP_OK;
}

enum vp_code auth_policies(const struct auth_request *request, const struct auth_grants *grants,
                           struct vp_texts *ret_policies, struct vp_texts *warnings, struct vp_error *err)
{
    struct vp_texts policies = { 0 };
    enum vp_code code = collect_policies(request, grants, &policies, warnings, err);
    /* Nothing goes around the one check, whatever room it came through. */
    for (size_t i = 0; i < policies.n; i++)
        assert(policy_name_check(policies.items[i]) == POLICY_NAME_GOOD);
    if (code != VP_OK) {
        vp_texts_clear(&policies);
        return code;
    }
    *ret_policies = policies;
    return VP_OK;
}

/* ---- the lease ---- */

#define AT(member) offsetof(struct auth_lease, member)

static const struct logical_field LEASE_FIELDS[] = {
    { "login_kind", LOGICAL_TEXT, AT(login_kind), LOGICAL_REQUIRED, NULL, 0, 0, "container or user" },
    { "role", LOGICAL_TEXT, AT(role), 0, NULL, 0, 0, "By which role; empty: none." },
    { "user_uuid", LOGICAL_TEXT, AT(user_uuid), LOGICAL_REQUIRED, NULL, 0, 0, "Who logged in." },
    { "container_uuid", LOGICAL_TEXT, AT(container_uuid), 0, NULL, 0, 0, "In which container; a person: none." },
    { "token_uuid", LOGICAL_TEXT, AT(token_uuid), LOGICAL_REQUIRED, NULL, 0, 0, "With which token." },
    { "runtime_token", LOGICAL_BOOL, AT(runtime_token), 0, NULL, 0, 0,
      "With a token that the container does not own." },
    { "run_token", LOGICAL_SECRET, AT(run_token), 0, NULL, 0, 0, "The token itself, where nothing else can ask." },
    { 0 },
};

static const struct vp_json_source LEASE_SOURCE = {
    .what = "the lease's internal data",
    .reason = VP_REASON_BAD_REQUEST,
    .max_bytes = 8192,
    .max_depth = 2,
    .max_tokens = 64,
};

void auth_lease_clear(struct auth_lease *lease)
{
    logical_fields_clear(LEASE_FIELDS, lease);
}

static bool is_uuid(const char *text, const char *infix)
{
    return text != NULL && arv_is_uuid(text, infix);
}

static enum vp_code check_lease(const struct auth_lease *lease, struct vp_error *err)
{
    const char *kind = lease->login_kind == NULL ? "" : lease->login_kind;
    bool of_container = strcmp(kind, "container") == 0 && is_uuid(lease->container_uuid, "dz642");
    bool of_user = strcmp(kind, "user") == 0 && lease->container_uuid == NULL;
    if ((of_container || of_user) && is_uuid(lease->user_uuid, "tpzed") && is_uuid(lease->token_uuid, "gj3su"))
        return VP_OK;
    return vp_fail(err, VP_REASON_BAD_REQUEST, "this token was not issued by this version; log in again");
}

enum vp_code auth_lease_parse(const char *internal_data, struct auth_lease *ret_lease, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct auth_lease lease = { 0 };
    if (internal_data == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the token carries no lease data; log in again");
    VP_TRY(vp_json_parse(internal_data, strlen(internal_data), &LEASE_SOURCE, &document, err));
    /* Strict: a field that a newer version put there may bind the token. */
    enum vp_code code = logical_fields_update(LEASE_FIELDS, document, true, &lease, err);
    if (code == VP_OK)
        code = check_lease(&lease, err);
    if (code != VP_OK) {
        auth_lease_clear(&lease);
        return code;
    }
    *ret_lease = lease;
    return VP_OK;
}

static enum vp_code write_lease(const struct auth_request *request, const struct auth_token *token,
                                const struct arv_identity *identity, char **ret_text, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(LEASE_SOURCE.max_bytes);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &text);
    vp_json_open_object(&writer);
    bool container = identity->has_container;
    vp_json_add_text(&writer, "login_kind", request->snapshot->config.login_kind);
    vp_json_add_text(&writer, "role", request->role->name);
    vp_json_add_text(&writer, "user_uuid", identity->user.uuid);
    vp_json_add_text(&writer, "token_uuid", identity->token.uuid);
    if (container) {
        vp_json_add_bool(&writer, "runtime_token", identity->container.auth_uuid == NULL);
        vp_json_add_text(&writer, "container_uuid", identity->container.uuid);
    }
    /* A person's token is not renewable, so nothing asks with it again. */
    if (container && request->snapshot->config.service_token == NULL)
        vp_json_add_text(&writer, "run_token", vp_secret_reveal(token->secret));
    vp_json_close_object(&writer);
    enum vp_code code = vp_buf_check(&text, "the lease's internal data", err);
    if (code == VP_OK)
        *ret_text = vp_buf_take(&text);
    vp_buf_clear(&text);
    if (code == VP_OK && *ret_text == NULL)
        return vp_fail_no_memory(err);
    return code;
}

/* ---- the answer ---- */

/* Values that mean something to templated policies or to a log reader stay out. */
static bool is_plain(const char *text)
{
    static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@:+-";
    return text != NULL && *text != '\0' && strspn(text, ALLOWED) == strlen(text);
}

static enum vp_code add_metadata(const struct auth_request *request, const struct arv_identity *identity,
                                 struct logical_auth *auth, struct vp_error *err)
{
    const struct {
        const char *key;
        const char *value;
    } VALUES[] = {
        { "user_uuid", identity->user.uuid },
        { "username", identity->user.username },
        { "container_uuid", identity->container.uuid },
        { "container_image", identity->container.container_image },
        { "token_uuid", identity->token.uuid },
        { "cluster_id", request->snapshot->config.cluster_id },
        { "role", request->role->name },
        { "request_id", request->request_id },
    };
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++)
        if (is_plain(VALUES[i].value))
            VP_TRY(logical_pairs_add(&auth->metadata, VALUES[i].key, VALUES[i].value, err));
    /* Shared by all tokens of this user, so nothing of one container may stand there. */
    VP_TRY(logical_pairs_add(&auth->alias_metadata, "user_uuid", identity->user.uuid, err));
    return logical_pairs_add(&auth->alias_metadata, "cluster_id", request->snapshot->config.cluster_id, err);
}

static enum vp_code add_names(const struct arv_identity *identity, struct logical_auth *auth, struct vp_error *err)
{
    const char *username = identity->user.username;
    auth->display_name = strdup(is_plain(username) ? username : identity->user.uuid);
    auth->alias_name = strdup(identity->user.uuid);
    return auth->display_name == NULL || auth->alias_name == NULL ? vp_fail_no_memory(err) : VP_OK;
}

/* Where the token may be used from: the role's networks, or just where this login came from. */
static enum vp_code add_addresses(const struct auth_role *role, const char *remote_addr, struct logical_auth *auth,
                                  struct vp_error *err)
{
    if (!role->token_strictly_bind_ip)
        return vp_texts_copy(&role->token_bound_cidrs, &auth->bound_cidrs, err);
    if (remote_addr == NULL || !auth_cidr_is_valid(remote_addr))
        return vp_fail(err, VP_REASON_CIDR_MISMATCH, "the token is to be bound to an address, and the host gave none");
    return vp_texts_add(&auth->bound_cidrs, remote_addr, err);
}

static void set_terms(const struct auth_role *role, const struct auth_terms *terms, struct logical_auth *auth)
{
    auth->ttl_s = terms->ttl_s;
    auth->max_ttl_s = terms->max_ttl_s;
    auth->explicit_max_ttl_s = terms->explicit_max_ttl_s;
    auth->period_s = terms->period_s;
    auth->num_uses = role->token_num_uses;
    auth->token_type = auth_role_token_type(role);
    auth->no_default_policy = role->token_no_default_policy;
}

enum vp_code auth_issue(const struct auth_request *request, const struct auth_token *token,
                        const struct arv_identity *identity, const struct auth_grants *grants, int64_t now_s,
                        const char *remote_addr, struct logical_reply *reply, struct vp_error *err)
{
    struct auth_terms terms = { 0 };
    VP_TRY(auth_lifetime(request->role, identity->token.expires_at_s, grants->result.expires_at_s, now_s, &terms, err));
    struct logical_auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        return vp_fail_no_memory(err);
    reply->auth = auth;
    set_terms(request->role, &terms, auth);
    auth->renewable = !auth_config_is_for_users(&request->snapshot->config);
    VP_TRY(auth_policies(request, grants, &auth->policies, &reply->warnings, err));
    VP_TRY(add_addresses(request->role, remote_addr, auth, err));
    VP_TRY(add_names(identity, auth, err));
    VP_TRY(add_metadata(request, identity, auth, err));
    VP_TRY(auth_grants_aliases(request, grants, &auth->group_aliases, err));
    VP_TRY(write_lease(request, token, identity, &auth->internal_data, err));
    return auth_grants_warn(request, grants, &reply->warnings, err);
}
