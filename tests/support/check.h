/* A thin layer over cmocka: case names are sentences, outcomes are compared by code and reason. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vp/error.h"

#define TEST(name) static void name(void **state_ __attribute__((unused)))
#define CASE(name) cmocka_unit_test(name)

#define EXPECT(condition) assert_true(condition)
#define EXPECT_INT(expected, got) assert_int_equal(got, expected)
#define EXPECT_TEXT(expected, got) assert_string_equal(got, expected)
#define EXPECT_NULL(got) assert_null(got)

/* Succeeds; otherwise shows what the error says. */
#define EXPECT_OK(call, err)                                                                           \
    do {                                                                                               \
        enum vp_code code_got_ = call;                                                                 \
        if (code_got_ != VP_OK)                                                                        \
            fail_msg("%s: %s: %s (%s)", #call, vp_reason_word((err)->reason), (err)->message, (err)->detail); \
    } while (0)

/* Fails with just this reason. */
#define EXPECT_FAIL(expected_reason, call, err)                                                        \
    do {                                                                                               \
        enum vp_code code_got_ = call;                                                                 \
        if (code_got_ == VP_OK)                                                                        \
            fail_msg("%s: expected %s, succeeded", #call, vp_reason_word(expected_reason));            \
        if ((err)->reason != (expected_reason))                                                        \
            fail_msg("%s: expected %s, got %s: %s (%s)", #call, vp_reason_word(expected_reason),       \
                     vp_reason_word((err)->reason), (err)->message, (err)->detail);                    \
        assert_int_equal(code_got_, vp_reason_code(expected_reason));                                  \
    } while (0)

#define EXPECT_CONTAINS(needle, text)                                                  \
    do {                                                                               \
        if (strstr(text, needle) == NULL)                                              \
            fail_msg("\"%s\" does not contain \"%s\"", text, needle);                  \
    } while (0)

#define EXPECT_LACKS(needle, text)                                                     \
    do {                                                                               \
        if (strstr(text, needle) != NULL)                                              \
            fail_msg("\"%s\" contains \"%s\"", text, needle);                          \
    } while (0)
