/* Lifetimes, policy counts, leases: what a token may be like. */
#include "vp/clock.h"

#include "check.h"
#include "issue.h"

enum { NOW = 1800000000 };

static const struct auth_role DEFAULTS;

TEST(a_lifetime_is_the_shortest_of_the_role_the_arvados_token_and_the_grants)
{
    static const struct {
        struct auth_role role;
        int64_t token_left, grants_left; /* -1: no end */
        struct auth_terms wanted;
    } ROWS[] = {
        { { 0 }, -1, -1, { 900, 0, 86400, 0 } },
        { { 0 }, 100000, -1, { 900, 100000, 86400, 0 } },
        { { 0 }, 86399, -1, { 900, 86399, 86399, 0 } },
        { { 0 }, -1, 3600, { 900, 3600, 3600, 0 } },
        { { 0 }, 3600, 1800, { 900, 1800, 1800, 0 } },
        { { 0 }, 1800, 3600, { 900, 1800, 1800, 0 } },
        { { 0 }, 899, -1, { 899, 899, 899, 0 } },
        { { 0 }, 30, -1, { 30, 30, 30, 0 } },
        { { 0 }, -1, 30, { 30, 30, 30, 0 } },
        { { 0 }, INT64_MAX / 2, -1, { 900, INT64_MAX / 2, 86400, 0 } },
        { { .token_ttl_s = 60 }, -1, -1, { 60, 0, 86400, 0 } },
        { { .token_ttl_s = 7200, .token_max_ttl_s = 9000 }, -1, -1, { 7200, 9000, 86400, 0 } },
        { { .token_max_ttl_s = 300 }, -1, -1, { 300, 300, 86400, 0 } },
        { { .token_explicit_max_ttl_s = 100 }, -1, -1, { 100, 0, 100, 0 } },
        { { .token_ttl_s = 200000 }, -1, -1, { 86400, 0, 86400, 0 } },
        { { .token_ttl_s = 200000, .token_explicit_max_ttl_s = 300000 }, -1, -1, { 200000, 0, 300000, 0 } },
        { { .token_period_s = 3600 }, -1, -1, { 900, 0, 86400, 3600 } },
        { { .token_period_s = 3600 }, 1000, -1, { 900, 1000, 1000, 1000 } },
        { { .token_max_ttl_s = 5000 }, 1000, -1, { 900, 1000, 1000, 0 } },
        { { .token_max_ttl_s = 500 }, 1000, -1, { 500, 500, 1000, 0 } },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        struct auth_terms terms = { 0 };
        int64_t token_end = ROWS[i].token_left < 0 ? VP_TIME_NONE : NOW + ROWS[i].token_left;
        int64_t grants_end = ROWS[i].grants_left < 0 ? VP_TIME_NONE : NOW + ROWS[i].grants_left;

        EXPECT_OK(auth_lifetime(&ROWS[i].role, token_end, grants_end, NOW, &terms, &err), &err);

        print_message("row %zu\n", i);
        EXPECT_INT(ROWS[i].wanted.ttl_s, terms.ttl_s);
        EXPECT(terms.max_ttl_s == ROWS[i].wanted.max_ttl_s);
        EXPECT_INT(ROWS[i].wanted.explicit_max_ttl_s, terms.explicit_max_ttl_s);
        EXPECT_INT(ROWS[i].wanted.period_s, terms.period_s);
    }
}

TEST(a_lifetime_below_half_a_minute_or_in_the_past_is_refused_never_zero_or_negative)
{
    static const int64_t LEFT[] = { 29, 1, 0, -1, -5, -86400, -NOW };
    for (size_t i = 0; i < sizeof LEFT / sizeof LEFT[0]; i++) {
        struct vp_error err = { 0 };
        struct auth_terms terms = { .ttl_s = 7 };

        EXPECT_FAIL(VP_REASON_LIFETIME_TOO_SHORT,
                    auth_lifetime(&DEFAULTS, NOW + LEFT[i], VP_TIME_NONE, NOW, &terms, &err), &err);
        EXPECT_FAIL(VP_REASON_LIFETIME_TOO_SHORT,
                    auth_lifetime(&DEFAULTS, VP_TIME_NONE, NOW + LEFT[i], NOW, &terms, &err), &err);

        EXPECT_INT(7, terms.ttl_s);
    }
}

static char prefix_text[] = "arvados-";
static char *prefix_items[] = { prefix_text };
static char role_policy_text[] = "arvados-role";
static char old_policy_text[] = "database-admin";
static char *role_policy_items[] = { role_policy_text, old_policy_text };

TEST(policies_are_the_granted_and_the_roles_as_far_as_the_mount_allows_them)
{
    struct vp_error err = { 0 };
    struct auth_snapshot snapshot = { .config = { .max_policies = 3, .allowed_policy_prefixes = { prefix_items, 1 } } };
    struct auth_role role = { .require_grant = true, .token_policies = { role_policy_items, 2 } };
    const struct auth_request request = { .snapshot = &snapshot, .role = &role };
    struct auth_grants grants = { 0 };
    struct vp_texts policies = { 0 };
    struct vp_texts warnings = { 0 };

    EXPECT_FAIL(VP_REASON_NO_GRANT, auth_policies(&request, &grants, &policies, &warnings, &err), &err);
    EXPECT_INT(0, policies.n);

    EXPECT_OK(vp_texts_add(&grants.result.policies, "arvados-a", &err), &err);
    EXPECT_OK(vp_texts_add(&grants.result.policies, "arvados-role", &err), &err);
    EXPECT_OK(auth_policies(&request, &grants, &policies, &warnings, &err), &err);
    EXPECT_INT(2, policies.n); /* what both give counts once, and what the mount no longer allows not at all */
    EXPECT_INT(1, warnings.n);
    EXPECT_CONTAINS("database-admin", warnings.items[0]);
    vp_texts_clear(&policies);

    EXPECT_OK(vp_texts_add(&grants.result.policies, "arvados-b", &err), &err);
    EXPECT_OK(vp_texts_add(&grants.result.policies, "arvados-c", &err), &err);
    EXPECT_FAIL(VP_REASON_TOO_MANY_POLICIES, auth_policies(&request, &grants, &policies, &warnings, &err), &err);

    vp_texts_clear(&grants.result.policies);
    role.require_grant = false;
    EXPECT_OK(auth_policies(&request, &grants, &policies, &warnings, &err), &err);
    EXPECT_INT(1, policies.n);
    EXPECT_TEXT("arvados-role", policies.items[0]);
    vp_texts_clear(&policies);
    vp_texts_clear(&warnings);
}

#define USER "\"user_uuid\":\"zzzzz-tpzed-xurymjxw79nv3jz\""
#define CONTAINER "\"container_uuid\":\"zzzzz-dz642-runningcontainr\""
#define TOKEN "\"token_uuid\":\"zzzzz-gj3su-077z32aux8dg2s2\""
#define KIND "\"login_kind\":\"container\""

TEST(a_lease_of_ours_is_read_back)
{
    struct vp_error err = { 0 };
    struct auth_lease lease = { 0 };

    EXPECT_OK(auth_lease_parse("{" KIND "," USER "," CONTAINER "," TOKEN
                               ",\"role\":\"ci\",\"runtime_token\":true,\"run_token\":\"v2/x/y\"}",
                               &lease, &err),
              &err);

    EXPECT_TEXT("zzzzz-tpzed-xurymjxw79nv3jz", lease.user_uuid);
    EXPECT_TEXT("zzzzz-dz642-runningcontainr", lease.container_uuid);
    EXPECT_TEXT("zzzzz-gj3su-077z32aux8dg2s2", lease.token_uuid);
    EXPECT_TEXT("v2/x/y", vp_secret_reveal(lease.run_token));
    EXPECT_TEXT("ci", lease.role);
    EXPECT(lease.runtime_token);
    auth_lease_clear(&lease);
    EXPECT_NULL(lease.run_token);
}

TEST(a_lease_that_is_not_ours_is_refused)
{
    static const char *const TEXTS[] = {
        "",
        "null",
        "[]",
        "{}",
        "{" KIND "," USER "," CONTAINER "}",
        "{" KIND "," USER "," TOKEN "}",
        "{" KIND "," CONTAINER "," TOKEN "}",
        "{" USER "," CONTAINER "," TOKEN "}",
        "{\"login_kind\":\"user\"," USER "," CONTAINER "," TOKEN "}",
        "{" KIND "," USER "," CONTAINER "," TOKEN ",\"bound_by_a_newer_version\":true}",
        "{" KIND "," USER "," CONTAINER ",\"token_uuid\":\"zzzzz-tpzed-077z32aux8dg2s2\"}",
        "{" KIND ",\"user_uuid\":\"../x\"," CONTAINER "," TOKEN "}",
        "{" KIND "," USER "," CONTAINER "," TOKEN "," TOKEN "}",
        "{" KIND "," USER "," CONTAINER "," TOKEN "}}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct vp_error err = { 0 };
        struct auth_lease lease = { 0 };

        EXPECT_FAIL(VP_REASON_BAD_REQUEST, auth_lease_parse(TEXTS[i], &lease, &err), &err);
        EXPECT_NULL(lease.user_uuid);
    }
    struct vp_error err = { 0 };
    struct auth_lease lease = { 0 };
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, auth_lease_parse(NULL, &lease, &err), &err);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_lifetime_is_the_shortest_of_the_role_the_arvados_token_and_the_grants),
        CASE(a_lifetime_below_half_a_minute_or_in_the_past_is_refused_never_zero_or_negative),
        CASE(policies_are_the_granted_and_the_roles_as_far_as_the_mount_allows_them),
        CASE(a_lease_of_ours_is_read_back),
        CASE(a_lease_that_is_not_ours_is_refused),
    };
    return cmocka_run_group_tests_name("auth_issue", cases, NULL, NULL);
}
