/* Links and rules from a small set of strings. Every policy granted has a link that allows it. */
#include <stdbool.h>

#include "vp/clock.h"
#include "vp/policy.h"

#include "fuzz.h"

static char me[] = "me", role[] = "role", trash[] = "trash", other[] = "other", boss[] = "boss", team[] = "arv-",
            lab[] = "arv-lab-";
static char *const NAMES[] = { (char[]){ "arv-a" },
                               (char[]){ "arv-lab-b" },
                               (char[]){ "arv-" },
                               (char[]){ "root" },
                               (char[]){ "Arv-a" },
                               (char[]){ "b-a" },
                               NULL,
                               (char[]){ "arv-a " } };
static char *const WHO[] = { me, role, trash, other, NULL, boss };

static const char *pick(struct fuzz_input *input, char *const *from, size_t n)
{
    return from[fuzz_byte(input) % n];
}

static struct policy_link make_link(struct fuzz_input *input)
{
    uint8_t flags = fuzz_byte(input);
    return (struct policy_link){
        .uuid = "u",
        .link_class = flags & 1 ? "other" : "vault_policy",
        .owner_uuid = pick(input, WHO, 6),
        .modified_by_user_uuid = pick(input, WHO, 6),
        .tail_uuid = pick(input, WHO, 6),
        .head_uuid = flags & 2 ? "head" : NULL,
        .name = pick(input, NAMES, 8),
        .properties_good = (flags & 4) == 0,
        .not_before_s = flags & 8 ? 101 : 0,
        .expires_at_s = flags & 16 ? 90 + flags / 8 : VP_TIME_NONE,
        .container_image = flags & 32 ? "image" : NULL,
        .owner_prefix = flags & 64 ? lab : NULL,
    };
}

static bool has(const struct vp_texts *texts, const char *text)
{
    return text != NULL && vp_texts_has(texts, text);
}

/* The rules once more, in another order and as one expression. */
static bool allows(const struct policy_link *link, const struct policy_rules *rules)
{
    bool to_me = link->tail_uuid != NULL && strcmp(link->tail_uuid, rules->user_uuid) == 0;
    bool to_role = has(rules->roles, link->tail_uuid) && !has(rules->trashed_roles, link->tail_uuid) &&
                   strcmp(link->tail_uuid, rules->anonymous_role) != 0;
    return link->name != NULL && policy_name_check(link->name) == POLICY_NAME_GOOD && (to_me || to_role) &&
           has(rules->trusted_owners, link->owner_uuid) && strcmp(link->link_class, rules->link_class) == 0 &&
           link->head_uuid == NULL && link->properties_good && link->not_before_s <= rules->now_s &&
           link->expires_at_s > rules->now_s &&
           (rules->trusted_modifiers->n == 0 || has(rules->trusted_modifiers, link->modified_by_user_uuid)) &&
           policy_name_has_prefix(link->name, rules->allowed_prefixes) &&
           (rules->narrower_prefixes->n == 0 || policy_name_has_prefix(link->name, rules->narrower_prefixes)) &&
           (link->owner_prefix == NULL || policy_name_starts(link->name, link->owner_prefix)) &&
           (rules->allowed_policies->n == 0 || has(rules->allowed_policies, link->name)) &&
           (link->container_image == NULL || rules->any_image ||
            (rules->container_image != NULL && strcmp(link->container_image, rules->container_image) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LINKS_MAX = 12 };
    struct fuzz_input input = { data, size };
    uint8_t flags = fuzz_byte(&input);
    char *lists[][1] = { { boss }, { boss }, { team }, { lab }, { NAMES[0] }, { role }, { trash } };
    struct vp_texts texts[7];
    for (size_t i = 0; i < 7; i++)
        texts[i] = (struct vp_texts){ lists[i], (i == 1 || i == 3 || i == 4) && (flags >> i & 1) == 0 ? 0 : 1 };
    const struct policy_rules rules = { "vault_policy",
                                        &texts[0],
                                        &texts[1],
                                        &texts[2],
                                        &texts[3],
                                        &texts[4],
                                        me,
                                        &texts[5],
                                        &texts[6],
                                        flags & 32 ? role : "nobody",
                                        flags & 64 ? "image" : NULL,
                                        (flags & 128) != 0,
                                        100 };
    struct policy_link links[LINKS_MAX];
    size_t n = 0;
    while (input.left > 0 && n < LINKS_MAX)
        links[n++] = make_link(&input);
    struct policy_result result = { 0 };
    assert(policy_resolve(links, n, &rules, &result, &(struct vp_error){ 0 }) == VP_OK && result.n_verdicts == n);
    for (size_t i = 0; i < n; i++) {
        assert((result.verdicts[i] == POLICY_KEPT) == allows(&links[i], &rules));
        assert(!allows(&links[i], &rules) || vp_texts_has(&result.policies, links[i].name));
    }
    for (size_t i = 0; i < result.policies.n; i++) {
        bool granted = false;
        for (size_t j = 0; j < n; j++)
            granted = granted || (allows(&links[j], &rules) && strcmp(links[j].name, result.policies.items[i]) == 0);
        assert(granted);
    }
    policy_result_clear(&result);
    return 0;
}
