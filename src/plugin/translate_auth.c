#include "translate_auth.h"

#include <stdlib.h>
#include <string.h>

enum { NS_PER_S = 1000000000 };

int64_t plugin_translate_ns(int64_t seconds)
{
    int64_t ns;

    if (__builtin_mul_overflow(seconds, (int64_t)NS_PER_S, &ns))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

int64_t plugin_translate_s(int64_t nanoseconds)
{
    return nanoseconds / NS_PER_S;
}

/* ---- out ---- */

static char *text_or_empty(char *text)
{
    static char empty[] = "";
    return text == NULL ? empty : text;
}

/* Fills `n` pairs from `from`; returns the next free place. */
static size_t add_pairs(struct plugin_auth_parts *parts, size_t at, const struct logical_pairs *from)
{
    for (size_t i = 0; i < from->n; i++, at++) {
        wire__pair__init(&parts->pairs[at]);
        parts->pairs[at].key = text_or_empty(from->items[i].key);
        parts->pairs[at].value = text_or_empty(from->items[i].value);
        parts->pointers[at] = &parts->pairs[at];
    }
    return at;
}

static void set_lease(struct plugin_auth_parts *parts, const struct logical_auth *auth, int64_t now_s)
{
    wire__timestamp__init(&parts->issued);
    parts->issued.seconds = now_s;
    wire__lease_options__init(&parts->lease);
    parts->lease.ttl = plugin_translate_ns(auth->ttl_s);
    parts->lease.max_ttl = plugin_translate_ns(auth->max_ttl_s);
    parts->lease.renewable = auth->renewable;
    parts->lease.issue_time = &parts->issued; /* lease options without it are a 500 in the host */
}

static void set_auth(struct plugin_auth_parts *parts, const struct logical_auth *auth)
{
    wire__alias__init(&parts->alias);
    parts->alias.name = auth->alias_name;
    parts->alias.n_metadata = auth->alias_metadata.n;
    parts->alias.metadata = parts->pointers + auth->metadata.n;
    wire__auth__init(&parts->auth);
    parts->auth.lease_options = &parts->lease;
    parts->auth.internal_data = text_or_empty(auth->internal_data);
    parts->auth.display_name = text_or_empty(auth->display_name);
    parts->auth.n_policies = auth->policies.n;
    parts->auth.policies = auth->policies.items;
    parts->auth.n_metadata = auth->metadata.n;
    parts->auth.metadata = parts->pointers;
    parts->auth.alias = &parts->alias;
    parts->auth.explicit_max_ttl = plugin_translate_ns(auth->explicit_max_ttl_s);
    parts->auth.period = plugin_translate_ns(auth->period_s);
    parts->auth.num_uses = auth->num_uses;
    parts->auth.token_type = (uint32_t)auth->token_type;
    parts->auth.n_bound_cidrs = auth->bound_cidrs.n;
    parts->auth.bound_cidrs = auth->bound_cidrs.items;
    parts->auth.no_default_policy = auth->no_default_policy;
}

/* The host makes the user a member of exactly these external groups: none ends all memberships that this mount gave. */
static enum vp_code add_groups(struct plugin_auth_parts *parts, const struct vp_texts *names, struct vp_error *err)
{
    parts->groups = calloc(names->n + 1, sizeof parts->groups[0]);
    parts->group_pointers = calloc(names->n + 1, sizeof(Wire__Alias *));
    if (parts->groups == NULL || parts->group_pointers == NULL)
        return vp_fail_no_memory(err);
    for (size_t i = 0; i < names->n; i++) {
        wire__alias__init(&parts->groups[i]);
        parts->groups[i].name = names->items[i];
        parts->group_pointers[i] = &parts->groups[i];
    }
    parts->auth.n_group_aliases = names->n;
    parts->auth.group_aliases = parts->group_pointers;
    return VP_OK;
}

enum vp_code plugin_translate_auth_out(const struct logical_auth *auth, int64_t now_s,
                                       struct plugin_auth_parts *ret_parts, struct vp_error *err)
{
    struct plugin_auth_parts *parts = ret_parts;
    size_t n_pairs = auth->metadata.n + auth->alias_metadata.n;

    *parts = (struct plugin_auth_parts){ 0 };
    if (auth->alias_name == NULL || *auth->alias_name == '\0')
        return vp_fail(err, VP_REASON_INTERNAL, "a login without an alias is not answered");
    if (auth->ttl_s <= 0 || auth->max_ttl_s < 0 || auth->explicit_max_ttl_s < 0 || auth->period_s < 0 ||
        auth->num_uses < 0)
        return vp_fail(err, VP_REASON_INTERNAL, "a login without a time to live is not answered");
    parts->pairs = calloc(n_pairs + 1, sizeof parts->pairs[0]);
    parts->pointers = calloc(n_pairs + 1, sizeof(Wire__Pair *));
    if (parts->pairs == NULL || parts->pointers == NULL)
        return vp_fail_no_memory(err);
    add_pairs(parts, add_pairs(parts, 0, &auth->metadata), &auth->alias_metadata);
    set_lease(parts, auth, now_s);
    set_auth(parts, auth);
    return add_groups(parts, &auth->group_aliases, err);
}

void plugin_auth_parts_clear(struct plugin_auth_parts *parts)
{
    free(parts->pairs);
    free(parts->pointers);
    free(parts->groups);
    free(parts->group_pointers);
    *parts = (struct plugin_auth_parts){ 0 };
}

/* ---- in ---- */

static enum vp_code copy_text(const char *text, char **ret_copy, struct vp_error *err)
{
    *ret_copy = strdup(text);
    return *ret_copy == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code copy_pairs(Wire__Pair *const *items, size_t n, struct logical_pairs *pairs, struct vp_error *err)
{
    for (size_t i = 0; i < n; i++)
        VP_TRY(logical_pairs_add(pairs, items[i]->key, items[i]->value, err));
    return VP_OK;
}

static void read_lease(const Wire__LeaseOptions *lease, struct logical_auth *auth)
{
    if (lease == NULL)
        return;
    auth->ttl_s = plugin_translate_s(lease->ttl);
    auth->max_ttl_s = plugin_translate_s(lease->max_ttl);
    auth->renewable = lease->renewable;
    auth->issued_at_s = lease->issue_time == NULL ? 0 : lease->issue_time->seconds;
}

enum vp_code plugin_translate_auth_in(const Wire__Auth *wire, struct logical_auth *ret_auth, struct vp_error *err)
{
    struct logical_auth *auth = ret_auth;

    read_lease(wire->lease_options, auth);
    auth->explicit_max_ttl_s = plugin_translate_s(wire->explicit_max_ttl);
    VP_TRY(copy_text(wire->display_name, &auth->display_name, err));
    VP_TRY(copy_text(wire->internal_data, &auth->internal_data, err));
    VP_TRY(vp_texts_add_all(&auth->policies, &(struct vp_texts){ wire->policies, wire->n_policies }, err));
    VP_TRY(vp_texts_add_all(&auth->token_policies, &(struct vp_texts){ wire->token_policies, wire->n_token_policies },
                            err));
    VP_TRY(copy_pairs(wire->metadata, wire->n_metadata, &auth->metadata, err));
    if (wire->alias == NULL)
        return VP_OK;
    VP_TRY(copy_text(wire->alias->name, &auth->alias_name, err));
    return copy_pairs(wire->alias->metadata, wire->alias->n_metadata, &auth->alias_metadata, err);
}

/* ---- and back ---- */

enum vp_code plugin_translate_auth_renewed(const Wire__Auth *given, const struct logical_reply *reply,
                                           struct plugin_auth_parts *ret_parts, struct vp_error *err)
{
    *ret_parts = (struct plugin_auth_parts){ 0 };
    if (given == NULL || given->lease_options == NULL || given->lease_options->issue_time == NULL)
        return vp_fail(err, VP_REASON_INTERNAL, "a renewal of a token without a lease is not answered");
    if (reply->ttl_s <= 0 || reply->max_ttl_s < 0 || reply->period_s < 0)
        return vp_fail(err, VP_REASON_INTERNAL, "a renewal without a time to live is not answered");
    ret_parts->lease = *given->lease_options;
    ret_parts->lease.ttl = plugin_translate_ns(reply->ttl_s);
    ret_parts->lease.max_ttl = plugin_translate_ns(reply->max_ttl_s);
    ret_parts->auth = *given;
    ret_parts->auth.period = plugin_translate_ns(reply->period_s);
    ret_parts->auth.lease_options = &ret_parts->lease;
    return add_groups(ret_parts, &reply->group_aliases, err);
}
