#include "grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vp/arvados_policy.h"

enum { WARNINGS_MAX = 10 };

/* ---- the rules of the mount and the role ---- */

struct rules {
    char anonymous_role[ARV_UUID_LEN + 1];
    struct policy_rules policy;
};

static void build_rules(const struct auth_request *request, const struct auth_memberships *memberships,
                        struct rules *ret_rules)
{
    const struct auth_config *config = &request->snapshot->config;
    arv_uuid_of(config->site.cluster_id, ARV_ANONYMOUS_ROLE, ret_rules->anonymous_role);
    ret_rules->policy = (struct policy_rules){
        .link_class = config->link_class,
        .trusted_owners = &config->trusted_link_owners,
        .trusted_modifiers = &config->trusted_link_modifiers,
        .allowed_prefixes = &config->allowed_policy_prefixes,
        .narrower_prefixes = &request->role->allowed_policy_prefixes,
        .allowed_policies = &config->allowed_policies,
        .roles = &memberships->roles,
        .trashed_roles = &memberships->trashed,
        .anonymous_role = ret_rules->anonymous_role,
    };
}

static struct policy_link to_policy_link(const struct auth_config *config, const struct arv_link *link)
{
    struct policy_link made = arv_link_for_policy(link);
    if (link->owner_uuid != NULL)
        made.owner_prefix = logical_pairs_get(&config->prefixes_by_owner, link->owner_uuid);
    return made;
}

enum policy_drop auth_grants_judge(const struct auth_request *request, const struct arv_link *link,
                                   const struct auth_memberships *memberships, const char *tail_uuid, int64_t now_s)
{
    struct rules rules;
    const struct policy_link made = to_policy_link(&request->snapshot->config, link);
    build_rules(request, memberships, &rules);
    /* A role's own grants are looked at as those of a member. */
    rules.policy.user_uuid = arv_is_uuid(tail_uuid, "tpzed") ? tail_uuid : NULL;
    rules.policy.any_image = true;
    rules.policy.now_s = now_s;
    return policy_judge(&made, &rules.policy);
}

/* ---- from the request to the result ---- */

static bool is_to_user(const struct arv_link *link, const char *user_uuid)
{
    return link->tail_uuid != NULL && strcmp(link->tail_uuid, user_uuid) == 0;
}

static bool is_to_role(const struct arv_link *link, const struct auth_memberships *memberships)
{
    return link->tail_uuid != NULL &&
           (vp_texts_has(&memberships->roles, link->tail_uuid) || vp_texts_has(&memberships->trashed, link->tail_uuid));
}

/* The filters of the queries are checked again: what was not asked for does not count. */
static enum vp_code pick_links(const char *user_uuid, struct auth_grants *grants, struct vp_error *err)
{
    const struct arv_links *own = grants->user != NULL ? &grants->user->facts.links : &grants->readable;
    size_t n_of_groups = grants->table == NULL ? 0 : grants->table->links.n;
    grants->links = calloc(n_of_groups + own->n + 1, sizeof(const struct arv_link *));
    if (grants->links == NULL)
        return vp_fail_no_memory(err);
    for (size_t i = 0; i < n_of_groups; i++)
        if (is_to_role(&grants->table->links.items[i], &grants->memberships))
            grants->links[grants->n_links++] = &grants->table->links.items[i];
    for (size_t i = 0; i < own->n; i++)
        if (is_to_user(&own->items[i], user_uuid))
            grants->links[grants->n_links++] = &own->items[i];
    return VP_OK;
}

/* The user's groups may have been read some seconds before the table. Which of them are roles in use is the newer answer. */
static enum vp_code sort_memberships(struct auth_grants *grants, struct vp_error *err)
{
    const struct arv_members *members = &grants->user->facts.members;
    struct auth_memberships *memberships = &grants->memberships;
    memberships->unknown = members->unknown;
    for (size_t i = 0; i < members->group_uuids.n; i++) {
        const char *uuid = members->group_uuids.items[i];
        bool in_use =
            vp_texts_has(&grants->table->role_uuids, uuid) || vp_texts_has(&grants->user->bound_role_uuids, uuid);
        VP_TRY(vp_texts_add(in_use ? &memberships->roles : &memberships->trashed, uuid, err));
    }
    return VP_OK;
}

static enum vp_code judge(const struct auth_request *request, const struct auth_identity *identity,
                          struct auth_grants *grants, struct vp_error *err)
{
    struct rules rules;
    build_rules(request, &grants->memberships, &rules);
    rules.policy.user_uuid = identity->records.user.uuid;
    rules.policy.container_image = identity->records.container.container_image;
    rules.policy.now_s = auth_now_s(request);
    struct policy_link *made = calloc(grants->n_links + 1, sizeof *made);
    if (made == NULL)
        return vp_fail_no_memory(err);
    for (size_t i = 0; i < grants->n_links; i++)
        made[i] = to_policy_link(&request->snapshot->config, grants->links[i]);
    enum vp_code code = policy_resolve(made, grants->n_links, &rules.policy, &grants->result, err);
    free(made);
    return code;
}

/* What the identity was established with is not looked up again. */
static enum vp_code look_up_facts(const struct auth_request *request, enum auth_age age,
                                  const struct auth_identity *identity, struct auth_grants *grants,
                                  struct vp_error *err)
{
    if (identity->user != NULL && age == request->age) {
        grants->table = auth_grant_table_hold(identity->table);
        grants->user = auth_user_hold(identity->user);
        return VP_OK;
    }
    VP_TRY(auth_grant_cache_table(request, age, &grants->table, err));
    return auth_grant_cache_user(request, age, grants->table, identity->records.user.uuid, &grants->user, err);
}

static enum vp_code look_up(const struct auth_request *request, enum auth_age age, const struct auth_token *token,
                            const struct auth_identity *identity, struct auth_grants *ret_grants, struct vp_error *err)
{
    const char *user_uuid = identity->records.user.uuid;
    VP_AUTO(auth_grants_clear) struct auth_grants grants = { 0 };
    if (auth_request_config(request)->service_token == NULL) {
        VP_TRY(auth_links_to(request, token->secret, user_uuid, &grants.readable, err));
        VP_TRY(auth_charge_links(request, &grants.readable, &grants.charge, err));
    } else {
        VP_TRY(look_up_facts(request, age, identity, &grants, err));
        VP_TRY(sort_memberships(&grants, err));
    }
    VP_TRY(pick_links(user_uuid, &grants, err));
    VP_TRY(judge(request, identity, &grants, err));
    *ret_grants = grants;
    grants = (struct auth_grants){ 0 };
    return VP_OK;
}

bool auth_grants_in_bound_groups(const struct auth_request *request, const struct auth_grants *grants)
{
    const struct vp_texts *bound = &request->role->bound_group_uuids;
    for (size_t i = 0; i < bound->n; i++)
        if (vp_texts_has(&grants->memberships.roles, bound->items[i]))
            return true;
    return bound->n == 0;
}

/* A user who was just granted something must not be refused because of what was true before. For a user without grants Arvados
 * is asked once a second at most this way. */
static bool is_worth_another_look(const struct auth_request *request, const struct auth_grants *grants)
{
    const struct auth_config *config = auth_request_config(request);
    bool refused = (request->role->require_grant && grants->result.policies.n == 0) ||
                   !auth_grants_in_bound_groups(request, grants);
    return refused && config->service_token != NULL && config->cache_ttl_s > 0;
}

enum vp_code auth_grants_obtain(const struct auth_request *request, const struct auth_token *token,
                                const struct auth_identity *identity, struct auth_grants *ret_grants,
                                struct vp_error *err)
{
    VP_AUTO(auth_grants_clear) struct auth_grants grants = { 0 };
    VP_TRY(look_up(request, request->age, token, identity, &grants, err));
    if (request->age == AUTH_REMEMBERED && is_worth_another_look(request, &grants)) {
        auth_grants_clear(&grants);
        VP_TRY(look_up(request, AUTH_RECENT, token, identity, &grants, err));
    }
    *ret_grants = grants;
    grants = (struct auth_grants){ 0 };
    return VP_OK;
}

void auth_memberships_clear(struct auth_memberships *memberships)
{
    vp_texts_clear(&memberships->roles);
    vp_texts_clear(&memberships->trashed);
    *memberships = (struct auth_memberships){ 0 };
}

void auth_grants_clear(struct auth_grants *grants)
{
    policy_result_clear(&grants->result);
    free(grants->links);
    auth_memberships_clear(&grants->memberships);
    arv_links_clear(&grants->readable);
    auth_uncharge(&grants->charge);
    auth_user_release(&grants->user);
    auth_grant_table_release(&grants->table);
    *grants = (struct auth_grants){ 0 };
}

enum vp_code auth_grants_aliases(const struct auth_request *request, const struct auth_grants *grants,
                                 struct vp_texts *ret_names, struct vp_error *err)
{
    const struct vp_texts *wanted = &auth_request_config(request)->group_alias_uuids;
    VP_AUTO(vp_texts_clear) struct vp_texts names = { 0 };
    for (size_t i = 0; i < wanted->n; i++)
        if (vp_texts_has(&grants->memberships.roles, wanted->items[i]))
            VP_TRY(vp_texts_add(&names, wanted->items[i], err));
    *ret_names = names;
    names = (struct vp_texts){ 0 };
    return VP_OK;
}

/* ---- reporting ---- */

void auth_grants_add_drops(const struct auth_grants *grants, struct vp_error *err)
{
    size_t n_by_reason[POLICY_N_DROPS] = { 0 };
    for (size_t i = 0; i < grants->result.n_verdicts; i++)
        n_by_reason[grants->result.verdicts[i]]++;
    for (enum policy_drop drop = POLICY_KEPT + 1; drop < POLICY_N_DROPS; drop++)
        if (n_by_reason[drop] > 0)
            vp_error_add_detail(err, "%zu dropped as %s", n_by_reason[drop], policy_drop_word(drop));
}

void auth_grants_tell(const struct arv_link *link, enum policy_drop drop, struct vp_json_writer *writer)
{
    vp_json_add_text(writer, "link_uuid", link->uuid);
    vp_json_add_text(writer, "policy", link->name);
    vp_json_add_text(writer, "tail_uuid", link->tail_uuid);
    vp_json_add_text(writer, "owner_uuid", link->owner_uuid);
    vp_json_add_bool(writer, "kept", drop == POLICY_KEPT);
    vp_json_add_text(writer, "reason", drop == POLICY_KEPT ? NULL : policy_drop_word(drop));
}

void auth_grants_put_line(const struct arv_link *link, enum policy_drop drop, struct vp_json_writer *writer)
{
    char text[1024];
    bool kept = drop == POLICY_KEPT;
    (void)snprintf(text, sizeof text, "%s %.200s for %.27s%s%s (link %s)", kept ? "kept" : "dropped",
                   link->name == NULL ? "(no name)" : link->name,
                   link->tail_uuid == NULL ? "(no user)" : link->tail_uuid, kept ? "" : ": ",
                   kept ? "" : policy_drop_word(drop), link->uuid);
    vp_json_put_text(writer, text);
}

static enum vp_code warn_of(const struct arv_link *link, enum policy_drop drop, struct vp_texts *warnings,
                            struct vp_error *err)
{
    char text[200];
    bool shown = link->name != NULL && policy_name_check(link->name) != POLICY_NAME_BAD;
    (void)snprintf(text, sizeof text, "grant %s dropped: %s", shown ? link->name : link->uuid, policy_drop_word(drop));
    return vp_texts_add(warnings, text, err);
}

enum vp_code auth_grants_warn(const struct auth_request *request, const struct auth_grants *grants,
                              struct vp_texts *warnings, struct vp_error *err)
{
    size_t n_dropped = 0;
    for (size_t i = 0; i < grants->result.n_verdicts; i++) {
        enum policy_drop drop = grants->result.verdicts[i];
        if (drop == POLICY_KEPT)
            continue;
        atomic_fetch_add(&request->counters->drops[drop], 1);
        if (n_dropped++ < WARNINGS_MAX)
            VP_TRY(warn_of(grants->links[i], drop, warnings, err));
    }
    if (n_dropped <= WARNINGS_MAX)
        return VP_OK;
    char text[80];
    (void)snprintf(text, sizeof text, "%zu more grants dropped", n_dropped - WARNINGS_MAX);
    return vp_texts_add(warnings, text, err);
}
