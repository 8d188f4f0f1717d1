/* The one check that every policy name passes. */
#include <stdio.h>

#include "vp/policy.h"

#include "check.h"

static const char ALNUM[] = "abcdefghijklmnopqrstuvwxyz0123456789";

static bool in(const char *set, char c)
{
    return c != '\0' && strchr(set, c) != NULL;
}

TEST(a_name_of_one_byte_is_good_only_when_it_is_a_lower_case_letter_or_digit)
{
    for (int byte = 1; byte < 256; byte++) {
        const char name[] = { (char)byte, '\0' };
        enum policy_name_verdict wanted = in(ALNUM, (char)byte) ? POLICY_NAME_GOOD : POLICY_NAME_BAD;
        EXPECT_INT(wanted, policy_name_check(name));
    }
    EXPECT_INT(POLICY_NAME_BAD, policy_name_check(""));
}

TEST(any_byte_outside_the_grammar_spoils_a_name_wherever_it_stands)
{
    for (int byte = 1; byte < 256; byte++) {
        for (size_t at = 0; at < 5; at++) {
            char name[] = "abcde";
            name[at] = (char)byte;
            bool good = in(ALNUM, (char)byte) || (at > 0 && (byte == '-' || byte == '_'));
            EXPECT_INT(good ? POLICY_NAME_GOOD : POLICY_NAME_BAD, policy_name_check(name));
        }
    }
}

TEST(a_name_has_one_to_sixty_three_bytes)
{
    char name[80];
    for (size_t len = 0; len < sizeof name - 1; len++) {
        memset(name, 'a', len);
        name[len] = '\0';
        EXPECT_INT(len >= 1 && len <= 63 ? POLICY_NAME_GOOD : POLICY_NAME_BAD, policy_name_check(name));
    }
}

TEST(reserved_names_never_pass_and_longer_ones_do)
{
    static const char *const RESERVED[] = { "root", "default", "response-wrapping", "control-group" };
    for (size_t i = 0; i < sizeof RESERVED / sizeof RESERVED[0]; i++) {
        char longer[64];
        EXPECT_INT(POLICY_NAME_RESERVED, policy_name_check(RESERVED[i]));
        (void)snprintf(longer, sizeof longer, "%s-x", RESERVED[i]);
        EXPECT_INT(POLICY_NAME_GOOD, policy_name_check(longer));
        (void)snprintf(longer, sizeof longer, "x%s", RESERVED[i]);
        EXPECT_INT(POLICY_NAME_GOOD, policy_name_check(longer));
    }
}

/* Each of these becomes another name when the host trims, folds or splits it. */
TEST(what_the_host_would_read_as_another_name_is_bad_never_mended)
{
    static const char *const NAMES[] = {
        "ROOT",
        "Root",
        " root",
        "root ",
        "root\n",
        "root\t",
        "\troot",
        "root\r",
        "\xC2\xA0root",
        "root\xE2\x80\x83",
        "\xC2\x85root",
        "arvados-\xE2\x84\xAA",
        "\xC4\xB0root",
        "arvados-\xC5\xBF",
        "arvados\xE2\x80\x8B-a",
        "arvados-\xD0\xB0",
        "arvados-a,root",
        "arvados-a/b",
        "arvados-../root",
        "arvados-a*",
        "arvados-a+",
        "arvados-a?",
        "arvados-%61",
        "arvados-{{identity}}",
        "arvados-a\x7F",
        "arvados-\xFF",
        "arvados-\xC0\xAF",
        "arvados-a.b",
        "arvados:a",
        "a b",
        "-a",
        "_a",
        "--",
        "arvados-a\"",
        "arvados-a'",
        "arvados-a\\",
        "arvados-A",
        "arvados-\xC3\xA9",
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        EXPECT_INT(POLICY_NAME_BAD, policy_name_check(NAMES[i]));
}

TEST(a_prefix_ends_in_a_joiner_and_has_something_before_it)
{
    static const struct {
        const char *text;
        bool good;
    } ROWS[] = {
        { "arvados-", true },   { "a-", true },        { "a_", true },         { "0_", true },
        { "lab-1_", true },     { "a--", true },       { "a-_-", true },       { "", false },
        { "-", false },         { "_", false },        { "a", false },         { "arvados", false },
        { "-a-", false },       { "Arvados-", false }, { "arvados- ", false }, { " arvados-", false },
        { "arvados-*", false }, { "*", false },        { "arv/ados-", false }, { "\xC3\xA9-", false },
        { "arvados-\xC3\xA9", false },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        EXPECT_INT(ROWS[i].good, policy_is_prefix(ROWS[i].text));

    char text[80];
    for (size_t len = 2; len < sizeof text - 1; len++) {
        memset(text, 'a', len);
        text[len - 1] = '-';
        text[len] = '\0';
        /* The longest prefix leaves room for one more byte of a name. */
        EXPECT_INT(len <= 62, policy_is_prefix(text));
    }
}

TEST(a_name_is_under_a_prefix_when_it_starts_with_it_and_goes_on)
{
    char first[] = "arvados-";
    char second[] = "lab_";
    char *items[] = { first, second };
    const struct vp_texts prefixes = { items, 2 };
    const struct vp_texts none = { NULL, 0 };
    static const struct {
        const char *name;
        bool under;
    } ROWS[] = {
        { "arvados-a", true }, { "lab_a", true },       { "arvados-", false },  { "arvados", false },
        { "lab_", false },     { "arvadosx-a", false }, { "arvados_a", false }, { "xarvados-a", false },
        { "", false },         { "lab", false },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        EXPECT_INT(ROWS[i].under, policy_name_has_prefix(ROWS[i].name, &prefixes));
        EXPECT(!policy_name_has_prefix(ROWS[i].name, &none));
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_name_of_one_byte_is_good_only_when_it_is_a_lower_case_letter_or_digit),
        CASE(any_byte_outside_the_grammar_spoils_a_name_wherever_it_stands),
        CASE(a_name_has_one_to_sixty_three_bytes),
        CASE(reserved_names_never_pass_and_longer_ones_do),
        CASE(what_the_host_would_read_as_another_name_is_bad_never_mended),
        CASE(a_prefix_ends_in_a_joiner_and_has_something_before_it),
        CASE(a_name_is_under_a_prefix_when_it_starts_with_it_and_goes_on),
    };
    return cmocka_run_group_tests_name("policy_name", cases, NULL, NULL);
}
