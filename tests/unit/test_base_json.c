/* What is JSON to us, and what never gets past the border. */
#include <json-c/json.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "vp/buf.h"
#include "vp/clock.h"
#include "vp/json.h"

#include "check.h"

static const struct vp_json_source SOURCE = { "the text", VP_REASON_BAD_REQUEST, 4096, 6, 64, 0, 0 };

static enum vp_code parse(const char *text, size_t len, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    return vp_json_parse(text, len, &SOURCE, &document, err);
}

TEST(valid_documents_are_taken)
{
    static const char *const TEXTS[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "1.5",
        "-1.5e3",
        "1E+2",
        "1e-2",
        "0.0",
        "0e0",
        "9223372036854775807",
        "-9223372036854775808",
        "123456789012345678",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"",
        "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
        "\"\x7F\"",
        "[]",
        "[1]",
        "[1,\"a\",null,[],{}]",
        "{}",
        "{\"a\":1}",
        "{\"a\":{\"a\":1},\"b\":{\"a\":2}}",
        " \t\r\n{ \"a\" : [ 1 , 2 ] } \n",
        "{\"\":1}",
        "[[[[[[]]]]]]",
        "\"\xEF\xBF\xBD\"",
        "\"\xF4\x8F\xBF\xBF\"",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct vp_error err = { 0 };
        EXPECT_OK(parse(TEXTS[i], strlen(TEXTS[i]), &err), &err);
    }
}

TEST(everything_else_is_refused)
{
    static const char *const TEXTS[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "TRUE",
        "undefined",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1.e2",
        "1e",
        "1e+",
        "0x1",
        "1_000",
        "9223372036854775808",
        "-9223372036854775809",
        "100000000000000000000",
        "'a'",
        "\"",
        "\"a",
        "a\"",
        "\"\\\"",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\u0000\"",
        "\"a\\u0000b\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ude00\"",
        "\"\\ude00\\ud83d\"",
        "\"\n\"",
        "\"\t\"",
        "\"\x01\"",
        "\"\x1F\"",
        "\"\x80\"",
        "\"\xC0\xAF\"",
        "\"\xC1\xBF\"",
        "\"\xE0\x80\xAF\"",
        "\"\xED\xA0\x80\"",
        "\"\xF0\x80\x80\x80\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xF5\x80\x80\x80\"",
        "\"\xFF\"",
        "\"\xE2\x82\"",
        "\"\xC3\"",
        "\xEF\xBB\xBF{}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{}x",
        "{}{}",
        "1 2",
        "null,",
        "{\"a\":1}\v",
        "/* c */1",
        "1//c",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\xC3\xA9\":1,\"\\u00e9\":2}",
        "{\"\xE2\x82\xAC\":1,\"\\u20ac\":2}",
        "{\"\xF0\x9F\x98\x80\":1,\"\\ud83d\\ude00\":2}",
        "{\"\\n\":1,\"\\u000a\":2}",
        "{\"x\":{\"a\":1,\"a\":2}}",
        "[{\"a\":1,\"a\":2}]",
        "{\"\":1,\"\":2}",
        "[[[[[[[]]]]]]]",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct vp_error err = { 0 };
        if (parse(TEXTS[i], strlen(TEXTS[i]), &err) == VP_OK)
            fail_msg("taken: %s", TEXTS[i]);
        EXPECT_INT(VP_REASON_BAD_REQUEST, err.reason);
        EXPECT_CONTAINS("the text", err.message);
    }
}

TEST(what_is_passed_on_keeps_its_nul_and_its_minus_zero)
{
    static const char TEXT[] = "{\"blob\":\"a\\u0000b\\\"\",\"zero\":-0,\"list\":[-0,\"\\u0000\"],\"text\":\"a\"}";
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_json_source source = SOURCE;
    struct vp_error err = { 0 };
    struct vp_buf out = VP_BUF_INIT(200);
    struct vp_json_writer writer;
    source.options = VP_JSON_PASSES_ON;

    EXPECT_OK(vp_json_parse(TEXT, strlen(TEXT), &source, &document, &err), &err);
    vp_json_begin(&writer, &out);
    vp_json_put_value(&writer, document);

    EXPECT_TEXT(TEXT, vp_buf_text(&out));
    EXPECT_INT(VP_JSON_NUL_TEXT, vp_json_type(vp_json_get(document, "blob")));
    EXPECT_INT(VP_JSON_NUMBER, vp_json_type(vp_json_get(document, "zero")));
    EXPECT_INT(VP_JSON_TEXT, vp_json_type(vp_json_get(document, "text")));
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, parse(TEXT, strlen(TEXT), &err), &err);
    vp_buf_clear(&out);
}

TEST(a_key_with_a_nul_is_refused_though_values_may_have_one)
{
    static const char TEXT[] = "{\"a\\u0000b\":1}";
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_json_source source = SOURCE;
    struct vp_error err = { 0 };
    source.options = VP_JSON_PASSES_ON;

    EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_parse(TEXT, strlen(TEXT), &source, &document, &err), &err);
}

TEST(nul_bytes_are_refused_inside_and_behind_a_document)
{
    static const struct {
        const char *text;
        size_t len;
    } ROWS[] = { { "{}\0", 3 }, { "\"a\0b\"", 5 }, { "\0", 1 }, { "1\0", 2 }, { "{\"a\0\":1}", 8 }, { "nul\0", 4 } };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, parse(ROWS[i].text, ROWS[i].len, &err), &err);
    }
}

TEST(bytes_and_tokens_have_a_ceiling)
{
    struct vp_error err = { 0 };
    char big[5000];
    memset(big, ' ', sizeof big);
    big[0] = '1';
    EXPECT_OK(parse(big, 4096, &err), &err);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, parse(big, 4097, &err), &err);

    char many[300] = "[";
    for (int i = 0; i < 62; i++)
        memcpy(many + 1 + 2 * i, "1,", 2);
    memcpy(many + 124, "]", 2);
    EXPECT_OK(parse(many, strlen(many), &err), &err);
    memcpy(many + 124, ",1]", 4);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, parse(many, strlen(many), &err), &err);
}

/* The bytes that the heap gave out. */
static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

TEST(no_text_takes_much_more_memory_than_its_tokens_say)
{
    static const char *const ITEMS[] = { "1",         "\"\"",     "null",
                                         "{}",        "[]",       "[1]",
                                         "{\"a\":1}", "[[[[]]]]", "{\"a\":{\"a\":{}}}" };
    enum { N = 3000 };
    for (size_t i = 0; i < sizeof ITEMS / sizeof ITEMS[0]; i++) {
        const struct vp_json_source wide = { "wide", VP_REASON_BAD_REQUEST, 1024 * 1024, 8, 200000, 0, 0 };
        struct vp_buf text = VP_BUF_INIT(1024 * 1024);
        struct vp_json *document = NULL;
        struct vp_error err = { 0 };
        vp_buf_add_text(&text, "[");
        for (int n = 0; n < N; n++)
            vp_buf_add_format(&text, "%s%s", n == 0 ? "" : ",", ITEMS[i]);
        vp_buf_add_text(&text, "]");
        size_t before = in_use();
        EXPECT_OK(vp_json_parse(vp_buf_text(&text), text.len, &wide, &document, &err), &err);
        size_t took = in_use() - before;
        if (took > 2 * vp_json_memory(document)) /* a sanitizer's heap tells nothing, and takes 0 */
            fail_msg("%s: %zu bytes, thought to be %zu", ITEMS[i], took, vp_json_memory(document));
        vp_json_free(document);
        vp_buf_clear(&text);
    }
}

/* A reference to a value keeps it when its document is freed. */
static struct json_object *keep(const struct vp_json *document, const char *key)
{
    const struct vp_json *value = vp_json_get(document, key);
    return json_object_get((struct json_object *)(uintptr_t)value);
}

TEST(what_a_document_held_is_wiped_when_it_is_freed)
{
    static const char TEXT[] = "{\"text\":\"s3cret\",\"whole\":4711,\"other\":47.11,\"list\":[{\"deep\":\"s3cret\"}]}";
    struct vp_json *document = NULL;
    struct vp_error err = { 0 };
    EXPECT_OK(vp_json_parse(TEXT, sizeof TEXT - 1, &SOURCE, &document, &err), &err);
    struct json_object *text = keep(document, "text"), *whole = keep(document, "whole"),
                       *other = keep(document, "other");
    struct json_object *deep = keep(vp_json_at(vp_json_get(document, "list"), 0), "deep");

    vp_json_free(document);

    static const char ZEROS[6];
    EXPECT(memcmp(ZEROS, json_object_get_string(text), sizeof ZEROS) == 0);
    EXPECT(memcmp(ZEROS, json_object_get_string(deep), sizeof ZEROS) == 0);
    EXPECT_INT(0, json_object_get_int64(whole));
    EXPECT_TEXT("", json_object_get_userdata(other));
    json_object_put(text);
    json_object_put(whole);
    json_object_put(other);
    json_object_put(deep);
}

TEST(objects_and_arrays_count_as_what_they_take)
{
    struct vp_error err = { 0 };
    static const char SIX[] = "[{},{},{},{},{},{}]", SEVEN[] = "[{},{},{},{},{},{},{}]";
    EXPECT_OK(parse(SIX, sizeof SIX - 1, &err), &err);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, parse(SEVEN, sizeof SEVEN - 1, &err), &err);
    EXPECT_CONTAINS("too many values", err.message);
}

TEST(duplicates_may_stand_below_the_level_that_is_looked_at)
{
    static const char TEXT[] = "{\"a\":{\"b\":{\"c\":1,\"c\":2}}}";
    struct vp_json_source source = SOURCE;
    struct vp_error err = { 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;

    source.unique_depth = 2;
    EXPECT_OK(vp_json_parse(TEXT, sizeof TEXT - 1, &source, &document, &err), &err);
    const struct vp_json *inner = vp_json_get(vp_json_get(document, "a"), "b");
    EXPECT_INT(1, vp_json_len(inner));
    EXPECT_INT(2, vp_json_int(vp_json_get(inner, "c")));

    source.unique_depth = 3;
    struct vp_json *none = NULL;
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_parse(TEXT, sizeof TEXT - 1, &source, &none, &err), &err);
    EXPECT_NULL(none);
}

/* The key of the innermost object around it, and never a digit of the number. */
TEST(a_number_beyond_64_bits_is_told_with_its_key_where_the_source_allows)
{
    static const struct {
        const char *text;
        const char *words; /* NULL: no key is told */
    } CASES[] = {
        { "{\"a\":{\"b\":1,\"c\":7777777777777777777777}}", "under the key \"c\": store it as a string" },
        { "{\"a\":[{\"b\":1},-7777777777777777777777]}", "under the key \"a\": store it" },
        { "{\"a\":{\"b\":{}},\"\":7777777777777777777777}", "under the key \"\": store it" },
        { "{\"a\\\"b\": 7777777777777777777777}", "under the key \"a\\\"b\": store it" },
        { "[{\"a\":1},7777777777777777777777]", NULL },
        { "7777777777777777777777", NULL },
    };
    struct vp_json_source source = SOURCE;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        for (int tells = 0; tells <= 1; tells++) {
            struct vp_json *document = NULL;
            struct vp_error err = { 0 };
            source.options = tells == 1 ? VP_JSON_TELLS_KEYS : 0;
            EXPECT_FAIL(VP_REASON_BAD_REQUEST,
                        vp_json_parse(CASES[i].text, strlen(CASES[i].text), &source, &document, &err), &err);
            bool told = tells == 1 && CASES[i].words != NULL;
            EXPECT_CONTAINS("a whole number beyond 64 bits", err.message);
            EXPECT_CONTAINS(told ? CASES[i].words : "at byte", err.message);
            EXPECT(strstr(err.message, "777") == NULL && *err.detail == '\0');
            EXPECT(told || strchr(err.message, '"') == NULL);
        }
    }
}

TEST(numbers_beyond_64_bits_are_the_nearest_where_the_source_lets_them_through)
{
    static const char TEXT[] = "[9223372036854775807,9223372036854775808,10000000000000000000000000000000000000000,"
                               "-9223372036854775808,-9223372036854775809,-10000000000000000000000000000000000000000]";
    struct vp_json_source source = SOURCE;
    struct vp_json *document = NULL;
    struct vp_error err = { 0 };
    source.options = VP_JSON_ANY_NUMBER;
    EXPECT_OK(vp_json_parse(TEXT, sizeof TEXT - 1, &source, &document, &err), &err);
    for (size_t i = 0; i < 6; i++)
        EXPECT_INT(i < 3 ? INT64_MAX : INT64_MIN, vp_json_int(vp_json_at(document, i)));
    vp_json_free(document);
}

TEST(a_key_is_told_up_to_64_bytes)
{
    struct vp_json_source source = SOURCE;
    struct vp_json *document = NULL;
    struct vp_error err = { 0 };
    struct vp_buf text = VP_BUF_INIT(4096);
    char words[100];
    source.options = VP_JSON_TELLS_KEYS;
    vp_buf_add_text(&text, "{\"");
    for (int i = 0; i < 500; i++)
        vp_buf_add_text(&text, "k");
    vp_buf_add_text(&text, "\":7777777777777777777777}");

    EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_parse(vp_buf_text(&text), text.len, &source, &document, &err), &err);

    snprintf(words, sizeof words, "key \"%.64s\": store", vp_buf_text(&text) + 2);
    EXPECT_CONTAINS(words, err.message);
    vp_buf_clear(&text);
}

TEST(an_object_of_thousands_of_keys_is_checked_for_duplicates_as_well)
{
    const struct vp_json_source wide = { "wide", VP_REASON_BAD_REQUEST, 1024 * 1024, 2, 100000, 0, 0 };
    struct vp_buf text = VP_BUF_INIT(1024 * 1024);
    struct vp_error err = { 0 };
    vp_buf_add_text(&text, "{");
    for (int i = 0; i < 20000; i++)
        vp_buf_add_format(&text, "\"k%d\":%d,", i, i);
    size_t mark = text.len;
    vp_buf_add_text(&text, "\"last\":1}");
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    EXPECT_OK(vp_json_parse(vp_buf_text(&text), text.len, &wide, &document, &err), &err);
    EXPECT_INT(20001, vp_json_len(document));

    text.len = mark;
    vp_buf_add_text(&text, "\"k7\":1}");
    struct vp_json *none = NULL;
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_parse(vp_buf_text(&text), text.len, &wide, &none, &err), &err);
    vp_buf_clear(&text);
}

TEST(values_are_what_they_were_written_as)
{
    static const char TEXT[] =
        "{\"n\":null,\"b\":true,\"i\":-9223372036854775808,\"d\":1.5,\"t\":\"\\u00e9\",\"a\":[7,null],\"o\":{}}";
    struct vp_error err = { 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    EXPECT_OK(vp_json_parse(TEXT, sizeof TEXT - 1, &SOURCE, &document, &err), &err);

    EXPECT_INT(VP_JSON_NULL, vp_json_type(vp_json_get(document, "n")));
    EXPECT(vp_json_get(document, "n") != NULL);
    EXPECT(vp_json_bool(vp_json_get(document, "b")));
    EXPECT(vp_json_int(vp_json_get(document, "i")) == INT64_MIN);
    EXPECT_INT(VP_JSON_NUMBER, vp_json_type(vp_json_get(document, "d")));
    EXPECT_TEXT("\xC3\xA9", vp_json_text(vp_json_get(document, "t")));
    EXPECT_INT(2, vp_json_len(vp_json_get(document, "a")));
    EXPECT_INT(7, vp_json_int(vp_json_at(vp_json_get(document, "a"), 0)));
    EXPECT_INT(VP_JSON_NULL, vp_json_type(vp_json_at(vp_json_get(document, "a"), 1)));
    EXPECT_NULL(vp_json_at(vp_json_get(document, "a"), 2));
    EXPECT_INT(VP_JSON_OBJECT, vp_json_type(vp_json_get(document, "o")));
    EXPECT_NULL(vp_json_get(document, "missing"));
    EXPECT_NULL(vp_json_get(vp_json_get(document, "t"), "x"));
    EXPECT_NULL(vp_json_get(NULL, "x"));
    EXPECT_INT(0, vp_json_len(vp_json_get(document, "t")));
    EXPECT_INT(VP_JSON_NULL, vp_json_type(NULL));
}

struct target {
    const char *text;
    bool boolean;
    int64_t number;
    int64_t time;
    const struct vp_json *texts;
    const struct vp_json *array;
    const struct vp_json *object;
};

static const struct {
    const char *json;
    enum vp_json_target target;
    unsigned flags;
    bool good;
} DECODINGS[] = {
    { "\"a\"", VP_JSON_TO_TEXT, 0, true },
    { "\"\"", VP_JSON_TO_TEXT, 0, false },
    { "\"\"", VP_JSON_TO_TEXT, VP_JSON_OR_NULL, true },
    { "null", VP_JSON_TO_TEXT, 0, false },
    { "null", VP_JSON_TO_TEXT, VP_JSON_OR_NULL, true },
    { "null", VP_JSON_TO_TEXT, VP_JSON_OR_MISSING, false },
    { "1", VP_JSON_TO_TEXT, 0, false },
    { "true", VP_JSON_TO_TEXT, VP_JSON_OR_NULL, false },
    { "\"12345678\"", VP_JSON_TO_TEXT, 0, true },
    { "\"123456789\"", VP_JSON_TO_TEXT, 0, false },
    { "true", VP_JSON_TO_BOOL, 0, true },
    { "\"true\"", VP_JSON_TO_BOOL, 0, false },
    { "1", VP_JSON_TO_BOOL, 0, false },
    { "null", VP_JSON_TO_BOOL, 0, false },
    { "null", VP_JSON_TO_BOOL, VP_JSON_OR_NULL, true },
    { "1", VP_JSON_TO_INT, 0, true },
    { "1.0", VP_JSON_TO_INT, 0, false },
    { "\"1\"", VP_JSON_TO_INT, 0, false },
    { "null", VP_JSON_TO_INT, 0, false },
    { "\"2026-01-01T00:00:00Z\"", VP_JSON_TO_TIME, 0, true },
    { "\"tomorrow\"", VP_JSON_TO_TIME, VP_JSON_OR_NULL, false },
    { "1767225600", VP_JSON_TO_TIME, VP_JSON_OR_NULL, false },
    { "\"\"", VP_JSON_TO_TIME, 0, false },
    { "\"\"", VP_JSON_TO_TIME, VP_JSON_OR_NULL, true },
    { "[\"a\",\"\"]", VP_JSON_TO_TEXTS, 0, true },
    { "[\"a\",1]", VP_JSON_TO_TEXTS, 0, false },
    { "[null]", VP_JSON_TO_TEXTS, 0, false },
    { "\"a\"", VP_JSON_TO_TEXTS, 0, false },
    { "{}", VP_JSON_TO_TEXTS, 0, false },
    { "[1]", VP_JSON_TO_ARRAY, 0, true },
    { "{}", VP_JSON_TO_ARRAY, 0, false },
    { "{}", VP_JSON_TO_OBJECT, 0, true },
    { "[]", VP_JSON_TO_OBJECT, 0, false },
    { "null", VP_JSON_TO_OBJECT, VP_JSON_OR_NULL, true },
};

static size_t offset_of(enum vp_json_target target)
{
    static const size_t OFFSETS[] = {
        [VP_JSON_TO_TEXT] = offsetof(struct target, text),     [VP_JSON_TO_BOOL] = offsetof(struct target, boolean),
        [VP_JSON_TO_INT] = offsetof(struct target, number),    [VP_JSON_TO_TIME] = offsetof(struct target, time),
        [VP_JSON_TO_TEXTS] = offsetof(struct target, texts),   [VP_JSON_TO_ARRAY] = offsetof(struct target, array),
        [VP_JSON_TO_OBJECT] = offsetof(struct target, object),
    };
    return OFFSETS[target];
}

TEST(decoding_takes_the_type_asked_for_and_nothing_that_could_be_made_into_it)
{
    for (size_t i = 0; i < sizeof DECODINGS / sizeof DECODINGS[0]; i++) {
        struct vp_error err = { 0 };
        struct target target = { 0 };
        char text[100];
        VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
        const struct vp_json_field fields[] = {
            { "f", DECODINGS[i].target, offset_of(DECODINGS[i].target), DECODINGS[i].flags, 30 }, { 0 }
        };
        struct vp_json_field narrow[] = { fields[0], { 0 } };
        if (DECODINGS[i].target == VP_JSON_TO_TEXT)
            narrow[0].max_len = 8;
        (void)snprintf(text, sizeof text, "{\"f\":%s}", DECODINGS[i].json);
        EXPECT_OK(vp_json_parse(text, strlen(text), &SOURCE, &document, &err), &err);
        print_message("row %zu: %s\n", i, text);
        if (DECODINGS[i].good)
            EXPECT_OK(vp_json_decode(document, narrow, &SOURCE, &target, &err), &err);
        else
            EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_decode(document, narrow, &SOURCE, &target, &err), &err);
    }
}

TEST(a_missing_key_refuses_unless_it_may_be_missing_and_then_changes_nothing)
{
    struct vp_error err = { 0 };
    struct target target = { .text = "before" };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    const struct vp_json_field needed[] = { { "f", VP_JSON_TO_TEXT, offsetof(struct target, text), VP_JSON_OR_NULL, 0 },
                                            { 0 } };
    const struct vp_json_field optional[] = {
        { "f", VP_JSON_TO_TEXT, offsetof(struct target, text), VP_JSON_OR_MISSING, 0 }, { 0 }
    };
    EXPECT_OK(vp_json_parse("{\"g\":1}", 7, &SOURCE, &document, &err), &err);

    EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_decode(document, needed, &SOURCE, &target, &err), &err);
    EXPECT_CONTAINS("\"f\"", err.message);
    EXPECT_OK(vp_json_decode(document, optional, &SOURCE, &target, &err), &err);
    EXPECT_TEXT("before", target.text);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_decode(vp_json_get(document, "g"), optional, &SOURCE, &target, &err),
                &err);
}

static enum vp_code count_until_three(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    int *n = context;
    (void)value;
    return ++*n == 3 ? vp_fail(err, VP_REASON_BAD_REQUEST, "%s", key) : VP_OK;
}

TEST(members_are_visited_in_their_order_until_a_visit_fails)
{
    struct vp_error err = { 0 };
    int n = 0;
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    EXPECT_OK(vp_json_parse("{\"z\":1,\"a\":2,\"m\":3,\"b\":4}", 25, &SOURCE, &document, &err), &err);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_each(document, count_until_three, &n, &err), &err);
    EXPECT_TEXT("m", err.message);
    EXPECT_INT(3, n);
    EXPECT_OK(vp_json_each(NULL, count_until_three, &n, &err), &err);
}

/* ---- writing ---- */

TEST(what_is_written_reads_back_also_with_hostile_texts)
{
    static const char *const TEXTS[] = {
        "", "plain", "\"quoted\" \\ back", "\x01\x1F\n\r\t\x7F", "\xC3\xA9\xF0\x9F\x98\x80", "/a/b"
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct vp_error err = { 0 };
        struct vp_buf buf = VP_BUF_INIT(1000);
        struct vp_json_writer writer;
        vp_json_begin(&writer, &buf);
        vp_json_open_object(&writer);
        vp_json_add_text(&writer, TEXTS[i], TEXTS[i]);
        vp_json_put_key(&writer, "list");
        vp_json_open_array(&writer);
        vp_json_put_int(&writer, INT64_MIN);
        vp_json_put_bool(&writer, true);
        vp_json_put_null(&writer);
        vp_json_put_text(&writer, NULL);
        vp_json_close_array(&writer);
        vp_json_add_int(&writer, "i", -1);
        vp_json_add_bool(&writer, "b", false);
        vp_json_close_object(&writer);

        VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
        EXPECT_OK(vp_json_parse(vp_buf_text(&buf), buf.len, &SOURCE, &document, &err), &err);
        EXPECT_TEXT(TEXTS[i], vp_json_text(vp_json_get(document, TEXTS[i])));
        EXPECT_INT(4, vp_json_len(vp_json_get(document, "list")));
        vp_buf_clear(&buf);
    }
}

TEST(bytes_that_are_not_utf8_are_written_as_replacement_characters)
{
    static const struct {
        const char *in, *out;
    } ROWS[] = {
        { "\xFF", "\"\xEF\xBF\xBD\"" },
        { "a\xC3", "\"a\xEF\xBF\xBD\"" },
        { "\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        { "\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        { "/", "\"/\"" },
        { "\x7F", "\"\\u007f\"" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_buf buf = VP_BUF_INIT(100);
        struct vp_json_writer writer;
        vp_json_begin(&writer, &buf);
        vp_json_put_text(&writer, ROWS[i].in);
        EXPECT_TEXT(ROWS[i].out, vp_buf_text(&buf));
        vp_buf_clear(&buf);
    }
}

/* ---- parts that are not built ---- */

static const char *const WANTED[] = { "a", "b", NULL };
static const struct vp_json_sparse SPARSE = { .key = "notes", .depth = 2, .members = WANTED };

static void expect_sparse(const char *text, const char *expected)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_AUTO(vp_buf_clear) struct vp_buf out = VP_BUF_INIT(4096);
    struct vp_error err = { 0 };
    struct vp_json_writer writer;
    EXPECT_OK(vp_json_parse_sparse(text, strlen(text), &SOURCE, &SPARSE, &document, &err), &err);
    vp_json_begin(&writer, &out);
    vp_json_put_value(&writer, document);
    EXPECT_TEXT(expected, vp_buf_text(&out));
}

TEST(of_a_sparse_object_only_the_named_members_are_built)
{
    expect_sparse("[{\"notes\":{\"a\":1,\"c\":[1,2],\"b\":\"x\",\"d\":{\"a\":1},\"e\":1.5,\"f\":true,\"g\":null}},3]",
                  "[{\"notes\":{\"a\":1,\"b\":\"x\"}},3]");
    expect_sparse("[{\"notes\":{\"a\":{\"b\":1},\"b\":[1,[2],{\"a\":3}]},\"c\":{\"d\":4}}]",
                  "[{\"notes\":{\"a\":{},\"b\":[]},\"c\":{\"d\":4}}]");
    expect_sparse("[{\"notes\":[1,{\"a\":2}]},{\"notes\":{\"a\":5}}]", "[{\"notes\":[]},{\"notes\":{\"a\":5}}]");
    /* elsewhere the key means nothing */
    expect_sparse("{\"notes\":{\"c\":1},\"x\":[{\"notes\":{\"c\":2}}]}",
                  "{\"notes\":{\"c\":1},\"x\":[{\"notes\":{\"c\":2}}]}");
}

TEST(what_is_not_built_is_checked_and_counts_as_no_token)
{
    struct vp_error err = { 0 };
    struct vp_json *document = NULL;
    static const char *const BROKEN[] = { "[{\"notes\":{\"c\":01}}]", "[{\"notes\":{\"c\":{\"d\"}}}]", "[{\"notes\":{\"c\":[1,]}}]",
                                          "[{\"notes\":{\"c\":\"\\u0000\"}}]", "[{\"notes\":{\"c\":[[[[1]]]]}}]" };
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++)
        EXPECT_FAIL(VP_REASON_BAD_REQUEST,
                    vp_json_parse_sparse(BROKEN[i], strlen(BROKEN[i]), &SOURCE, &SPARSE, &document, &err), &err);
    struct vp_buf text = VP_BUF_INIT(4096);
    vp_buf_add_text(&text, "[{\"notes\":{\"c\":[0");
    for (int i = 0; i < 1000; i++)
        vp_buf_add_text(&text, ",0");
    vp_buf_add_text(&text, "],\"d\":{\"e\":[{},{}]},\"a\":[{},{},{},{},{},{},{}]}}]");
    expect_sparse(vp_buf_text(&text), "[{\"notes\":{\"a\":[]}}]");
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, vp_json_parse(vp_buf_text(&text), text.len, &SOURCE, &document, &err), &err);
    vp_buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(valid_documents_are_taken),
        CASE(everything_else_is_refused),
        CASE(what_is_passed_on_keeps_its_nul_and_its_minus_zero),
        CASE(a_key_with_a_nul_is_refused_though_values_may_have_one),
        CASE(nul_bytes_are_refused_inside_and_behind_a_document),
        CASE(bytes_and_tokens_have_a_ceiling),
        CASE(no_text_takes_much_more_memory_than_its_tokens_say),
        CASE(what_a_document_held_is_wiped_when_it_is_freed),
        CASE(objects_and_arrays_count_as_what_they_take),
        CASE(duplicates_may_stand_below_the_level_that_is_looked_at),
        CASE(a_number_beyond_64_bits_is_told_with_its_key_where_the_source_allows),
        CASE(numbers_beyond_64_bits_are_the_nearest_where_the_source_lets_them_through),
        CASE(a_key_is_told_up_to_64_bytes),
        CASE(an_object_of_thousands_of_keys_is_checked_for_duplicates_as_well),
        CASE(values_are_what_they_were_written_as),
        CASE(decoding_takes_the_type_asked_for_and_nothing_that_could_be_made_into_it),
        CASE(a_missing_key_refuses_unless_it_may_be_missing_and_then_changes_nothing),
        CASE(members_are_visited_in_their_order_until_a_visit_fails),
        CASE(what_is_written_reads_back_also_with_hostile_texts),
        CASE(bytes_that_are_not_utf8_are_written_as_replacement_characters),
        CASE(of_a_sparse_object_only_the_named_members_are_built),
        CASE(what_is_not_built_is_checked_and_counts_as_no_token),
    };
    return cmocka_run_group_tests_name("base_json", cases, NULL, NULL);
}
