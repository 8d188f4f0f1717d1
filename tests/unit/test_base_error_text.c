/* Whatever goes into a message or a detail, out comes one line of valid UTF-8: the wire's texts take nothing else. */
#include <stdlib.h>

#include "check.h"
#include "utf8.h"

static bool is_clean(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t len = vp_utf8_len(text, left);
        if (len == 0 || (unsigned char)*text < 0x20 || *text == 0x7F)
            return false;
        text += len;
        left -= len;
    }
    return true;
}

TEST(a_cap_of_the_caller_that_cuts_a_character_leaves_no_half_of_it)
{
    static const struct {
        const char *text, *wanted;
    } ROWS[] = {
        { "abc\xC3\xA9", "[abc?] is not known" },       { "ab\xE2\x82\xAC", "[ab??] is not known" },
        { "ab\xC3\xA9", "[ab\xC3\xA9] is not known" },  { "\xF0\x9F\x98\x80", "[\xF0\x9F\x98\x80] is not known" },
        { "a\xF0\x9F\x98\x80", "[a???] is not known" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        (void)vp_fail(&err, VP_REASON_BAD_REQUEST, "[%.4s] is not known", ROWS[i].text);
        EXPECT_TEXT(ROWS[i].wanted, err.message);
        vp_error_add_detail(&err, "[%.4s] is not known", ROWS[i].text);
        EXPECT_TEXT(ROWS[i].wanted, err.detail);
    }
}

TEST(every_byte_alone_is_itself_a_blank_or_a_question_mark)
{
    for (int byte = 1; byte < 256; byte++) {
        const char text[] = { 'a', (char)byte, 'z', '\0' };
        struct vp_error err = { 0 };
        (void)vp_fail(&err, VP_REASON_INTERNAL, "%s", text);
        bool blank = byte == '\t' || byte == '\n' || byte == '\r';
        EXPECT_INT(byte >= 0x20 && byte < 0x7F ? byte : blank ? ' ' : '?', err.message[1]);
        EXPECT_INT(3, strlen(err.message));
    }
}

TEST(bytes_that_only_look_like_characters_are_question_marks)
{
    static const struct {
        const char *text, *wanted;
    } ROWS[] = {
        { "\xC0\xAF", "??" },           { "\xED\xA0\x80", "???" },
        { "\xF4\x90\x80\x80", "????" }, { "\x80\x80\x80\x80\x80", "?????" },
        { "\xE2\x82z", "??z" },         { "\xC3\xA9\xC3z", "\xC3\xA9?z" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        (void)vp_fail(&err, VP_REASON_INTERNAL, "%s!", ROWS[i].text);
        EXPECT_INT('!', err.message[strlen(err.message) - 1]);
        err.message[strlen(err.message) - 1] = '\0';
        EXPECT_TEXT(ROWS[i].wanted, err.message);
    }
}

TEST(random_bytes_of_any_length_come_out_clean)
{
    unsigned seed = 20261124;
    for (int round = 0; round < 3000; round++) {
        char text[700] = { 0 };
        struct vp_error err = { 0 };
        size_t len = (size_t)rand_r(&seed) % (sizeof text - 1);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(1 + rand_r(&seed) % 255);
        (void)vp_fail(&err, VP_REASON_INTERNAL, "%s", text);
        vp_error_add_detail(&err, "%.*s", rand_r(&seed) % 400, text);
        vp_error_add_detail(&err, "%.*s", rand_r(&seed) % 400, text);
        EXPECT(is_clean(err.message));
        EXPECT(is_clean(err.detail));
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_cap_of_the_caller_that_cuts_a_character_leaves_no_half_of_it),
        CASE(every_byte_alone_is_itself_a_blank_or_a_question_mark),
        CASE(bytes_that_only_look_like_characters_are_question_marks),
        CASE(random_bytes_of_any_length_come_out_clean),
    };
    return cmocka_run_group_tests_name("base_error_text", cases, NULL, NULL);
}
