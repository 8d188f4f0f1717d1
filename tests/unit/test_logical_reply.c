#include <stdlib.h>

#include "vp/logical.h"

#include "check.h"

TEST(pairs_keep_their_order_and_are_found_by_key)
{
    struct vp_error err = { 0 };
    struct logical_pairs pairs = { 0 };
    EXPECT_OK(logical_pairs_add(&pairs, "z", "1", &err), &err);
    EXPECT_OK(logical_pairs_add(&pairs, "a", "2", &err), &err);
    EXPECT_TEXT("z", pairs.items[0].key);
    EXPECT_TEXT("2", logical_pairs_get(&pairs, "a"));
    EXPECT_NULL(logical_pairs_get(&pairs, "b"));
    logical_pairs_clear(&pairs);
    EXPECT_INT(0, pairs.n);
}

TEST(a_reply_is_freed_whole_and_may_be_used_again)
{
    struct vp_error err = { 0 };
    struct logical_reply reply = { .data = VP_BUF_INIT(LOGICAL_REPLY_MAX) };
    vp_buf_add_text(&reply.data, "{}");
    reply.auth = calloc(1, sizeof *reply.auth);
    reply.auth->internal_data = strdup("geheim");
    reply.auth->alias_name = strdup("alias");
    EXPECT_OK(vp_texts_add(&reply.auth->policies, "a", &err), &err);
    EXPECT_OK(logical_pairs_add(&reply.auth->metadata, "k", "v", &err), &err);
    EXPECT_OK(vp_texts_add(&reply.warnings, "w", &err), &err);

    logical_reply_clear(&reply);

    EXPECT_NULL(reply.auth);
    EXPECT_INT(0, reply.data.len);
    EXPECT_INT(LOGICAL_REPLY_MAX, reply.data.max);
    logical_reply_clear(&reply);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(pairs_keep_their_order_and_are_found_by_key),
        CASE(a_reply_is_freed_whole_and_may_be_used_again),
    };
    return cmocka_run_group_tests_name("logical_reply", cases, NULL, NULL);
}
