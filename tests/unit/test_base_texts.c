#include <stdio.h>

#include "vp/texts.h"

#include "check.h"

TEST(texts_are_copied_found_sorted_and_freed)
{
    struct vp_error err = { 0 };
    struct vp_texts texts = { 0 };
    struct vp_texts copy = { 0 };
    char changing[] = "b";
    EXPECT_OK(vp_texts_add(&texts, changing, &err), &err);
    changing[0] = 'x';
    EXPECT_OK(vp_texts_add(&texts, "c", &err), &err);
    EXPECT_OK(vp_texts_add(&texts, "a", &err), &err);

    EXPECT(vp_texts_has(&texts, "b"));
    EXPECT(!vp_texts_has(&texts, "x"));
    EXPECT_OK(vp_texts_copy(&texts, &copy, &err), &err);
    vp_texts_sort(&texts);
    EXPECT_TEXT("a", texts.items[0]);
    EXPECT_TEXT("c", texts.items[2]);
    EXPECT_TEXT("b", copy.items[0]);

    vp_texts_clear(&texts);
    EXPECT_INT(0, texts.n);
    vp_texts_sort(&texts);
    vp_texts_clear(&texts);
    EXPECT_INT(3, copy.n);
    vp_texts_clear(&copy);
}

TEST(what_a_terminal_acts_on_is_replaced)
{
    static const struct {
        const char *text;
        const char *visible;
    } CASES[] = {
        { "", "" },
        { "Gr\u00FC\u00DFe \u65E5\u672C \U0001F512", "Gr\u00FC\u00DFe \u65E5\u672C \U0001F512" },
        { "a\x1b[31mb\x07\n\t\x7f", "a?[31mb????" },
        { "a\xC2\x9B"
          "b\xC2\x85"
          "c\xC2\x80",
          "a?b?c?" },
        { "\u202Eabc\u2066d\u2069\u200F\u061C\u2028", "?abc?d????" },
        { "a\xFF\xC2", "a??" },
        { "\xC0\x80", "??" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s", CASES[i].text);
        vp_text_make_visible(text);
        EXPECT_TEXT(CASES[i].visible, text);
    }
}

TEST(messages_and_details_are_visible)
{
    struct vp_error err = { 0 };
    (void)vp_fail(&err, VP_REASON_INTERNAL,
                  "x\xC2\x9B"
                  "31m%s",
                  "\u202E");
    vp_error_add_detail(&err, "y\xC2\x85");
    EXPECT_TEXT("x?31m?", err.message);
    EXPECT_TEXT("y?", err.detail);
}

int main(void)
{
    const struct CMUnitTest cases[] = { CASE(texts_are_copied_found_sorted_and_freed),
                                        CASE(what_a_terminal_acts_on_is_replaced),
                                        CASE(messages_and_details_are_visible) };
    return cmocka_run_group_tests_name("base_texts", cases, NULL, NULL);
}
