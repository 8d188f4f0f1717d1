/* Links in, policies and reasons out. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/clock.h"
#include "vp/policy.h"

#include "check.h"

#define USER "zzzzz-tpzed-xurymjxw79nv3jz"
#define OTHER "zzzzz-tpzed-l1s2piq4t4mps8r"
#define SYSTEM "zzzzz-tpzed-000000000000000"
#define ADMIN "zzzzz-tpzed-d9tiejq69daie8f"
#define IMAGE "fa3c1a9cb6783f85f2ecda037e07b8c3+167"

enum { NOW = 1800000000 };

static char owner_text[] = SYSTEM;
static char prefix_text[] = "arvados-";
static char *owner_items[] = { owner_text };
static char *prefix_items[] = { prefix_text };
static const struct vp_texts OWNERS = { owner_items, 1 };
static const struct vp_texts PREFIXES = { prefix_items, 1 };
static const struct vp_texts NONE = { NULL, 0 };

static struct policy_rules good_rules(void)
{
    return (struct policy_rules){
        .link_class = "vault_policy",
        .trusted_owners = &OWNERS,
        .trusted_modifiers = &NONE,
        .allowed_prefixes = &PREFIXES,
        .narrower_prefixes = &NONE,
        .allowed_policies = &NONE,
        .user_uuid = USER,
        .roles = &NONE,
        .trashed_roles = &NONE,
        .container_image = IMAGE,
        .now_s = NOW,
    };
}

static struct policy_link good_link(const char *name)
{
    return (struct policy_link){
        .uuid = "zzzzz-o0j2j-000000000000001",
        .link_class = "vault_policy",
        .owner_uuid = SYSTEM,
        .modified_by_user_uuid = ADMIN,
        .tail_uuid = USER,
        .name = name,
        .properties_good = true,
        .expires_at_s = VP_TIME_NONE,
    };
}

TEST(a_link_that_holds_everything_is_kept)
{
    struct policy_rules rules = good_rules();
    struct policy_link link = good_link("arvados-read");
    EXPECT_INT(POLICY_KEPT, policy_judge(&link, &rules));

    link.container_image = IMAGE;
    link.not_before_s = NOW;
    link.expires_at_s = NOW + 1;
    EXPECT_INT(POLICY_KEPT, policy_judge(&link, &rules));
}

TEST(each_thing_that_is_wrong_alone_drops_the_link_with_its_reason)
{
    struct policy_rules rules = good_rules();
    struct policy_link good = good_link("arvados-read");
    struct {
        struct policy_link link;
        enum policy_drop wanted;
    } rows[] = {
        { good, POLICY_WRONG_CLASS },     { good, POLICY_WRONG_CLASS },     { good, POLICY_WRONG_CLASS },
        { good, POLICY_UNTRUSTED_OWNER }, { good, POLICY_UNTRUSTED_OWNER }, { good, POLICY_UNTRUSTED_OWNER },
        { good, POLICY_WRONG_TAIL },      { good, POLICY_WRONG_TAIL },      { good, POLICY_WRONG_TAIL },
        { good, POLICY_BAD_NAME },        { good, POLICY_BAD_NAME },        { good, POLICY_RESERVED_NAME },
        { good, POLICY_OUTSIDE_PREFIX },  { good, POLICY_BAD_PROPERTIES },  { good, POLICY_EXPIRED },
        { good, POLICY_EXPIRED },         { good, POLICY_NOT_YET },         { good, POLICY_WRONG_IMAGE },
    };
    rows[0].link.link_class = "permission";
    rows[1].link.link_class = NULL;
    rows[2].link.link_class = "vault_policy ";
    rows[3].link.owner_uuid = USER;
    rows[4].link.owner_uuid = NULL;
    rows[5].link.owner_uuid = "zzzzz-tpzed-00000000000000";
    rows[6].link.tail_uuid = OTHER;
    rows[7].link.tail_uuid = NULL;
    rows[8].link.head_uuid = USER;
    rows[9].link.name = "Arvados-read";
    rows[10].link.name = NULL;
    rows[11].link.name = "root";
    rows[12].link.name = "database-admin";
    rows[13].link.properties_good = false;
    rows[14].link.expires_at_s = NOW;
    rows[15].link.expires_at_s = 0;
    rows[16].link.not_before_s = NOW + 1;
    rows[17].link.container_image = "00000000000000000000000000000000+1";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("row %zu\n", i);
        EXPECT_INT(rows[i].wanted, policy_judge(&rows[i].link, &rules));
        EXPECT(*policy_drop_word(rows[i].wanted) != '\0');
    }
    EXPECT_TEXT("", policy_drop_word(POLICY_KEPT));
}

TEST(an_image_that_is_not_known_matches_no_bound_link)
{
    struct policy_rules rules = good_rules();
    struct policy_link link = good_link("arvados-read");
    link.container_image = IMAGE;
    rules.container_image = NULL;
    EXPECT_INT(POLICY_WRONG_IMAGE, policy_judge(&link, &rules));
}

TEST(modifiers_and_exact_names_bind_only_when_they_are_set)
{
    char admin[] = ADMIN;
    char name[] = "arvados-write";
    char *admin_items[] = { admin };
    char *name_items[] = { name };
    const struct vp_texts admins = { admin_items, 1 };
    const struct vp_texts names = { name_items, 1 };
    struct policy_rules rules = good_rules();
    struct policy_link link = good_link("arvados-read");

    rules.trusted_modifiers = &admins;
    EXPECT_INT(POLICY_KEPT, policy_judge(&link, &rules));
    link.modified_by_user_uuid = USER;
    EXPECT_INT(POLICY_UNTRUSTED_MODIFIER, policy_judge(&link, &rules));
    link.modified_by_user_uuid = NULL;
    EXPECT_INT(POLICY_UNTRUSTED_MODIFIER, policy_judge(&link, &rules));

    rules.trusted_modifiers = &NONE;
    rules.allowed_policies = &names;
    EXPECT_INT(POLICY_NOT_IN_ALLOWED_POLICIES, policy_judge(&link, &rules));
    link.name = "arvados-write";
    EXPECT_INT(POLICY_KEPT, policy_judge(&link, &rules));
}

TEST(a_role_may_only_narrow_what_the_mount_allows)
{
    char narrower_text[] = "arvados-lab-";
    char wider_text[] = "database-";
    char *narrower_items[] = { narrower_text };
    char *wider_items[] = { wider_text };
    const struct vp_texts narrower = { narrower_items, 1 };
    const struct vp_texts wider = { wider_items, 1 };
    struct policy_rules rules = good_rules();
    struct policy_link inside = good_link("arvados-lab-read");
    struct policy_link outside = good_link("arvados-read");
    struct policy_link beyond = good_link("database-admin");

    rules.narrower_prefixes = &narrower;
    EXPECT_INT(POLICY_KEPT, policy_judge(&inside, &rules));
    EXPECT_INT(POLICY_OUTSIDE_PREFIX, policy_judge(&outside, &rules));
    rules.narrower_prefixes = &wider;
    EXPECT_INT(POLICY_OUTSIDE_PREFIX, policy_judge(&beyond, &rules));
    EXPECT_INT(POLICY_OUTSIDE_PREFIX, policy_judge(&inside, &rules));
}

TEST(without_trusted_owners_or_prefixes_nothing_is_granted)
{
    struct policy_rules rules = good_rules();
    struct policy_link link = good_link("arvados-read");
    rules.trusted_owners = &NONE;
    EXPECT_INT(POLICY_UNTRUSTED_OWNER, policy_judge(&link, &rules));
    rules = good_rules();
    rules.allowed_prefixes = &NONE;
    EXPECT_INT(POLICY_OUTSIDE_PREFIX, policy_judge(&link, &rules));
}

TEST(policies_come_out_distinct_and_sorted_with_a_verdict_for_each_link)
{
    struct vp_error err = { 0 };
    struct policy_result result = { 0 };
    struct policy_rules rules = good_rules();
    struct policy_link links[] = { good_link("arvados-b"), good_link("root"), good_link("arvados-a"),
                                   good_link("arvados-b") };

    EXPECT_OK(policy_resolve(links, 4, &rules, &result, &err), &err);

    EXPECT_INT(2, result.policies.n);
    EXPECT_TEXT("arvados-a", result.policies.items[0]);
    EXPECT_TEXT("arvados-b", result.policies.items[1]);
    EXPECT_INT(4, result.n_verdicts);
    EXPECT_INT(POLICY_KEPT, result.verdicts[0]);
    EXPECT_INT(POLICY_RESERVED_NAME, result.verdicts[1]);
    EXPECT_INT(POLICY_KEPT, result.verdicts[3]);
    EXPECT(result.expires_at_s == VP_TIME_NONE);
    policy_result_clear(&result);
}

TEST(the_result_ends_with_the_earliest_policy_and_a_policy_with_its_latest_link)
{
    static const struct {
        int64_t first, second, other; /* two links for one policy, and another policy */
        int64_t wanted;
    } ROWS[] = {
        { NOW + 100, NOW + 200, VP_TIME_NONE, NOW + 200 },       { NOW + 200, NOW + 100, VP_TIME_NONE, NOW + 200 },
        { NOW + 100, VP_TIME_NONE, VP_TIME_NONE, VP_TIME_NONE }, { NOW + 100, VP_TIME_NONE, NOW + 50, NOW + 50 },
        { NOW + 100, NOW + 100, NOW + 500, NOW + 100 },          { NOW - 1, NOW + 300, VP_TIME_NONE, NOW + 300 },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        struct policy_result result = { 0 };
        struct policy_rules rules = good_rules();
        struct policy_link links[] = { good_link("arvados-a"), good_link("arvados-a"), good_link("arvados-b") };
        links[0].expires_at_s = ROWS[i].first;
        links[1].expires_at_s = ROWS[i].second;
        links[2].expires_at_s = ROWS[i].other;

        EXPECT_OK(policy_resolve(links, 3, &rules, &result, &err), &err);

        EXPECT_INT(2, result.policies.n);
        EXPECT(result.expires_at_s == ROWS[i].wanted);
        policy_result_clear(&result);
    }
}

/* Left by mutants: two are the fewest that can stand in a wrong order. */
TEST(two_links_alone_are_sorted_and_one_policy_of_two_lasts_to_the_later_end)
{
    struct vp_error err = { 0 };
    struct policy_result result = { 0 };
    struct policy_rules rules = good_rules();
    struct policy_link names[] = { good_link("arvados-b"), good_link("arvados-a") };
    struct policy_link ends[] = { good_link("arvados-a"), good_link("arvados-a") };
    ends[0].expires_at_s = NOW + 100;
    ends[1].expires_at_s = NOW + 200;

    EXPECT_OK(policy_resolve(names, 2, &rules, &result, &err), &err);
    EXPECT_TEXT("arvados-a", result.policies.items[0]);
    EXPECT_TEXT("arvados-b", result.policies.items[1]);
    policy_result_clear(&result);
    EXPECT_OK(policy_resolve(ends, 2, &rules, &result, &err), &err);
    EXPECT_INT(1, result.policies.n);
    EXPECT(result.expires_at_s == NOW + 200);
    policy_result_clear(&result);
}

TEST(no_links_give_no_policies)
{
    struct vp_error err = { 0 };
    struct policy_result result = { 0 };
    struct policy_rules rules = good_rules();
    EXPECT_OK(policy_resolve(NULL, 0, &rules, &result, &err), &err);
    EXPECT_INT(0, result.policies.n);
    EXPECT_INT(0, result.n_verdicts);
    policy_result_clear(&result);
    policy_result_clear(&result); /* also when it is empty already */
}

/* The rules once more, as one flat condition, over links thrown together at random. */
static bool counts(const struct policy_link *link)
{
    return strcmp(link->link_class, "vault_policy") == 0 && strcmp(link->owner_uuid, SYSTEM) == 0 &&
           strcmp(link->tail_uuid, USER) == 0 && link->head_uuid == NULL && strncmp(link->name, "arvados-", 8) == 0 &&
           strspn(link->name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(link->name) &&
           strlen(link->name) > 8 && strlen(link->name) < 64 && link->properties_good && link->expires_at_s > NOW &&
           link->not_before_s <= NOW && (link->container_image == NULL || strcmp(link->container_image, IMAGE) == 0);
}

static const char *pick(unsigned *seed, const char *const *from, unsigned n)
{
    return from[(unsigned)rand_r(seed) % n];
}

TEST(ten_thousand_random_links_are_judged_as_the_plain_rules_say)
{
    static const char *const CLASSES[] = { "vault_policy", "vault_policy", "vault_policy", "permission" };
    static const char *const OWNER_UUIDS[] = { SYSTEM, SYSTEM, SYSTEM, USER, ADMIN };
    static const char *const TAILS[] = { USER, USER, USER, OTHER };
    static const char *const HEADS[] = { NULL, NULL, NULL, OTHER };
    static const char *const NAMES[] = { "arvados-a", "arvados-b", "arvados-c", "root",
                                         "arvados-",  "Arvados-a", "other-a" };
    static const char *const IMAGES[] = { NULL, NULL, IMAGE, "00000000000000000000000000000000+1" };
    enum { N = 10000 };
    struct vp_error err = { 0 };
    struct policy_result result = { 0 };
    struct policy_rules rules = good_rules();
    struct policy_link *links = calloc(N, sizeof *links);
    unsigned seed = 20261123;
    for (size_t i = 0; i < N; i++) {
        links[i] = good_link(pick(&seed, NAMES, 7));
        links[i].link_class = pick(&seed, CLASSES, 4);
        links[i].owner_uuid = pick(&seed, OWNER_UUIDS, 5);
        links[i].tail_uuid = pick(&seed, TAILS, 4);
        links[i].head_uuid = pick(&seed, HEADS, 4);
        links[i].container_image = pick(&seed, IMAGES, 4);
        links[i].properties_good = rand_r(&seed) % 8 != 0;
        links[i].expires_at_s = NOW - 2 + rand_r(&seed) % 5;
        links[i].not_before_s = NOW - 3 + rand_r(&seed) % 5;
    }

    EXPECT_OK(policy_resolve(links, N, &rules, &result, &err), &err);

    size_t n_kept = 0;
    for (size_t i = 0; i < N; i++) {
        EXPECT_INT(counts(&links[i]), result.verdicts[i] == POLICY_KEPT);
        n_kept += counts(&links[i]);
    }
    EXPECT(n_kept > 100);
    EXPECT_INT(3, result.policies.n);
    policy_result_clear(&result);
    free(links);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_link_that_holds_everything_is_kept),
        CASE(each_thing_that_is_wrong_alone_drops_the_link_with_its_reason),
        CASE(an_image_that_is_not_known_matches_no_bound_link),
        CASE(modifiers_and_exact_names_bind_only_when_they_are_set),
        CASE(a_role_may_only_narrow_what_the_mount_allows),
        CASE(without_trusted_owners_or_prefixes_nothing_is_granted),
        CASE(policies_come_out_distinct_and_sorted_with_a_verdict_for_each_link),
        CASE(the_result_ends_with_the_earliest_policy_and_a_policy_with_its_latest_link),
        CASE(two_links_alone_are_sorted_and_one_policy_of_two_lasts_to_the_later_end),
        CASE(no_links_give_no_policies),
        CASE(ten_thousand_random_links_are_judged_as_the_plain_rules_say),
    };
    return cmocka_run_group_tests_name("policy_resolve", cases, NULL, NULL);
}
