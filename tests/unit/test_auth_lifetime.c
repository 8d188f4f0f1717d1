/* How long a token is valid, at its login and at its renewal. */
#include "vp/clock.h"

#include "check.h"
#include "lifetime.h"

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

TEST(a_renewal_reaches_one_ttl_or_one_period_from_now_and_the_roles_maximum)
{
    static const struct {
        struct auth_role role;
        int64_t grants_left, age; /* grants_left -1: no end */
        int64_t ttl, max_ttl, period;
    } ROWS[] = {
        { { 0 }, -1, 100, 900, 1000, 0 },
        { { 0 }, 300, 100, 300, 400, 0 },
        { { .token_ttl_s = 600, .token_max_ttl_s = 3600 }, -1, 100, 600, 700, 0 },
        { { .token_ttl_s = 600, .token_max_ttl_s = 3600 }, -1, 3500, 100, 3600, 0 },
        /* A period replaces the TTL, whether it is longer or shorter. */
        { { .token_period_s = 3600 }, -1, 100, 3600, 3700, 3600 },
        { { .token_period_s = 300 }, -1, 100, 300, 400, 300 },
        { { .token_ttl_s = 7200, .token_period_s = 3600 }, -1, 100, 3600, 3700, 3600 },
        { { .token_period_s = 3600 }, 1000, 100, 1000, 1100, 1000 },
        /* token_max_ttl bounds the period and does not end the token. */
        { { .token_max_ttl_s = 1800, .token_period_s = 3600 }, -1, 100, 1800, 1900, 1800 },
        { { .token_max_ttl_s = 1800, .token_period_s = 3600 }, -1, 50000, 1800, 51800, 1800 },
        { { .token_max_ttl_s = 7200, .token_period_s = 3600 }, -1, 50000, 3600, 53600, 3600 },
        /* The server keeps to token_explicit_max_ttl. */
        { { .token_explicit_max_ttl_s = 1800, .token_period_s = 3600 }, -1, 100, 3600, 3700, 3600 },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        struct auth_terms terms = { 0 };
        int64_t grants_end = ROWS[i].grants_left < 0 ? VP_TIME_NONE : NOW + ROWS[i].grants_left;
        print_message("row %zu\n", i);

        EXPECT_OK(auth_lifetime(&ROWS[i].role, VP_TIME_NONE, grants_end, NOW, &terms, &err), &err);
        EXPECT_OK(auth_lifetime_renew(&ROWS[i].role, ROWS[i].age, &terms, &err), &err);

        EXPECT_INT(ROWS[i].ttl, terms.ttl_s);
        EXPECT_INT(ROWS[i].max_ttl, terms.max_ttl_s);
        EXPECT_INT(ROWS[i].period, terms.period_s);
    }
}

TEST(a_token_that_reached_its_roles_maximum_is_not_renewed)
{
    const struct auth_role role = { .token_max_ttl_s = 3600 };
    for (int64_t age_s = 3600; age_s < 10000; age_s += 3199) {
        struct vp_error err = { 0 };
        struct auth_terms terms = { 0 };
        EXPECT_OK(auth_lifetime(&role, VP_TIME_NONE, VP_TIME_NONE, NOW, &terms, &err), &err);
        EXPECT_FAIL(VP_REASON_LIFETIME_TOO_SHORT, auth_lifetime_renew(&role, age_s, &terms, &err), &err);
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_lifetime_is_the_shortest_of_the_role_the_arvados_token_and_the_grants),
        CASE(a_lifetime_below_half_a_minute_or_in_the_past_is_refused_never_zero_or_negative),
        CASE(a_renewal_reaches_one_ttl_or_one_period_from_now_and_the_roles_maximum),
        CASE(a_token_that_reached_its_roles_maximum_is_not_renewed),
    };
    return cmocka_run_group_tests_name("auth_lifetime", cases, NULL, NULL);
}
