#include "grant_rules.h"

#include <string.h>

#include "vp/arvados_policy.h"
#include "vp/clock.h"
#include "vp/json.h"

enum { PATH_LIMIT = 512 };

static const char DEFAULT_CLASS[] = "vault_policy";

/* ---- the mount's config ---- */

static enum vp_code ask_config(struct cli_session *session, struct vp_json **ret_document, struct vp_error *err)
{
    struct vp_buf path = VP_BUF_INIT(PATH_LIMIT);
    vp_buf_add_format(&path, "auth/%s/config", session->settings->mount);
    struct vault_request request = { .path = vp_buf_text(&path) };
    enum vp_code code = vp_buf_check(&path, "the mount's name", err);
    if (code == VP_OK)
        code = vault_ask(session->vault, &request, ret_document, err);
    vp_buf_clear(&path);
    return code;
}

static enum vp_code copy_texts(const struct vp_json *array, struct vp_texts *texts, struct vp_error *err)
{
    for (size_t i = 0; i < vp_json_len(array); i++)
        if (vp_json_type(vp_json_at(array, i)) == VP_JSON_TEXT)
            VP_TRY(vp_texts_add(texts, vp_json_text(vp_json_at(array, i)), err));
    return VP_OK;
}

static enum vp_code copy_text(const struct vp_json *data, const char *key, char *copy, size_t size,
                              struct vp_error *err)
{
    const struct vp_json *value = vp_json_get(data, key);
    if (vp_json_type(value) != VP_JSON_TEXT || strlen(vp_json_text(value)) >= size)
        return vp_fail(err, VP_REASON_UPSTREAM_BAD_ANSWER, "the mount's config has no %s", key);
    memcpy(copy, vp_json_text(value), strlen(vp_json_text(value)) + 1);
    return VP_OK;
}

enum vp_code cli_grant_rules_read(struct cli_session *session, struct cli_grant_rules *rules, struct vp_error *err)
{
    VP_TRY(vault_set_token(session->vault, session->settings->vault_token, err));
    VP_TRY(ask_config(session, &rules->config, err));
    const struct vp_json *data = vp_json_get(rules->config, "data");
    VP_TRY(copy_text(data, "link_class", rules->link_class, sizeof rules->link_class, err));
    VP_TRY(copy_text(data, "cluster_id", rules->cluster_id, sizeof rules->cluster_id, err));
    VP_TRY(copy_texts(vp_json_get(data, "trusted_link_owners"), &rules->owners, err));
    VP_TRY(copy_texts(vp_json_get(data, "trusted_link_modifiers"), &rules->modifiers, err));
    VP_TRY(copy_texts(vp_json_get(data, "allowed_policies"), &rules->policies, err));
    return copy_texts(vp_json_get(data, "allowed_policy_prefixes"), &rules->prefixes, err);
}

/* On a satellite neither the token's uuid nor the user's names this cluster. */
enum vp_code cli_grant_rules_assume(struct arv_client *client, const struct arv_credentials *credentials,
                                    struct cli_grant_rules *rules, struct vp_error *err)
{
    const struct arv_credentials without_token = { .deadline_ms = credentials->deadline_ms };
    struct arv_discovery discovery;
    char system_user[ARV_UUID_LEN + 1];
    VP_TRY(arv_discover(client, &without_token, &discovery, err));
    memcpy(rules->cluster_id, discovery.cluster_id, sizeof rules->cluster_id);
    memcpy(rules->link_class, DEFAULT_CLASS, sizeof DEFAULT_CLASS);
    arv_uuid_of(discovery.cluster_id, ARV_SYSTEM_USER, system_user);
    return vp_texts_add(&rules->owners, system_user, err);
}

void cli_grant_rules_clear(struct cli_grant_rules *rules)
{
    vp_texts_clear(&rules->owners);
    vp_texts_clear(&rules->modifiers);
    vp_texts_clear(&rules->prefixes);
    vp_texts_clear(&rules->policies);
    vp_texts_clear(&rules->roles);
    vp_texts_clear(&rules->trashed);
    vp_json_free(rules->config);
    *rules = (struct cli_grant_rules){ 0 };
}

/* ---- groups ---- */

/* As the mount does it: a group of this cluster that is no role, or in the trash, grants nothing. */
enum vp_code cli_grant_rules_add_groups(struct arv_client *client, const struct arv_credentials *credentials,
                                        const struct arv_links *links, struct cli_grant_rules *rules,
                                        struct vp_error *err)
{
    VP_AUTO(vp_texts_clear) struct vp_texts groups = { 0 };
    for (size_t i = 0; i < links->n; i++) {
        const char *tail = links->items[i].tail_uuid;
        if (tail != NULL && arv_is_uuid(tail, "j7d0g") && arv_same_cluster(tail, rules->cluster_id) &&
            !vp_texts_has(&groups, tail))
            VP_TRY(vp_texts_add(&groups, tail, err));
    }
    if (groups.n > 0)
        VP_TRY(arv_groups_among(client, credentials, &groups, "role", &rules->roles, err));
    for (size_t i = 0; i < groups.n; i++)
        if (!vp_texts_has(&rules->roles, groups.items[i]))
            VP_TRY(vp_texts_add(&rules->trashed, groups.items[i], err));
    return VP_OK;
}

/* ---- judging ---- */

/* What the mount demands of names that this owner grants; NULL: nothing more. */
static const char *owner_prefix(const struct cli_grant_rules *rules, const char *owner_uuid)
{
    const struct vp_json *by_owner = vp_json_get(vp_json_get(rules->config, "data"), "prefixes_by_owner");
    const struct vp_json *prefix = owner_uuid == NULL ? NULL : vp_json_get(by_owner, owner_uuid);
    return vp_json_type(prefix) == VP_JSON_TEXT ? vp_json_text(prefix) : NULL;
}

enum policy_drop cli_grant_rules_judge(const struct cli_grant_rules *rules, const struct arv_link *link, bool modified)
{
    static const struct vp_texts NONE = { 0 };
    const char *tail = link->tail_uuid == NULL ? "" : link->tail_uuid;
    struct policy_link seen = arv_link_for_policy(link);
    seen.owner_prefix = owner_prefix(rules, link->owner_uuid);
    const struct policy_rules all = {
        .link_class = rules->link_class,
        .trusted_owners = &rules->owners,
        .trusted_modifiers = modified ? &rules->modifiers : &NONE,
        .allowed_prefixes = &rules->prefixes,
        .narrower_prefixes = &NONE,
        .allowed_policies = &rules->policies,
        .user_uuid = arv_is_user_uuid(tail) ? tail : "",
        .roles = &rules->roles,
        .trashed_roles = &rules->trashed,
        .anonymous_role = arv_is_anonymous_role(tail) ? tail : "",
        .any_image = true,
        .now_s = VP_CLOCK_SYSTEM.now_s(VP_CLOCK_SYSTEM.self),
    };
    return policy_judge(&seen, &all);
}
