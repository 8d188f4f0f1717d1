/* Which of several reasons is told, and the seconds at which a link begins and ends to count. */
#include <stdlib.h>

#include "vp/clock.h"
#include "vp/policy.h"

#include "check.h"

#define USER "zzzzz-tpzed-xurymjxw79nv3jz"
#define OTHER "zzzzz-tpzed-l1s2piq4t4mps8r"
#define OWNER "zzzzz-tpzed-000000000000000"
#define ADMIN "zzzzz-tpzed-d9tiejq69daie8f"
#define IMAGE "fa3c1a9cb6783f85f2ecda037e07b8c3+167"
#define ROLE "zzzzz-j7d0g-swqu6hmi4pa7bk7"
#define TRASHED_ROLE "zzzzz-j7d0g-soontobetrashd2"
#define ANONYMOUS_ROLE "zzzzz-j7d0g-anonymouspublic"
#define OTHER_IMAGE "00000000000000000000000000000000+1"

enum { NOW = 1800000000 };

static char owner_text[] = OWNER;
static char admin_text[] = ADMIN;
static char mount_prefix_text[] = "arvados-";
static char role_prefix_text[] = "arvados-lab-";
static char allowed_text[] = "arvados-lab-a";
static char role_text[] = ROLE;
static char anonymous_text[] = ANONYMOUS_ROLE;
static char trashed_text[] = TRASHED_ROLE;
static char *owner_items[] = { owner_text };
static char *role_items[] = { role_text, anonymous_text };
static char *trashed_items[] = { trashed_text };
static char *admin_items[] = { admin_text };
static char *mount_prefix_items[] = { mount_prefix_text };
static char *role_prefix_items[] = { role_prefix_text };
static char *allowed_items[] = { allowed_text };
static const struct vp_texts OWNERS = { owner_items, 1 };
static const struct vp_texts ADMINS = { admin_items, 1 };
static const struct vp_texts MOUNT_PREFIXES = { mount_prefix_items, 1 };
static const struct vp_texts ROLE_PREFIXES = { role_prefix_items, 1 };
static const struct vp_texts ALLOWED = { allowed_items, 1 };
static const struct vp_texts ROLES = { role_items, 2 };
static const struct vp_texts TRASHED = { trashed_items, 1 };

/* Everything that can bind does. */
static const struct policy_rules RULES = {
    .link_class = "vault_policy",
    .trusted_owners = &OWNERS,
    .trusted_modifiers = &ADMINS,
    .allowed_prefixes = &MOUNT_PREFIXES,
    .narrower_prefixes = &ROLE_PREFIXES,
    .allowed_policies = &ALLOWED,
    .user_uuid = USER,
    .roles = &ROLES,
    .trashed_roles = &TRASHED,
    .anonymous_role = ANONYMOUS_ROLE,
    .container_image = IMAGE,
    .now_s = NOW,
};

static const struct policy_link GOOD = {
    .uuid = "zzzzz-o0j2j-000000000000001",
    .link_class = "vault_policy",
    .owner_uuid = OWNER,
    .modified_by_user_uuid = ADMIN,
    .tail_uuid = USER,
    .name = "arvados-lab-a",
    .properties_good = true,
    .not_before_s = NOW - 10,
    .expires_at_s = NOW + 10,
    .container_image = IMAGE,
};

/* Makes a link wrong in just one way. A name can be wrong in one way at a time. */
static void spoil(struct policy_link *link, enum policy_drop how)
{
    switch (how) {
    case POLICY_KEPT:
    case POLICY_N_DROPS:
        break;
    case POLICY_WRONG_CLASS:
        link->link_class = "permission";
        break;
    case POLICY_UNTRUSTED_OWNER:
        link->owner_uuid = OTHER;
        break;
    case POLICY_UNTRUSTED_MODIFIER:
        link->modified_by_user_uuid = OTHER;
        break;
    case POLICY_WRONG_TAIL:
        link->head_uuid = OTHER;
        break;
    case POLICY_ROLE_TRASHED:
        link->tail_uuid = TRASHED_ROLE;
        break;
    case POLICY_ANONYMOUS_ROLE:
        link->tail_uuid = ANONYMOUS_ROLE;
        break;
    case POLICY_BAD_NAME:
        link->name = "arvados-lab-A";
        break;
    case POLICY_RESERVED_NAME:
        link->name = "root";
        break;
    case POLICY_OUTSIDE_PREFIX:
        link->name = "arvados-other";
        break;
    case POLICY_NOT_IN_ALLOWED_POLICIES:
        link->name = "arvados-lab-b";
        break;
    case POLICY_BAD_PROPERTIES:
        link->properties_good = false;
        break;
    case POLICY_EXPIRED:
        link->expires_at_s = NOW;
        break;
    case POLICY_NOT_YET:
        link->not_before_s = NOW + 1;
        break;
    case POLICY_WRONG_IMAGE:
        link->container_image = OTHER_IMAGE;
        break;
    }
}

static bool is_about_the_name(int drop)
{
    return drop >= POLICY_BAD_NAME && drop <= POLICY_NOT_IN_ALLOWED_POLICIES;
}

TEST(a_link_that_is_wrong_in_one_way_is_dropped_for_just_that)
{
    EXPECT_INT(POLICY_KEPT, policy_judge(&GOOD, &RULES));
    for (int drop = POLICY_KEPT + 1; drop < POLICY_N_DROPS; drop++) {
        struct policy_link link = GOOD;
        spoil(&link, (enum policy_drop)drop);
        EXPECT_INT(drop, policy_judge(&link, &RULES));
    }
}

TEST(of_two_reasons_the_one_told_is_the_first_of_the_list)
{
    for (int first = POLICY_KEPT + 1; first < POLICY_N_DROPS; first++) {
        for (int second = first + 1; second < POLICY_N_DROPS; second++) {
            struct policy_link link = GOOD;
            if (is_about_the_name(first) && is_about_the_name(second))
                continue;
            spoil(&link, (enum policy_drop)second);
            spoil(&link, (enum policy_drop)first);
            EXPECT_INT(first, policy_judge(&link, &RULES));
        }
    }
}

TEST(with_everything_wrong_mending_in_the_order_of_the_list_shows_every_reason)
{
    for (int mended = POLICY_KEPT; mended < POLICY_N_DROPS; mended++) {
        struct policy_link link = GOOD;
        int wanted = mended + 1;
        for (int drop = POLICY_N_DROPS - 1; drop > mended; drop--)
            spoil(&link, (enum policy_drop)drop);
        EXPECT_INT(wanted == POLICY_N_DROPS ? POLICY_KEPT : wanted, policy_judge(&link, &RULES));
    }
}

TEST(a_link_counts_from_its_first_second_to_the_one_before_its_last)
{
    static const struct {
        int64_t not_before_s, expires_at_s;
        enum policy_drop wanted;
    } ROWS[] = {
        { 0, NOW - 1, POLICY_EXPIRED },
        { 0, NOW, POLICY_EXPIRED },
        { 0, NOW + 1, POLICY_KEPT },
        { 0, VP_TIME_NONE, POLICY_KEPT },
        { 0, 0, POLICY_EXPIRED },
        { 0, -1, POLICY_EXPIRED },
        { 0, INT64_MIN, POLICY_EXPIRED },
        { NOW - 1, VP_TIME_NONE, POLICY_KEPT },
        { NOW, VP_TIME_NONE, POLICY_KEPT },
        { NOW + 1, VP_TIME_NONE, POLICY_NOT_YET },
        { INT64_MAX, VP_TIME_NONE, POLICY_NOT_YET },
        { NOW, NOW + 1, POLICY_KEPT },
        { NOW + 1, NOW + 1, POLICY_NOT_YET },
        { NOW + 5, NOW - 5, POLICY_EXPIRED },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct policy_link link = GOOD;
        link.not_before_s = ROWS[i].not_before_s;
        link.expires_at_s = ROWS[i].expires_at_s;
        print_message("row %zu\n", i);
        EXPECT_INT(ROWS[i].wanted, policy_judge(&link, &RULES));
    }
}

TEST(texts_that_arvados_has_not_never_match)
{
    struct policy_rules rules = RULES;
    struct policy_link link = GOOD;
    link.link_class = link.tail_uuid = NULL;
    rules.link_class = rules.user_uuid = NULL;
    EXPECT_INT(POLICY_WRONG_CLASS, policy_judge(&link, &rules));

    rules.link_class = link.link_class = GOOD.link_class;
    EXPECT_INT(POLICY_WRONG_TAIL, policy_judge(&link, &rules));

    link = GOOD;
    link.container_image = "";
    EXPECT_INT(POLICY_WRONG_IMAGE, policy_judge(&link, &RULES));
}

TEST(what_only_looks_like_the_owner_the_user_or_a_prefix_is_not_it)
{
    static const struct {
        const char *owner, *tail, *name;
        enum policy_drop wanted;
    } ROWS[] = {
        { OWNER " ", USER, "arvados-lab-a", POLICY_UNTRUSTED_OWNER },
        { "ZZZZZ-tpzed-000000000000000", USER, "arvados-lab-a", POLICY_UNTRUSTED_OWNER },
        { "zzzzz-j7d0g-000000000000000", USER, "arvados-lab-a", POLICY_UNTRUSTED_OWNER },
        { "", USER, "arvados-lab-a", POLICY_UNTRUSTED_OWNER },
        { OWNER, USER "x", "arvados-lab-a", POLICY_WRONG_TAIL },
        { OWNER, "", "arvados-lab-a", POLICY_WRONG_TAIL },
        { OWNER, USER, "arvados_lab-a", POLICY_OUTSIDE_PREFIX },
        { OWNER, USER, "arvados-lab", POLICY_OUTSIDE_PREFIX },
        { OWNER, USER, "arvados-lab-", POLICY_OUTSIDE_PREFIX },
        { OWNER, USER, "arvados--lab-a", POLICY_OUTSIDE_PREFIX },
        { OWNER, USER, "xarvados-lab-a", POLICY_OUTSIDE_PREFIX },
        { OWNER, USER, "arvados-lab-aa", POLICY_NOT_IN_ALLOWED_POLICIES },
        { OWNER, USER, "\xD0\xB0rvados-lab-a", POLICY_BAD_NAME },
        { OWNER, USER, "", POLICY_BAD_NAME },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct policy_link link = GOOD;
        link.owner_uuid = ROWS[i].owner;
        link.tail_uuid = ROWS[i].tail;
        link.name = ROWS[i].name;
        print_message("row %zu\n", i);
        EXPECT_INT(ROWS[i].wanted, policy_judge(&link, &RULES));
    }
}

TEST(a_link_to_a_role_counts_for_its_members_only)
{
    static const struct {
        const char *tail;
        enum policy_drop wanted;
    } ROWS[] = {
        { USER, POLICY_KEPT },
        { ROLE, POLICY_KEPT },
        { ROLE "x", POLICY_WRONG_TAIL },
        { "zzzzz-j7d0g-48foin4vonvc2at", POLICY_WRONG_TAIL },
        { "yyyyy-j7d0g-swqu6hmi4pa7bk7", POLICY_WRONG_TAIL },
        { TRASHED_ROLE, POLICY_ROLE_TRASHED },
        { ANONYMOUS_ROLE, POLICY_ANONYMOUS_ROLE },
        { OTHER, POLICY_WRONG_TAIL },
        { NULL, POLICY_WRONG_TAIL },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct policy_link link = GOOD;
        link.tail_uuid = ROWS[i].tail;
        print_message("row %zu\n", i);
        EXPECT_INT(ROWS[i].wanted, policy_judge(&link, &RULES));
    }
}

TEST(a_role_that_is_listed_as_alive_and_as_trashed_grants_nothing)
{
    struct policy_rules rules = RULES;
    struct policy_link link = GOOD;
    link.tail_uuid = TRASHED_ROLE;
    rules.roles = &TRASHED;
    EXPECT_INT(POLICY_ROLE_TRASHED, policy_judge(&link, &rules));
}

TEST(an_owner_with_a_prefix_of_his_own_grants_under_it_only)
{
    struct policy_link link = GOOD;
    link.owner_prefix = "arvados-lab-";
    EXPECT_INT(POLICY_KEPT, policy_judge(&link, &RULES));
    link.owner_prefix = "arvados-lab-a"; /* a name must go on behind the prefix */
    EXPECT_INT(POLICY_OUTSIDE_PREFIX, policy_judge(&link, &RULES));
    link.owner_prefix = "arvados-other-";
    EXPECT_INT(POLICY_OUTSIDE_PREFIX, policy_judge(&link, &RULES));
}

TEST(where_nobody_knows_the_image_a_bound_link_counts_only_for_looking)
{
    struct policy_rules rules = RULES;
    rules.container_image = NULL;
    EXPECT_INT(POLICY_WRONG_IMAGE, policy_judge(&GOOD, &rules));
    rules.any_image = true;
    EXPECT_INT(POLICY_KEPT, policy_judge(&GOOD, &rules));
}

/* All two-byte names against the grammar as it is written in the contract. */
TEST(a_name_of_two_bytes_is_a_letter_or_digit_and_one_more_of_the_alphabet)
{
    static const char FIRST[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char NEXT[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned n_good = 0;
    for (int a = 1; a < 256; a++) {
        for (int b = 1; b < 256; b++) {
            const char name[] = { (char)a, (char)b, '\0' };
            bool good = strchr(FIRST, (char)a) != NULL && strchr(NEXT, (char)b) != NULL;
            if ((policy_name_check(name) == POLICY_NAME_GOOD) != good)
                fail_msg("bytes %02x %02x", (unsigned)a, (unsigned)b);
            if (policy_is_prefix(name) != (strchr(FIRST, (char)a) != NULL && (b == '-' || b == '_')))
                fail_msg("prefix bytes %02x %02x", (unsigned)a, (unsigned)b);
            n_good += good;
        }
    }
    EXPECT_INT(36 * 38, n_good);
}

/* The list once more, one condition a line, against links that are wrong in any number of ways. */
static int plain_judge(const struct policy_link *link)
{
    const bool wrong[POLICY_N_DROPS] = {
        [POLICY_WRONG_CLASS] = strcmp(link->link_class, "vault_policy") != 0,
        [POLICY_UNTRUSTED_OWNER] = strcmp(link->owner_uuid, OWNER) != 0,
        [POLICY_UNTRUSTED_MODIFIER] = strcmp(link->modified_by_user_uuid, ADMIN) != 0,
        [POLICY_WRONG_TAIL] = link->head_uuid != NULL,
        [POLICY_ROLE_TRASHED] = strcmp(link->tail_uuid, TRASHED_ROLE) == 0,
        [POLICY_ANONYMOUS_ROLE] = strcmp(link->tail_uuid, ANONYMOUS_ROLE) == 0,
        [POLICY_BAD_NAME] = strcmp(link->name, "arvados-lab-A") == 0,
        [POLICY_RESERVED_NAME] = strcmp(link->name, "root") == 0,
        [POLICY_OUTSIDE_PREFIX] = strcmp(link->name, "arvados-other") == 0,
        [POLICY_NOT_IN_ALLOWED_POLICIES] = strcmp(link->name, "arvados-lab-b") == 0,
        [POLICY_BAD_PROPERTIES] = !link->properties_good,
        [POLICY_EXPIRED] = link->expires_at_s <= NOW,
        [POLICY_NOT_YET] = link->not_before_s > NOW,
        [POLICY_WRONG_IMAGE] = strcmp(link->container_image, IMAGE) != 0,
    };
    for (int drop = POLICY_KEPT + 1; drop < POLICY_N_DROPS; drop++)
        if (wrong[drop])
            return drop;
    return POLICY_KEPT;
}

TEST(ten_thousand_links_wrong_in_any_number_of_ways_get_the_reason_of_the_list)
{
    enum { N = 10000 };
    struct vp_error err = { 0 };
    struct policy_result result = { 0 };
    struct policy_link *links = calloc(N, sizeof *links);
    unsigned seed = 20261124;
    unsigned seen[POLICY_N_DROPS] = { 0 };
    for (size_t i = 0; i < N; i++) {
        links[i] = GOOD;
        for (int drop = POLICY_KEPT + 1; drop < POLICY_N_DROPS; drop++)
            if (rand_r(&seed) % 12 == 0)
                spoil(&links[i], (enum policy_drop)drop);
    }

    EXPECT_OK(policy_resolve(links, N, &RULES, &result, &err), &err);

    EXPECT_INT(N, result.n_verdicts);
    for (size_t i = 0; i < N; i++) {
        EXPECT_INT(plain_judge(&links[i]), result.verdicts[i]);
        seen[result.verdicts[i]]++;
    }
    for (int drop = 0; drop < POLICY_N_DROPS; drop++)
        EXPECT(seen[drop] > 20);
    EXPECT_INT(1, result.policies.n);
    EXPECT_INT(NOW + 10, result.expires_at_s);
    policy_result_clear(&result);
    free(links);
}

TEST(the_words_of_the_reasons_are_the_documented_ones)
{
    static const char *const WORDS[POLICY_N_DROPS] = {
        "",
        "wrong_class",
        "untrusted_owner",
        "untrusted_modifier",
        "wrong_tail",
        "role_trashed",
        "anonymous_role",
        "bad_name",
        "reserved_name",
        "outside_prefix",
        "not_in_allowed_policies",
        "bad_properties",
        "expired",
        "not_yet",
        "wrong_image",
    };
    for (int drop = 0; drop < POLICY_N_DROPS; drop++)
        EXPECT_TEXT(WORDS[drop], policy_drop_word((enum policy_drop)drop));
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_link_that_is_wrong_in_one_way_is_dropped_for_just_that),
        CASE(of_two_reasons_the_one_told_is_the_first_of_the_list),
        CASE(with_everything_wrong_mending_in_the_order_of_the_list_shows_every_reason),
        CASE(a_link_counts_from_its_first_second_to_the_one_before_its_last),
        CASE(texts_that_arvados_has_not_never_match),
        CASE(what_only_looks_like_the_owner_the_user_or_a_prefix_is_not_it),
        CASE(a_link_to_a_role_counts_for_its_members_only),
        CASE(a_role_that_is_listed_as_alive_and_as_trashed_grants_nothing),
        CASE(an_owner_with_a_prefix_of_his_own_grants_under_it_only),
        CASE(where_nobody_knows_the_image_a_bound_link_counts_only_for_looking),
        CASE(a_name_of_two_bytes_is_a_letter_or_digit_and_one_more_of_the_alphabet),
        CASE(ten_thousand_links_wrong_in_any_number_of_ways_get_the_reason_of_the_list),
        CASE(the_words_of_the_reasons_are_the_documented_ones),
    };
    return cmocka_run_group_tests_name("policy_order", cases, NULL, NULL);
}
