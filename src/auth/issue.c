#include "issue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Nothing tells Vault that a container ended, and the host's own default is 32 days. */
const struct auth_terms AUTH_DEFAULT_TERMS = { .ttl_s = 15 * 60, .explicit_max_ttl_s = 24 * 3600 };

enum { LIFETIME_MIN_S = 30 };

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

enum vp_code auth_lifetime(const struct auth_terms *terms, int64_t token_expires_at_s, int64_t grants_expire_at_s,
                           int64_t now_s, struct auth_terms *ret_terms, struct vp_error *err)
{
    int64_t end_s = min(token_expires_at_s, grants_expire_at_s);
    int64_t left_s = end_s == VP_TIME_NONE ? INT64_MAX : end_s - now_s;
    if (left_s < LIFETIME_MIN_S)
        return vp_fail(err, VP_REASON_LIFETIME_TOO_SHORT,
                       "the Arvados token or a grant ends in %lld seconds, less than the %d that a token must live",
                       (long long)left_s, LIFETIME_MIN_S);
    *ret_terms = (struct auth_terms){
        .ttl_s = min(terms->ttl_s, left_s),
        .explicit_max_ttl_s = min(terms->explicit_max_ttl_s, left_s),
    };
    return VP_OK;
}

enum vp_code auth_check_policies(const struct auth_config *config, const struct vp_texts *policies,
                                 struct vp_error *err)
{
    if (policies->n == 0)
        return vp_fail(err, VP_REASON_NO_GRANT, "no grant of this user counts at this mount");
    if ((int64_t)policies->n > config->max_policies)
        return vp_fail(err, VP_REASON_TOO_MANY_POLICIES, "%zu policies are granted, more than max_policies %lld",
                       policies->n, (long long)config->max_policies);
    return VP_OK;
}

/* ---- the lease ---- */

#define AT(member) offsetof(struct auth_lease, member)

static const struct logical_field LEASE_FIELDS[] = {
    { "login_kind", LOGICAL_TEXT, AT(login_kind), LOGICAL_REQUIRED, NULL, 0, 0, "container" },
    { "user_uuid", LOGICAL_TEXT, AT(user_uuid), LOGICAL_REQUIRED, NULL, 0, 0, "Who logged in." },
    { "container_uuid", LOGICAL_TEXT, AT(container_uuid), LOGICAL_REQUIRED, NULL, 0, 0, "In which container." },
    { "token_uuid", LOGICAL_TEXT, AT(token_uuid), LOGICAL_REQUIRED, NULL, 0, 0, "With which token." },
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

static enum vp_code check_lease(const struct auth_lease *lease, struct vp_error *err)
{
    if (lease->login_kind == NULL || strcmp(lease->login_kind, "container") != 0 || lease->user_uuid == NULL ||
        !arv_is_uuid(lease->user_uuid, "tpzed") || lease->container_uuid == NULL ||
        !arv_is_uuid(lease->container_uuid, "dz642") || lease->token_uuid == NULL ||
        !arv_is_uuid(lease->token_uuid, "gj3su"))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "this token was not issued for a container by this version; log in again");
    return VP_OK;
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

static enum vp_code write_lease(const struct auth_question *question, const struct auth_token *token,
                                const struct arv_identity *identity, char **ret_text, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(LEASE_SOURCE.max_bytes);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &text);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "login_kind", "container");
    vp_json_add_text(&writer, "user_uuid", identity->user.uuid);
    vp_json_add_text(&writer, "container_uuid", identity->container.uuid);
    vp_json_add_text(&writer, "token_uuid", identity->token.uuid);
    if (question->snapshot->config.service_token == NULL)
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

static enum vp_code add_metadata(const struct auth_question *question, const struct arv_identity *identity,
                                 struct logical_auth *auth, struct vp_error *err)
{
    const struct {
        const char *key;
        const char *value;
    } VALUES[] = {
        { "user_uuid", identity->user.uuid },           { "username", identity->user.username },
        { "container_uuid", identity->container.uuid }, { "container_image", identity->container.container_image },
        { "token_uuid", identity->token.uuid },         { "cluster_id", question->snapshot->config.cluster_id },
        { "request_id", question->request_id },
    };
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++)
        if (is_plain(VALUES[i].value))
            VP_TRY(logical_pairs_add(&auth->metadata, VALUES[i].key, VALUES[i].value, err));
    /* Shared by all tokens of this user, so nothing of one container may stand there. */
    VP_TRY(logical_pairs_add(&auth->alias_metadata, "user_uuid", identity->user.uuid, err));
    return logical_pairs_add(&auth->alias_metadata, "cluster_id", question->snapshot->config.cluster_id, err);
}

static enum vp_code add_names(const struct arv_identity *identity, struct logical_auth *auth, struct vp_error *err)
{
    const char *username = identity->user.username;
    auth->display_name = strdup(is_plain(username) ? username : identity->user.uuid);
    auth->alias_name = strdup(identity->user.uuid);
    return auth->display_name == NULL || auth->alias_name == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code add_policies(const struct vp_texts *policies, struct logical_auth *auth, struct vp_error *err)
{
    for (size_t i = 0; i < policies->n; i++) {
        /* Nothing goes around the one check, whatever room it came through. */
        assert(policy_name_check(policies->items[i]) == POLICY_NAME_GOOD);
        VP_TRY(vp_texts_add(&auth->policies, policies->items[i], err));
    }
    return VP_OK;
}

enum vp_code auth_issue(const struct auth_question *question, const struct auth_token *token,
                        const struct arv_identity *identity, const struct auth_grants *grants, int64_t now_s,
                        struct logical_reply *reply, struct vp_error *err)
{
    struct auth_terms terms = { 0 };
    VP_TRY(auth_check_policies(&question->snapshot->config, &grants->result.policies, err));
    VP_TRY(auth_lifetime(&AUTH_DEFAULT_TERMS, identity->token.expires_at_s, grants->result.expires_at_s, now_s, &terms,
                         err));
    struct logical_auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        return vp_fail_no_memory(err);
    reply->auth = auth;
    auth->renewable = true;
    auth->ttl_s = terms.ttl_s;
    auth->max_ttl_s = terms.explicit_max_ttl_s;
    auth->explicit_max_ttl_s = terms.explicit_max_ttl_s;
    VP_TRY(add_names(identity, auth, err));
    VP_TRY(add_policies(&grants->result.policies, auth, err));
    VP_TRY(add_metadata(question, identity, auth, err));
    VP_TRY(write_lease(question, token, identity, &auth->internal_data, err));
    return auth_grants_warn(grants, &reply->warnings, err);
}
