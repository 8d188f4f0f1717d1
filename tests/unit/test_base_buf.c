#include <stdlib.h>

#include "vp/buf.h"

#include "check.h"

TEST(content_grows_up_to_its_ceiling_and_not_beyond)
{
    struct vp_error err = { 0 };
    struct vp_buf buf = VP_BUF_INIT(1000);
    for (int i = 0; i < 100; i++)
        vp_buf_add(&buf, "0123456789", 10);
    EXPECT_INT(1000, buf.len);
    EXPECT_OK(vp_buf_check(&buf, "it", &err), &err);

    vp_buf_add_text(&buf, "");
    EXPECT(!buf.failed);
    vp_buf_add_text(&buf, "x");

    EXPECT_INT(1000, buf.len);
    EXPECT_FAIL(VP_REASON_INTERNAL, vp_buf_check(&buf, "it", &err), &err);
    EXPECT_CONTAINS("it is larger than 1000 bytes", err.message);
    vp_buf_clear(&buf);
}

TEST(after_a_failure_nothing_is_added_any_more_so_that_one_check_at_the_end_is_enough)
{
    struct vp_buf buf = VP_BUF_INIT(4);
    vp_buf_add_text(&buf, "12345");
    vp_buf_add_text(&buf, "1");
    vp_buf_add_format(&buf, "%d", 1);
    EXPECT(buf.failed);
    EXPECT_TEXT("", vp_buf_text(&buf));
    EXPECT_NULL(vp_buf_take(&buf));
    EXPECT(!buf.failed); /* cleared: it may be used again */
    vp_buf_add_text(&buf, "1234");
    EXPECT_TEXT("1234", vp_buf_text(&buf));
    vp_buf_clear(&buf);
}

TEST(formats_are_added_whole_or_not_at_all)
{
    struct vp_buf buf = VP_BUF_INIT(10);
    vp_buf_add_format(&buf, "%s-%d", "abc", 12);
    EXPECT_TEXT("abc-12", vp_buf_text(&buf));
    vp_buf_add_format(&buf, "%s", "12345");
    EXPECT_TEXT("abc-12", vp_buf_text(&buf));
    EXPECT(buf.failed);
    vp_buf_clear(&buf);
}

TEST(taking_gives_the_text_away_and_empties)
{
    struct vp_buf buf = VP_BUF_INIT(10);
    vp_buf_add(&buf, "a\0b", 3);
    char *text = vp_buf_take(&buf);
    assert_memory_equal(text, "a\0b", 4);
    free(text);
    EXPECT_INT(0, buf.len);
    text = vp_buf_take(&buf);
    EXPECT_TEXT("", text);
    free(text);
    EXPECT_INT(10, buf.max);
}

TEST(a_length_that_would_overflow_is_refused)
{
    struct vp_buf buf = VP_BUF_INIT(SIZE_MAX - 1);
    vp_buf_add_text(&buf, "abc");
    vp_buf_add(&buf, "x", SIZE_MAX - 2);
    EXPECT(buf.failed);
    EXPECT_TEXT("abc", vp_buf_text(&buf));
    vp_buf_clear(&buf);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(content_grows_up_to_its_ceiling_and_not_beyond),
        CASE(after_a_failure_nothing_is_added_any_more_so_that_one_check_at_the_end_is_enough),
        CASE(formats_are_added_whole_or_not_at_all),
        CASE(taking_gives_the_text_away_and_empties),
        CASE(a_length_that_would_overflow_is_refused),
    };
    return cmocka_run_group_tests_name("base_buf", cases, NULL, NULL);
}
