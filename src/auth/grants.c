#include "grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARNINGS_MAX = 10 };

/* ---- link properties: the known keys, each of its own form; others are the admin's notes ---- */

static bool read_time(const struct vp_json *value, int64_t *ret_seconds)
{
    return vp_json_type(value) == VP_JSON_TEXT && vp_time_parse(vp_json_text(value), ret_seconds);
}

static bool read_expires_at(const struct vp_json *value, struct policy_link *link)
{
    return read_time(value, &link->expires_at_s);
}

static bool read_not_before(const struct vp_json *value, struct policy_link *link)
{
    return read_time(value, &link->not_before_s);
}

static bool read_container_image(const struct vp_json *value, struct policy_link *link)
{
    if (vp_json_type(value) != VP_JSON_TEXT || !arv_is_portable_data_hash(vp_json_text(value)))
        return false;
    link->container_image = vp_json_text(value);
    return true;
}

static bool read_reason(const struct vp_json *value, struct policy_link *link)
{
    (void)link;
    return vp_json_type(value) == VP_JSON_TEXT;
}

static const struct {
    const char *key;
    bool (*read)(const struct vp_json *value, struct policy_link *link);
} PROPERTIES[] = {
    { "expires_at", read_expires_at },
    { "not_before", read_not_before },
    { "container_image", read_container_image },
    { "reason", read_reason },
};

static void read_properties(const struct vp_json *properties, struct policy_link *link)
{
    link->expires_at_s = VP_TIME_NONE;
    link->properties_good = true;
    for (size_t i = 0; i < sizeof PROPERTIES / sizeof PROPERTIES[0]; i++) {
        const struct vp_json *value = vp_json_get(properties, PROPERTIES[i].key);
        if (value != NULL && !PROPERTIES[i].read(value, link))
            link->properties_good = false;
    }
}

static struct policy_link to_policy_link(const struct arv_link *link)
{
    struct policy_link made = {
        .uuid = link->uuid,
        .link_class = link->link_class,
        .owner_uuid = link->owner_uuid,
        .modified_by_user_uuid = link->modified_by_user_uuid,
        .tail_uuid = link->tail_uuid,
        .head_uuid = link->head_uuid,
        .name = link->name,
    };
    read_properties(link->properties, &made);
    return made;
}

/* ---- from the question to the result ---- */

static enum vp_code list_links(const struct auth_question *question, const struct vp_secret *token,
                               const char *user_uuid, struct arv_links *ret_links, struct vp_error *err)
{
    const struct auth_config *config = &question->snapshot->config;
    const struct arv_asker asker = auth_asker(question, token);
    struct vp_texts tails = { 0 };
    VP_TRY(vp_texts_add(&tails, user_uuid, err));
    enum vp_code code = arv_links_list(question->snapshot->arvados, &asker, config->link_class,
                                       &config->trusted_link_owners, &tails, ret_links, err);
    vp_texts_clear(&tails);
    return code;
}

static enum vp_code judge(const struct arv_links *links, const struct policy_rules *rules,
                          struct policy_result *ret_result, struct vp_error *err)
{
    struct policy_link *made = calloc(links->n + 1, sizeof *made);
    if (made == NULL)
        return vp_fail_no_memory(err);
    for (size_t i = 0; i < links->n; i++)
        made[i] = to_policy_link(&links->items[i]);
    enum vp_code code = policy_resolve(made, links->n, rules, ret_result, err);
    free(made);
    return code;
}

enum vp_code auth_grants_of(const struct auth_question *question, const struct vp_secret *token, const char *user_uuid,
                            const char *container_image, int64_t now_s, struct auth_grants *ret_grants,
                            struct vp_error *err)
{
    const struct auth_config *config = &question->snapshot->config;
    const struct policy_rules rules = {
        .link_class = config->link_class,
        .trusted_owners = &config->trusted_link_owners,
        .trusted_modifiers = &config->trusted_link_modifiers,
        .allowed_prefixes = &config->allowed_policy_prefixes,
        .narrower_prefixes = &question->role->allowed_policy_prefixes,
        .allowed_policies = &config->allowed_policies,
        .tail_uuid = user_uuid,
        .container_image = container_image,
        .now_s = now_s,
    };
    struct auth_grants grants = { 0 };
    VP_TRY(list_links(question, token, user_uuid, &grants.links, err));
    enum vp_code code = judge(&grants.links, &rules, &grants.result, err);
    if (code != VP_OK) {
        auth_grants_clear(&grants);
        return code;
    }
    *ret_grants = grants;
    return VP_OK;
}

void auth_grants_clear(struct auth_grants *grants)
{
    policy_result_clear(&grants->result);
    arv_links_clear(&grants->links);
}

static enum vp_code warn_of(const struct arv_link *link, enum policy_drop drop, struct vp_texts *warnings,
                            struct vp_error *err)
{
    char text[200];
    bool shown = link->name != NULL && policy_name_check(link->name) != POLICY_NAME_BAD;
    (void)snprintf(text, sizeof text, "grant %s dropped: %s", shown ? link->name : link->uuid, policy_drop_word(drop));
    return vp_texts_add(warnings, text, err);
}

enum vp_code auth_grants_warn(const struct auth_grants *grants, struct vp_texts *warnings, struct vp_error *err)
{
    size_t n_dropped = 0;
    for (size_t i = 0; i < grants->result.n_verdicts; i++) {
        enum policy_drop drop = grants->result.verdicts[i];
        if (drop == POLICY_KEPT)
            continue;
        if (n_dropped++ < WARNINGS_MAX)
            VP_TRY(warn_of(&grants->links.items[i], drop, warnings, err));
    }
    if (n_dropped <= WARNINGS_MAX)
        return VP_OK;
    char text[80];
    (void)snprintf(text, sizeof text, "%zu more grants dropped", n_dropped - WARNINGS_MAX);
    return vp_texts_add(warnings, text, err);
}
