/* Uuids, cluster ids, hashes and tokens: what has the form and what only looks like it. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/arvados.h"

#include "check.h"
#include "failing.h"

#define LEN(rows) (sizeof(rows) / sizeof(rows)[0])
#define TAIL "abcdefghijklmno"
#define USER "zzzzz-tpzed-" TAIL

TEST(a_uuid_has_one_form_per_kind)
{
    static const struct {
        const char *text;
        const char *infix;
        bool is;
    } ROWS[] = {
        { USER, "tpzed", true },
        { "zzzzz-tpzed-000000000000000", "tpzed", true },
        { "zzzzz-tpzed-anonymouspublic", "tpzed", true },
        { "00000-tpzed-999999999999999", "tpzed", true },
        { "a1b2c-tpzed-a1b2c3d4e5f6g7h", "tpzed", true },
        { "zzzzz-gj3su-" TAIL, "gj3su", true },
        { "zzzzz-dz642-" TAIL, "dz642", true },
        { "zzzzz-j7d0g-" TAIL, "j7d0g", true },
        { "zzzzz-o0j2j-" TAIL, "o0j2j", true },
        /* of another kind */
        { USER, "gj3su", false },
        { "zzzzz-4zz18-" TAIL, "tpzed", false },
        { "zzzzz-gj3su-" TAIL, "tpzed", false },
        { "zzzzz-tpzee-" TAIL, "tpzed", false },
        { "zzzzz-TPZED-" TAIL, "tpzed", false },
        /* upper case */
        { "ZZZZZ-tpzed-" TAIL, "tpzed", false },
        { "zzzzZ-tpzed-" TAIL, "tpzed", false },
        { "zzzzz-tpzed-Abcdefghijklmno", "tpzed", false },
        { "zzzzz-tpzed-abcdefghijklmnO", "tpzed", false },
        /* length */
        { "", "tpzed", false },
        { "z", "tpzed", false },
        { "zzzzz", "tpzed", false },
        { "zzzzz-", "tpzed", false },
        { "zzzzz-t", "tpzed", false },
        { "zzzzz-tpzed", "tpzed", false },
        { "zzzzz-tpzed-", "tpzed", false },
        { "zzzzz-tpzed-abcdefghijklmn", "tpzed", false },
        { "zzzzz-tpzed-abcdefghijklmnop", "tpzed", false },
        { "zzzz-tpzed-" TAIL, "tpzed", false },
        { "zzzzzz-tpzed-" TAIL, "tpzed", false },
        { "zzzzz-tpze-" TAIL, "tpzed", false },
        { "zzzzz-tpzedd-" TAIL, "tpzed", false },
        /* separators and other characters */
        { "zzzzz_tpzed-" TAIL, "tpzed", false },
        { "zzzzz-tpzed_" TAIL, "tpzed", false },
        { "zzzzztpzed" TAIL, "tpzed", false },
        { "-----------" TAIL, "tpzed", false },
        { "zzzzz-tpzed-abcdefg-ijklmno", "tpzed", false },
        { "zzzzz-tpzed-abcdefg.ijklmno", "tpzed", false },
        { "zzzzz-tpzed-abcdefg/ijklmno", "tpzed", false },
        { "zzzzz-tpzed-abcdefg{ijklmno", "tpzed", false },
        { "zzzzz-tpzed-abcdefg`ijklmno", "tpzed", false },
        { "zzzzz-tpzed-abcdefg:ijklmno", "tpzed", false },
        { "zzzzz-tpzed-abcdefg*ijklmno", "tpzed", false },
        { "zzzzz-tpzed-abcdef\xC3\xA9ijklmno", "tpzed", false },
        { "zz\xC3\xA9z-tpzed-" TAIL, "tpzed", false },
        { "zzzzz-tpzed-abcdefg\x01ijklmno", "tpzed", false },
        /* around it */
        { " " USER, "tpzed", false },
        { USER " ", "tpzed", false },
        { USER "\n", "tpzed", false },
        { USER "/", "tpzed", false },
        { "/" USER, "tpzed", false },
        { USER USER, "tpzed", false },
        { "../" USER, "tpzed", false },
        { "zzzzz-%70zed-" TAIL, "tpzed", false },
    };
    for (size_t i = 0; i < LEN(ROWS); i++)
        if (arv_is_uuid(ROWS[i].text, ROWS[i].infix) != ROWS[i].is)
            fail_msg("\"%s\" as %s: expected %d", ROWS[i].text, ROWS[i].infix, (int)ROWS[i].is);
}

/* Each single byte that is changed to each other value: only lower-case letters and digits are ever taken. */
TEST(no_byte_of_a_uuid_may_be_anything_but_a_lower_case_letter_or_a_digit)
{
    for (size_t at = 0; at < ARV_UUID_LEN; at++)
        for (int byte = 0; byte < 256; byte++) {
            char text[] = USER;
            bool fixed = at >= 5 && at <= 11;
            bool fits = fixed ? text[at] == (char)byte : (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
            text[at] = (char)byte;
            if (arv_is_uuid(text, "tpzed") != fits)
                fail_msg("byte %d at %zu: expected %d", byte, at, (int)fits);
        }
}

TEST(a_cluster_id_is_five_lower_case_letters_and_digits)
{
    static const char *const GOOD[] = { "zzzzz", "00000", "a1b2c", "9abcd" };
    static const char *const BAD[] = { "",      "z",           "zzzz",  "zzzzzz", "ZZZZZ",  "zzzzZ",
                                       "zz-zz", "zz zz",       " zzzz", "zzzz ",  "zzzz\n", "zz/zz",
                                       "zz.zz", "zzz\xC3\xA9", "*****", USER,     "zzzzz-", "zz{zz" };
    for (size_t i = 0; i < LEN(GOOD); i++)
        if (!arv_is_cluster_id(GOOD[i]))
            fail_msg("\"%s\" is a cluster id", GOOD[i]);
    for (size_t i = 0; i < LEN(BAD); i++)
        if (arv_is_cluster_id(BAD[i]))
            fail_msg("\"%s\" is no cluster id", BAD[i]);
}

TEST(a_uuid_is_of_a_cluster_by_its_first_part_alone)
{
    EXPECT(arv_same_cluster(USER, "zzzzz"));
    EXPECT(!arv_same_cluster(USER, "zzzzy"));
    EXPECT(!arv_same_cluster(USER, "zzzz"));
    EXPECT(!arv_same_cluster(USER, ""));
    EXPECT(!arv_same_cluster(USER, "zzzzz-"));
    EXPECT(!arv_same_cluster(USER, "ZZZZZ"));
    EXPECT(!arv_same_cluster(USER, "tpzed"));
    EXPECT(!arv_same_cluster("zzzzz", "zzzzz"));
    EXPECT(!arv_same_cluster("zzzzzz-tpzed-" TAIL, "zzzzz"));
    EXPECT(!arv_same_cluster("", "zzzzz"));
}

TEST(the_role_that_all_the_world_is_in_is_known_and_its_user_is_no_role)
{
    EXPECT(arv_is_anonymous_role("zzzzz-j7d0g-anonymouspublic"));
    EXPECT(arv_is_anonymous_role("aaaaa-j7d0g-anonymouspublic"));
    EXPECT(!arv_is_anonymous_role("zzzzz-j7d0g-fffffffffffffff"));
    EXPECT(!arv_is_anonymous_role("zzzzz-tpzed-anonymouspublic"));
}

TEST(the_system_user_and_the_anonymous_user_are_known_in_each_cluster)
{
    static const struct {
        const char *uuid;
        bool is_system, is_anonymous;
    } ROWS[] = {
        { "zzzzz-tpzed-000000000000000", true, false },
        { "aaaaa-tpzed-000000000000000", true, false },
        { "zzzzz-tpzed-anonymouspublic", false, true },
        { "aaaaa-tpzed-anonymouspublic", false, true },
        { "zzzzz-tpzed-000000000000001", false, false },
        { "zzzzz-tpzed-00000000000000", false, false },
        { "zzzzz-tpzed-0000000000000000", false, false },
        { "zzzzz-tpzed-100000000000000", false, false },
        { "zzzzz-gj3su-000000000000000", false, false },
        { "zzzzz-gj3su-anonymouspublic", false, false },
        { "zzzzz-j7d0g-000000000000000", false, false },
        { "zzzzz-j7d0g-anonymouspublic", false, false },
        { "zzzzz-tpzed-anonymouspublid", false, false },
        { "zzzzz-tpzed-Anonymouspublic", false, false },
        { "ZZZZZ-tpzed-000000000000000", false, false },
        { "000000000000000", false, false },
        { "anonymouspublic", false, false },
        { "", false, false },
        { USER, false, false },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        if (arv_is_system_user(ROWS[i].uuid) != ROWS[i].is_system)
            fail_msg("%s as the system user: expected %d", ROWS[i].uuid, (int)ROWS[i].is_system);
        if (arv_is_anonymous_user(ROWS[i].uuid) != ROWS[i].is_anonymous)
            fail_msg("%s as the anonymous user: expected %d", ROWS[i].uuid, (int)ROWS[i].is_anonymous);
    }
}

#define HASH "0123456789abcdef0123456789abcdef"

TEST(a_portable_data_hash_is_a_hash_and_a_size_without_hints)
{
    static const struct {
        const char *text;
        bool is;
    } ROWS[] = {
        { HASH "+0", true },
        { HASH "+187", true },
        { HASH "+999999999999999", true },
        { "ffffffffffffffffffffffffffffffff+1", true },
        { HASH "+9999999999999999", false },
        { HASH "+", false },
        { HASH, false },
        { HASH "-1", false },
        { HASH "+-1", false },
        { HASH "++1", false },
        { HASH "+1+", false },
        { HASH "+1+A0123", false },
        { HASH "+1 ", false },
        { " " HASH "+1", false },
        { HASH "+1x", false },
        { HASH "+0x1", false },
        { HASH "0+1", false },
        { "123456789abcdef0123456789abcdef+1", false },
        { "0123456789ABCDEF0123456789ABCDEF+1", false },
        { "g123456789abcdef0123456789abcdef+1", false },
        { "zzzzz-4zz18-" TAIL, false },
        { "arvados/jobs:latest", false },
        { "", false },
        { "+1", false },
    };
    for (size_t i = 0; i < LEN(ROWS); i++)
        if (arv_is_portable_data_hash(ROWS[i].text) != ROWS[i].is)
            fail_msg("\"%s\": expected %d", ROWS[i].text, (int)ROWS[i].is);
}

/* ---- tokens ---- */

#define TOKEN "zzzzz-gj3su-" TAIL
#define CONTAINER "zzzzz-dz642-" TAIL
#define S20 "0123456789abcdefghij"
#define S50 S20 S20 "0123456789"
#define S128 S20 S20 S20 S20 S20 S20 "01234567"
#define PLAIN "v2/" TOKEN "/" S50
#define RUN PLAIN "/" CONTAINER
#define ROW(text)             \
    {                         \
        text, sizeof text - 1 \
    }

struct row {
    const char *text;
    size_t len;
};

/* All slots of the arena taken, and no heap: the caller is not told that his token is wrong. */
TEST(no_memory_for_a_token_is_not_a_malformed_one)
{
    static struct vp_secret *taken[1024];
    struct vp_secret *given = vp_secret_new(PLAIN, strlen(PLAIN));
    struct vp_secret *token = NULL;
    struct arv_token_text parts;
    struct vp_error err = { 0 };
    for (size_t i = 0; i < LEN(taken); i++)
        taken[i] = vp_secret_new("x", 1);
    failing_from(1);
    enum vp_code code = arv_token_parse(given, &token, &parts, &err);
    (void)failing_stop();
    EXPECT_INT(VP_ERR_INTERNAL, code);
    EXPECT_NULL(token);
    for (size_t i = 0; i < LEN(taken); i++)
        vp_secret_free(taken[i]);
    vp_secret_free(given);
}

TEST(a_token_of_three_or_four_parts_is_taken_and_blanks_around_it_are_not_part_of_it)
{
    static const struct {
        const char *given, *taken;
        bool of_container;
    } ROWS[] = {
        { PLAIN, PLAIN, false },
        { RUN, RUN, true },
        { "v2/" TOKEN "/" S20, "v2/" TOKEN "/" S20, false },
        { "v2/" TOKEN "/" S128, "v2/" TOKEN "/" S128, false },
        { "v2/" TOKEN "/" S20 "/" CONTAINER, "v2/" TOKEN "/" S20 "/" CONTAINER, true },
        { "v2/" TOKEN "/" S128 "/" CONTAINER, "v2/" TOKEN "/" S128 "/" CONTAINER, true },
        { "v2/" TOKEN "/abcdefabcdefabcdefabcdefabcdefabcdefabcd",
          "v2/" TOKEN "/abcdefabcdefabcdefabcdefabcdefabcdefabcd", false },
        { " " PLAIN, PLAIN, false },
        { PLAIN " ", PLAIN, false },
        { PLAIN "\n", PLAIN, false },
        { PLAIN "\r\n", PLAIN, false },
        { "\t" PLAIN "\t", PLAIN, false },
        { "\r\n \t" RUN " \t\r\n", RUN, true },
        { "                                                                " RUN "\n\n\n\n\n\n\n\n", RUN, true },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct arv_token_text parts;
        struct vp_secret *token = NULL;
        struct vp_secret *given = vp_secret_new(ROWS[i].given, strlen(ROWS[i].given));

        EXPECT_OK(arv_token_parse(given, &token, &parts, &err), &err);

        EXPECT_TEXT(ROWS[i].taken, vp_secret_reveal(token));
        EXPECT_INT(strlen(ROWS[i].taken), vp_secret_len(token));
        EXPECT_TEXT(TOKEN, parts.uuid);
        EXPECT_TEXT(ROWS[i].of_container ? CONTAINER : "", parts.container_uuid);
        vp_secret_free(token);
        vp_secret_free(given);
    }
}

static void expect_refused(const char *text, size_t len)
{
    struct vp_error err = { 0 };
    struct arv_token_text parts = { .uuid = "untouched" };
    struct vp_secret *token = NULL;
    struct vp_secret *given = vp_secret_new(text, len);

    if (arv_token_parse(given, &token, &parts, &err) == VP_OK)
        fail_msg("taken: \"%s\" (%zu bytes)", text, len);

    EXPECT_INT(VP_REASON_TOKEN_MALFORMED, err.reason);
    EXPECT_NULL(token);
    EXPECT_TEXT("untouched", parts.uuid);
    EXPECT_LACKS("0123456789", err.message);
    EXPECT_LACKS(TAIL, err.message);
    EXPECT_TEXT("", err.detail);
    vp_secret_free(given);
}

TEST(anything_else_is_no_token_and_the_refusal_repeats_nothing_of_it)
{
    static const struct row ROWS[] = {
        ROW(""),
        ROW(" "),
        ROW("\n"),
        ROW(" \t\r\n"),
        ROW("v"),
        ROW("v2"),
        ROW("v2/"),
        ROW("v2//"),
        ROW("v2///"),
        /* other kinds */
        ROW(S50),
        ROW("v1/" TOKEN "/" S50),
        ROW("v3/" TOKEN "/" S50),
        ROW("V2/" TOKEN "/" S50),
        ROW("v2:" TOKEN ":" S50),
        ROW("Bearer " PLAIN),
        ROW("OAuth2 " PLAIN),
        ROW("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
        ROW("v2/" TOKEN),
        ROW("v2/" TOKEN "/"),
        ROW("v2/" S50),
        ROW("/" PLAIN),
        ROW(TOKEN "/" S50),
        /* lengths of the secret */
        ROW("v2/" TOKEN "/0"),
        ROW("v2/" TOKEN "/0123456789abcdefghi"),
        ROW("v2/" TOKEN "/" S128 "0"),
        ROW("v2/" TOKEN "/" S128 "0/" CONTAINER),
        ROW("v2/" TOKEN "/0123456789abcdefghi/" CONTAINER),
        ROW("v2/" TOKEN "//" CONTAINER),
        /* upper case */
        ROW("v2/ZZZZZ-gj3su-" TAIL "/" S50),
        ROW("v2/" TOKEN "/" S50 "A"),
        ROW("v2/" TOKEN "/A" S50),
        ROW(PLAIN "/ZZZZZ-dz642-" TAIL),
        /* parts */
        ROW("v2/zzzzz-tpzed-" TAIL "/" S50),
        ROW("v2/" CONTAINER "/" S50),
        ROW("v2/zzzzz-gj3su-abcdefghijklmn/" S50),
        ROW("v2/zzzzz-gj3su-abcdefghijklmnop/" S50),
        ROW(PLAIN "/"),
        ROW(PLAIN "//"),
        ROW(PLAIN "/" TOKEN),
        ROW(PLAIN "/zzzzz-xvhdp-" TAIL),
        ROW(PLAIN "/zzzzz-dz642-abcdefghijklmn"),
        ROW(PLAIN "/zzzzz-dz642-abcdefghijklmnop"),
        ROW(PLAIN "/x"),
        ROW(RUN "/"),
        ROW(RUN "/x"),
        ROW(RUN "/" CONTAINER),
        ROW(PLAIN "/" S50),
        /* bytes that would do something in a header or a URL */
        ROW("v2/" TOKEN "/" S20 "\r\nX-Evil: 1\r\n" S20),
        ROW("v2/" TOKEN "/" S20 "\n" S20),
        ROW("v2/" TOKEN "/" S20 "\r" S20),
        ROW("v2/" TOKEN "/" S20 " " S20),
        ROW("v2/" TOKEN "/" S20 "\t" S20),
        ROW("v2\n/" TOKEN "/" S20),
        ROW("v2/\n" TOKEN "/" S20),
        ROW("v2/" TOKEN "\n/" S20),
        ROW("v2/" TOKEN "/ " S20),
        ROW(PLAIN " /" CONTAINER),
        ROW(PLAIN "/ " CONTAINER),
        ROW(PLAIN " " PLAIN),
        ROW(PLAIN "\n" PLAIN),
        ROW(PLAIN "\v"),
        ROW(PLAIN "\f"),
        ROW(PLAIN "\xC2\xA0"),
        ROW("\xEF\xBB\xBF" PLAIN),
        ROW("v2/" TOKEN "/" S20 "\xC3\xA9" S20),
        ROW("v2/" TOKEN "/" S20 "#" S20),
        ROW("v2/" TOKEN "/" S20 "?" S20),
        ROW("v2/" TOKEN "/" S20 "%41" S20),
        ROW("v2/" TOKEN "/" S20 "-" S20),
        ROW("v2/" TOKEN "/" S20 "_" S20),
        ROW("v2/" TOKEN "/" S20 "+" S20),
        ROW("v2/" TOKEN "/" S20 "\x7F" S20),
        /* NUL */
        ROW("\0"),
        ROW("\0" PLAIN),
        ROW(PLAIN "\0"),
        ROW(RUN "\0"),
        ROW(PLAIN "\0\n"),
        ROW(PLAIN "\0/" CONTAINER),
        ROW("v2/" TOKEN "/" S20 "\0" S20),
        ROW("v2\0/" TOKEN "/" S20),
        ROW("v2/zzzzz\0gj3su-" TAIL "/" S20),
        ROW("v2/" TOKEN "\0" S20),
        ROW("v2/zzzzz-gj3su-abc\0efghijklmno/" S20),
        ROW(PLAIN "/zzzzz-dz642-abc\0efghijklmno"),
    };
    for (size_t i = 0; i < LEN(ROWS); i++)
        expect_refused(ROWS[i].text, ROWS[i].len);
}

TEST(every_beginning_of_a_token_that_is_not_one_itself_is_refused)
{
    size_t shortest = strlen("v2/" TOKEN "/") + 20;
    for (size_t len = 0; len < strlen(RUN); len++) {
        if (len >= shortest && len <= strlen(PLAIN))
            continue;
        expect_refused(RUN, len);
    }
}

TEST(a_token_that_is_far_too_long_is_refused_whatever_it_begins_with)
{
    static const size_t LENGTHS[] = { 256, 257, 300, 4096, 1024 * 1024 };
    for (size_t i = 0; i < LEN(LENGTHS); i++) {
        char *text = malloc(LENGTHS[i] + 1);
        memset(text, 'a', LENGTHS[i]);
        text[LENGTHS[i]] = '\0';
        expect_refused(text, LENGTHS[i]);
        memcpy(text, RUN, strlen(RUN));
        expect_refused(text, LENGTHS[i]);
        memcpy(text, "v2/" TOKEN "/", strlen("v2/" TOKEN "/"));
        expect_refused(text, LENGTHS[i]);
        memset(text, ' ', LENGTHS[i]);
        expect_refused(text, LENGTHS[i]);
        free(text);
    }
}

TEST(every_byte_of_a_token_counts)
{
    for (size_t at = 0; at < strlen(RUN); at++)
        for (int byte = 0; byte < 256; byte++) {
            bool alnum = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
            bool edge = at == 0 || at == strlen(RUN) - 1;
            bool blank = byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
            char text[] = RUN;
            if (alnum || text[at] == (char)byte || (edge && blank))
                continue; /* may be another token; the edges are shorter texts, tried above */
            /* one slash more in the secret makes five parts or a bad container: refused as well */
            text[at] = (char)byte;
            expect_refused(text, strlen(RUN));
        }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_uuid_has_one_form_per_kind),
        CASE(no_byte_of_a_uuid_may_be_anything_but_a_lower_case_letter_or_a_digit),
        CASE(a_cluster_id_is_five_lower_case_letters_and_digits),
        CASE(a_uuid_is_of_a_cluster_by_its_first_part_alone),
        CASE(the_role_that_all_the_world_is_in_is_known_and_its_user_is_no_role),
        CASE(no_memory_for_a_token_is_not_a_malformed_one),
        CASE(the_system_user_and_the_anonymous_user_are_known_in_each_cluster),
        CASE(a_portable_data_hash_is_a_hash_and_a_size_without_hints),
        CASE(a_token_of_three_or_four_parts_is_taken_and_blanks_around_it_are_not_part_of_it),
        CASE(anything_else_is_no_token_and_the_refusal_repeats_nothing_of_it),
        CASE(every_beginning_of_a_token_that_is_not_one_itself_is_refused),
        CASE(a_token_that_is_far_too_long_is_refused_whatever_it_begins_with),
        CASE(every_byte_of_a_token_counts),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
