/* Lifetimes, policy counts, leases: what a token may be like. */
#include "check.h"

#include "vp/clock.h"

#include "issue.h"

enum { NOW = 1800000000 };

TEST(a_lifetime_is_the_shortest_of_the_terms_the_arvados_token_and_the_grants)
{
    static const struct {
        int64_t token_left, grants_left; /* -1: no end */
        int64_t ttl, max;
    } ROWS[] = {
        { -1, -1, 900, 86400 },        { 100000, -1, 900, 86400 }, { 86400, -1, 900, 86400 }, { 86399, -1, 900, 86399 },
        { 3600, -1, 900, 3600 },       { -1, 3600, 900, 3600 },    { 3600, 1800, 900, 1800 }, { 1800, 3600, 900, 1800 },
        { 900, -1, 900, 900 },         { 899, -1, 899, 899 },      { 30, -1, 30, 30 },        { -1, 30, 30, 30 },
        { INT64_MAX / 2, -1, 900, 86400 },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        struct auth_terms terms = { 0 };
        int64_t token_end = ROWS[i].token_left < 0 ? VP_TIME_NONE : NOW + ROWS[i].token_left;
        int64_t grants_end = ROWS[i].grants_left < 0 ? VP_TIME_NONE : NOW + ROWS[i].grants_left;

        EXPECT_OK(auth_lifetime(&AUTH_DEFAULT_TERMS, token_end, grants_end, NOW, &terms, &err), &err);

        EXPECT_INT(ROWS[i].ttl, terms.ttl_s);
        EXPECT_INT(ROWS[i].max, terms.explicit_max_ttl_s);
    }
}

TEST(a_lifetime_below_half_a_minute_or_in_the_past_is_refused_never_zero_or_negative)
{
    static const int64_t LEFT[] = { 29, 1, 0, -1, -5, -86400, -NOW };
    for (size_t i = 0; i < sizeof LEFT / sizeof LEFT[0]; i++) {
        struct vp_error err = { 0 };
        struct auth_terms terms = { 7, 7 };

        EXPECT_FAIL(VP_REASON_LIFETIME_TOO_SHORT,
                    auth_lifetime(&AUTH_DEFAULT_TERMS, NOW + LEFT[i], VP_TIME_NONE, NOW, &terms, &err), &err);
        EXPECT_FAIL(VP_REASON_LIFETIME_TOO_SHORT,
                    auth_lifetime(&AUTH_DEFAULT_TERMS, VP_TIME_NONE, NOW + LEFT[i], NOW, &terms, &err), &err);

        EXPECT_INT(7, terms.ttl_s);
    }
}

TEST(policies_must_be_some_and_not_too_many)
{
    struct vp_error err = { 0 };
    struct auth_config config = { .max_policies = 2 };
    struct vp_texts policies = { 0 };

    EXPECT_FAIL(VP_REASON_NO_GRANT, auth_check_policies(&config, &policies, &err), &err);
    EXPECT_OK(vp_texts_add(&policies, "a-1", &err), &err);
    EXPECT_OK(auth_check_policies(&config, &policies, &err), &err);
    EXPECT_OK(vp_texts_add(&policies, "a-2", &err), &err);
    EXPECT_OK(auth_check_policies(&config, &policies, &err), &err);
    EXPECT_OK(vp_texts_add(&policies, "a-3", &err), &err);
    EXPECT_FAIL(VP_REASON_TOO_MANY_POLICIES, auth_check_policies(&config, &policies, &err), &err);

    vp_texts_clear(&policies);
}

#define USER "\"user_uuid\":\"zzzzz-tpzed-xurymjxw79nv3jz\""
#define CONTAINER "\"container_uuid\":\"zzzzz-dz642-runningcontainr\""
#define TOKEN "\"token_uuid\":\"zzzzz-gj3su-077z32aux8dg2s2\""
#define KIND "\"login_kind\":\"container\""

TEST(a_lease_of_ours_is_read_back)
{
    struct vp_error err = { 0 };
    struct auth_lease lease = { 0 };

    EXPECT_OK(auth_lease_parse("{" KIND "," USER "," CONTAINER "," TOKEN ",\"run_token\":\"v2/x/y\"}", &lease, &err), &err);

    EXPECT_TEXT("zzzzz-tpzed-xurymjxw79nv3jz", lease.user_uuid);
    EXPECT_TEXT("zzzzz-dz642-runningcontainr", lease.container_uuid);
    EXPECT_TEXT("zzzzz-gj3su-077z32aux8dg2s2", lease.token_uuid);
    EXPECT_TEXT("v2/x/y", vp_secret_reveal(lease.run_token));
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
        "{" KIND "," USER "," CONTAINER "," TOKEN ",\"role\":\"ci\"}",
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
        CASE(a_lifetime_is_the_shortest_of_the_terms_the_arvados_token_and_the_grants),
        CASE(a_lifetime_below_half_a_minute_or_in_the_past_is_refused_never_zero_or_negative),
        CASE(policies_must_be_some_and_not_too_many),
        CASE(a_lease_of_ours_is_read_back),
        CASE(a_lease_that_is_not_ours_is_refused),
    };
    return cmocka_run_group_tests_name("auth_issue", cases, NULL, NULL);
}
