#include "check.h"

TEST(every_reason_has_a_word_of_its_own_and_a_class)
{
    EXPECT_TEXT("", vp_reason_word(VP_REASON_NONE));
    EXPECT_INT(VP_OK, vp_reason_code(VP_REASON_NONE));
    for (int i = VP_REASON_NONE + 1; i < VP_REASON_N; i++) {
        const char *word = vp_reason_word((enum vp_reason)i);
        EXPECT(*word != '\0' && word[strspn(word, "abcdefghijklmnopqrstuvwxyz_:")] == '\0');
        EXPECT(vp_reason_code((enum vp_reason)i) != VP_OK);
        for (int j = VP_REASON_NONE + 1; j < i; j++)
            EXPECT(strcmp(word, vp_reason_word((enum vp_reason)j)) != 0);
    }
}

TEST(failing_sets_the_words_and_gives_the_class)
{
    struct vp_error err = { .detail = "old" };
    EXPECT_INT(VP_ERR_DENIED, vp_fail(&err, VP_REASON_NO_GRANT, "no %s", "grant"));
    EXPECT_TEXT("no grant", err.message);
    EXPECT_TEXT("", err.detail);
    vp_error_add_detail(&err, "%s: status %d", "links", 500);
    vp_error_add_detail(&err, "second");
    EXPECT_TEXT("links: status 500; second", err.detail);
    EXPECT_INT(VP_ERR_INTERNAL, vp_fail_no_memory(&err));
}

TEST(a_message_is_one_line)
{
    struct vp_error err = { 0 };
    (void)vp_fail(&err, VP_REASON_INTERNAL, "%s", "a\nb\tc\x7F\x1B[31m");
    EXPECT_TEXT("a b c??[31m", err.message);
}

TEST(a_message_that_is_too_long_is_cut_at_a_whole_character)
{
    static const char *const CHARACTERS[] = { "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80" };
    for (size_t i = 0; i < sizeof CHARACTERS / sizeof CHARACTERS[0]; i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            struct vp_error err = { 0 };
            char text[2048] = "xxxx";
            size_t len = shift;
            size_t width = strlen(CHARACTERS[i]);
            while (len + width < 1500) {
                memcpy(text + len, CHARACTERS[i], width);
                len += width;
            }
            text[len] = '\0';
            (void)vp_fail(&err, VP_REASON_INTERNAL, "%s", text);
            size_t cut = strlen(err.message);
            EXPECT(cut > sizeof err.message - 6 && cut < sizeof err.message);
            EXPECT_INT(0, (cut - shift) % width);
            for (int more = 0; more < 3; more++)
                vp_error_add_detail(&err, "%s", text);
            EXPECT(strlen(err.detail) < sizeof err.detail);
        }
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(every_reason_has_a_word_of_its_own_and_a_class),
        CASE(failing_sets_the_words_and_gives_the_class),
        CASE(a_message_is_one_line),
        CASE(a_message_that_is_too_long_is_cut_at_a_whole_character),
    };
    return cmocka_run_group_tests_name("base_error", cases, NULL, NULL);
}
