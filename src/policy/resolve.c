/* Which links are grants for this user, and what they grant. */
#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"
#include "vp/policy.h"

const char *policy_drop_word(enum policy_drop drop)
{
    static const char *const WORDS[POLICY_N_DROPS] = {
#define X(name, word) [POLICY_##name] = (word),
        POLICY_DROP_REASONS(X)
#undef X
    };
    return WORDS[drop];
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool listed(const struct vp_texts *texts, const char *text)
{
    return text != NULL && vp_texts_has(texts, text);
}

/* To the user himself, or to a role he is a member of. The head of a grant is empty; one that points somewhere is some other
 * kind of link. */
static enum policy_drop judge_ends(const struct policy_link *link, const struct policy_rules *rules)
{
    if (link->head_uuid != NULL)
        return POLICY_WRONG_TAIL;
    if (same(link->tail_uuid, rules->user_uuid))
        return POLICY_KEPT;
    if (listed(rules->trashed_roles, link->tail_uuid))
        return POLICY_ROLE_TRASHED;
    if (!listed(rules->roles, link->tail_uuid))
        return POLICY_WRONG_TAIL;
    return same(link->tail_uuid, rules->anonymous_role) ? POLICY_ANONYMOUS_ROLE : POLICY_KEPT;
}

static enum policy_drop judge_origin(const struct policy_link *link, const struct policy_rules *rules)
{
    if (!same(link->link_class, rules->link_class))
        return POLICY_WRONG_CLASS;
    /* Any Arvados user can make a link of any class: only the owner separates an admin's grant from a user's wish. */
    if (!listed(rules->trusted_owners, link->owner_uuid))
        return POLICY_UNTRUSTED_OWNER;
    if (rules->trusted_modifiers->n > 0 && !listed(rules->trusted_modifiers, link->modified_by_user_uuid))
        return POLICY_UNTRUSTED_MODIFIER;
    return judge_ends(link, rules);
}

static enum policy_drop judge_name(const struct policy_link *link, const struct policy_rules *rules)
{
    const char *name = link->name;
    enum policy_name_verdict verdict = name == NULL ? POLICY_NAME_BAD : policy_name_check(name);
    if (verdict == POLICY_NAME_RESERVED)
        return POLICY_RESERVED_NAME;
    if (verdict != POLICY_NAME_GOOD)
        return POLICY_BAD_NAME;
    if (!policy_name_has_prefix(name, rules->allowed_prefixes))
        return POLICY_OUTSIDE_PREFIX;
    if (link->owner_prefix != NULL && !policy_name_starts(name, link->owner_prefix))
        return POLICY_OUTSIDE_PREFIX;
    if (rules->narrower_prefixes->n > 0 && !policy_name_has_prefix(name, rules->narrower_prefixes))
        return POLICY_OUTSIDE_PREFIX;
    if (rules->allowed_policies->n > 0 && !vp_texts_has(rules->allowed_policies, name))
        return POLICY_NOT_IN_ALLOWED_POLICIES;
    return POLICY_KEPT;
}

static enum policy_drop judge_properties(const struct policy_link *link, const struct policy_rules *rules)
{
    if (!link->properties_good)
        return POLICY_BAD_PROPERTIES;
    if (link->expires_at_s <= rules->now_s)
        return POLICY_EXPIRED;
    if (link->not_before_s > rules->now_s)
        return POLICY_NOT_YET;
    if (link->container_image != NULL && !rules->any_image && !same(link->container_image, rules->container_image))
        return POLICY_WRONG_IMAGE;
    return POLICY_KEPT;
}

enum policy_drop policy_judge(const struct policy_link *link, const struct policy_rules *rules)
{
    enum policy_drop drop = judge_origin(link, rules);
    if (drop == POLICY_KEPT)
        drop = judge_name(link, rules);
    if (drop == POLICY_KEPT)
        drop = judge_properties(link, rules);
    return drop;
}

/* Two links may grant one policy: it counts once, and lasts until the later of the two expiries. */
struct kept {
    const char *name;
    int64_t expires_at_s;
};

static int compare_kept(const void *a, const void *b)
{
    const struct kept *left = a;
    const struct kept *right = b;
    int names = strcmp(left->name, right->name);
    if (names != 0)
        return names;
    return (left->expires_at_s < right->expires_at_s) - (left->expires_at_s > right->expires_at_s);
}

static enum vp_code collect(struct kept *kept, size_t n, struct policy_result *result, struct vp_error *err)
{
    if (n > 1)
        qsort(kept, n, sizeof *kept, compare_kept);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(kept[i].name, kept[i - 1].name) == 0)
            continue;
        VP_TRY(vp_texts_add(&result->policies, kept[i].name, err));
        if (kept[i].expires_at_s < result->expires_at_s)
            result->expires_at_s = kept[i].expires_at_s;
    }
    return VP_OK;
}

enum vp_code policy_resolve(const struct policy_link *links, size_t n, const struct policy_rules *rules,
                            struct policy_result *ret_result, struct vp_error *err)
{
    struct policy_result result = { .expires_at_s = VP_TIME_NONE };
    result.verdicts = calloc(n + 1, sizeof *result.verdicts);
    struct kept *kept = calloc(n + 1, sizeof *kept);
    enum vp_code code = VP_OK;
    if (result.verdicts == NULL || kept == NULL) {
        code = vp_fail_no_memory(err);
    } else {
        size_t n_kept = 0;
        result.n_verdicts = n;
        for (size_t i = 0; i < n; i++) {
            result.verdicts[i] = policy_judge(&links[i], rules);
            if (result.verdicts[i] == POLICY_KEPT)
                kept[n_kept++] = (struct kept){ links[i].name, links[i].expires_at_s };
        }
        code = collect(kept, n_kept, &result, err);
    }
    free(kept);
    if (code != VP_OK) {
        policy_result_clear(&result);
        return code;
    }
    *ret_result = result;
    return VP_OK;
}

void policy_result_clear(struct policy_result *result)
{
    vp_texts_clear(&result->policies);
    free(result->verdicts);
    *result = (struct policy_result){ 0 };
}
