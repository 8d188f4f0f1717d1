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

int main(void)
{
    const struct CMUnitTest cases[] = { CASE(texts_are_copied_found_sorted_and_freed) };
    return cmocka_run_group_tests_name("base_texts", cases, NULL, NULL);
}
