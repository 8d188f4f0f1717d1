#include "vp/secret.h"

#include "check.h"

TEST(a_secret_keeps_its_bytes_and_its_length_nul_included)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *secret = vp_secret_new("a\0b", 3);
    EXPECT_INT(3, vp_secret_len(secret));
    assert_memory_equal(vp_secret_reveal(secret), "a\0b", 4);

    VP_AUTO(vp_secret_freep) struct vp_secret *empty = vp_secret_new(NULL, 0);
    EXPECT_INT(0, vp_secret_len(empty));
    EXPECT_TEXT("", vp_secret_reveal(empty));
    EXPECT_NULL(vp_secret_new("x", SIZE_MAX));
}

TEST(secrets_are_equal_by_content)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *secret = vp_secret_new("abc", 3);
    VP_AUTO(vp_secret_freep) struct vp_secret *copy = vp_secret_copy(secret);
    VP_AUTO(vp_secret_freep) struct vp_secret *other = vp_secret_new("abd", 3);
    VP_AUTO(vp_secret_freep) struct vp_secret *longer = vp_secret_new("abcd", 4);
    EXPECT(copy != secret);
    EXPECT(vp_secret_equal(secret, copy));
    EXPECT(!vp_secret_equal(secret, other));
    EXPECT(!vp_secret_equal(secret, longer));
    EXPECT(!vp_secret_equal(secret, NULL));
    EXPECT(!vp_secret_equal(NULL, secret));
    EXPECT(vp_secret_equal(NULL, NULL));
    EXPECT_NULL(vp_secret_copy(NULL));
}

TEST(wiping_leaves_no_byte)
{
    char text[] = "geheim";
    static const char ZEROS[sizeof text];
    vp_wipe(text, sizeof text);
    assert_memory_equal(text, ZEROS, sizeof text);
    vp_wipe(NULL, 0);
    vp_wipe_text(NULL);
    vp_secret_free(NULL);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_secret_keeps_its_bytes_and_its_length_nul_included),
        CASE(secrets_are_equal_by_content),
        CASE(wiping_leaves_no_byte),
    };
    return cmocka_run_group_tests_name("base_secret", cases, NULL, NULL);
}
