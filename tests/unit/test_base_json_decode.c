/* What decoding leaves in a struct, and the escapes and ceilings at their very ends. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/clock.h"
#include "vp/json.h"

#include "check.h"

static const struct vp_json_source SOURCE = { "the text", VP_REASON_UPSTREAM_BAD_ANSWER, 65536, 6, 64, 0, 0 };

struct target {
    const char *text;
    bool boolean;
    int64_t number;
    int64_t time;
    const struct vp_json *texts;
    const struct vp_json *array;
    const struct vp_json *object;
};

#define FIELD(name, target_type, flags)                             \
    {                                                               \
#name, target_type, offsetof(struct target, name), flags, 0 \
    }

#define FIELDS_WITH(flags)                                                                \
    {                                                                                     \
        FIELD(text, VP_JSON_TO_TEXT, flags), FIELD(boolean, VP_JSON_TO_BOOL, flags),      \
            FIELD(number, VP_JSON_TO_INT, flags), FIELD(time, VP_JSON_TO_TIME, flags),    \
            FIELD(texts, VP_JSON_TO_TEXTS, flags), FIELD(array, VP_JSON_TO_ARRAY, flags), \
            FIELD(object, VP_JSON_TO_OBJECT, flags),                                      \
        {                                                                                 \
            0                                                                             \
        }                                                                                 \
    }

static const struct vp_json_field PLAIN[] = FIELDS_WITH(0);
static const struct vp_json_field OR_NULL[] = FIELDS_WITH(VP_JSON_OR_NULL);
static const struct vp_json_field OR_MISSING[] = FIELDS_WITH(VP_JSON_OR_MISSING);

static const char FULL[] = "{\"text\":\"a\",\"boolean\":true,\"number\":-7,\"time\":\"1970-01-02T00:00:00Z\","
                           "\"texts\":[\"x\",\"\"],\"array\":[1,null],\"object\":{\"k\":[]},\"unknown\":{}}";
static const char NULLS[] = "{\"text\":null,\"boolean\":null,\"number\":null,\"time\":null,"
                            "\"texts\":null,\"array\":null,\"object\":null}";

static struct vp_json *parse(const char *text)
{
    struct vp_error err = { 0 };
    struct vp_json *document = NULL;
    EXPECT_OK(vp_json_parse(text, strlen(text), &SOURCE, &document, &err), &err);
    return document;
}

static enum vp_code try_parse(const char *text, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    return vp_json_parse(text, strlen(text), &SOURCE, &document, err);
}

TEST(each_field_gets_its_value_whatever_the_flags)
{
    static const struct vp_json_field *const TABLES[] = { PLAIN, OR_NULL, OR_MISSING };
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++) {
        struct vp_error err = { 0 };
        struct target target = { 0 };
        VP_AUTO(vp_json_freep) struct vp_json *document = parse(FULL);

        EXPECT_OK(vp_json_decode(document, TABLES[i], &SOURCE, &target, &err), &err);

        EXPECT_TEXT("a", target.text);
        EXPECT(target.boolean);
        EXPECT_INT(-7, target.number);
        EXPECT_INT(86400, target.time);
        EXPECT_INT(2, vp_json_len(target.texts));
        EXPECT_INT(2, vp_json_len(target.array));
        EXPECT_INT(1, vp_json_len(target.object));
    }
}

TEST(nulls_become_the_empty_value_of_each_type_where_they_are_allowed)
{
    struct vp_error err = { 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = parse(NULLS);
    struct target target = { "before", true, 5, 5, document, document, document };

    EXPECT_OK(vp_json_decode(document, OR_NULL, &SOURCE, &target, &err), &err);

    EXPECT_NULL(target.text);
    EXPECT(!target.boolean);
    EXPECT_INT(0, target.number);
    EXPECT(target.time == VP_TIME_NONE);
    EXPECT_NULL(target.texts);
    EXPECT_NULL(target.array);
    EXPECT_NULL(target.object);
}

TEST(nulls_and_missing_keys_refuse_field_by_field_where_they_are_not_allowed)
{
    for (size_t i = 0; PLAIN[i].key != NULL; i++) {
        const struct vp_json_field plain[] = { PLAIN[i], { 0 } };
        const struct vp_json_field missing[] = { OR_MISSING[i], { 0 } };
        const struct vp_json_field null[] = { OR_NULL[i], { 0 } };
        struct vp_error err = { 0 };
        struct target target = { 0 };
        VP_AUTO(vp_json_freep) struct vp_json *nulls = parse(NULLS);
        VP_AUTO(vp_json_freep) struct vp_json *empty = parse("{}");

        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, vp_json_decode(nulls, plain, &SOURCE, &target, &err), &err);
        EXPECT_CONTAINS(PLAIN[i].key, err.message);
        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, vp_json_decode(nulls, missing, &SOURCE, &target, &err), &err);
        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, vp_json_decode(empty, plain, &SOURCE, &target, &err), &err);
        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, vp_json_decode(empty, null, &SOURCE, &target, &err), &err);
        EXPECT_CONTAINS("the text", err.message);
        EXPECT_CONTAINS(PLAIN[i].key, err.message);
        EXPECT_OK(vp_json_decode(empty, missing, &SOURCE, &target, &err), &err);
    }
}

TEST(no_type_is_taken_for_another)
{
    static const char *const VALUES[] = { "\"a\"",   "true", "7",  "\"1970-01-02T00:00:00Z\"",
                                          "[\"a\"]", "[1]",  "{}", "1.5" };
    /* What takes what: a time is a text, a list of texts is a list. */
    static const char *const TAKEN[] = {
        "text", "boolean", "number", "text time", "texts array", "array", "object", ""
    };
    for (size_t v = 0; v < sizeof VALUES / sizeof VALUES[0]; v++) {
        for (size_t f = 0; OR_NULL[f].key != NULL; f++) {
            const struct vp_json_field fields[] = { OR_NULL[f], { 0 } };
            struct vp_error err = { 0 };
            struct target target = { 0 };
            char text[100];
            (void)snprintf(text, sizeof text, "{\"%s\":%s}", OR_NULL[f].key, VALUES[v]);
            VP_AUTO(vp_json_freep) struct vp_json *document = parse(text);
            bool wanted = strstr(TAKEN[v], OR_NULL[f].key) != NULL && strcmp(OR_NULL[f].key, "text") != 0;
            if (strcmp(OR_NULL[f].key, "text") == 0)
                wanted = VALUES[v][0] == '"';
            print_message("%s\n", text);
            EXPECT_INT(wanted, vp_json_decode(document, fields, &SOURCE, &target, &err) == VP_OK);
        }
    }
}

TEST(a_value_is_never_repeated_in_the_error)
{
    struct vp_error err = { 0 };
    struct target target = { 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = parse("{\"number\":\"v2/secret\",\"other\":\"v2/secret\"}");
    const struct vp_json_field fields[] = { PLAIN[2], { 0 } };
    EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, vp_json_decode(document, fields, &SOURCE, &target, &err), &err);
    EXPECT_LACKS("secret", err.message);
    EXPECT_LACKS("secret", err.detail);
    EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, try_parse("{\"a\":\"v2/secret\" x}", &err), &err);
    EXPECT_LACKS("secret", err.message);
    EXPECT_LACKS("secret", err.detail);
}

TEST(a_text_without_a_length_of_its_own_has_at_most_4096_bytes)
{
    static char text[5000];
    const struct vp_json_field fields[] = { PLAIN[0], { 0 } };
    for (int len = VP_JSON_TEXT_MAX; len <= VP_JSON_TEXT_MAX + 1; len++) {
        struct vp_error err = { 0 };
        struct target target = { 0 };
        (void)snprintf(text, sizeof text, "{\"text\":\"%0*d\"}", len, 0);
        VP_AUTO(vp_json_freep) struct vp_json *document = parse(text);
        EXPECT_INT(len == VP_JSON_TEXT_MAX, vp_json_decode(document, fields, &SOURCE, &target, &err) == VP_OK);
    }
}

TEST(what_is_not_an_object_is_not_decoded)
{
    static const char *const TEXTS[] = { "null", "[]", "\"a\"", "1", "true", "[{}]" };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        const struct vp_json_field none[] = { { 0 } };
        struct vp_error err = { 0 };
        struct target target = { 0 };
        VP_AUTO(vp_json_freep) struct vp_json *document = parse(TEXTS[i]);
        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, vp_json_decode(document, none, &SOURCE, &target, &err), &err);
    }
}

TEST(escapes_are_taken_up_to_the_ends_of_their_ranges)
{
    static const struct {
        const char *json, *text; /* NULL: refused */
    } ROWS[] = {
        { "\"\\u0001\"", "\x01" },
        { "\"\\u007f\"", "\x7F" },
        { "\"\\u0080\"", "\xC2\x80" },
        { "\"\\u07FF\"", "\xDF\xBF" },
        { "\"\\u0800\"", "\xE0\xA0\x80" },
        { "\"\\ud7ff\"", "\xED\x9F\xBF" },
        { "\"\\uD800\\uDC00\"", "\xF0\x90\x80\x80" },
        { "\"\\uDBFF\\uDFFF\"", "\xF4\x8F\xBF\xBF" },
        { "\"\\ue000\"", "\xEE\x80\x80" },
        { "\"\\uFFFF\"", "\xEF\xBF\xBF" },
        { "\"\\uABCD\\uabcd\"", "\xEA\xAF\x8D\xEA\xAF\x8D" },
        { "\"\\ud800\"", NULL },
        { "\"\\udbff\"", NULL },
        { "\"\\udc00\"", NULL },
        { "\"\\udfff\"", NULL },
        { "\"\\ud800\\udbff\"", NULL },
        { "\"\\ud800\\ue000\"", NULL },
        { "\"\\ud800\\n\"", NULL },
        { "\"\\ud800\\\"", NULL },
        { "\"\\ud800\\u\"", NULL },
        { "\"\\ud800\\udc0\"", NULL },
        { "\"\\ud800\\udc0g\"", NULL },
        { "\"\\ud800\\ud800\\udc00\"", NULL },
        { "\"\\u000/\"", NULL },
        { "\"\\u000:\"", NULL },
        { "\"\\u000@\"", NULL },
        { "\"\\u000G\"", NULL },
        { "\"\\u000`\"", NULL },
        { "\"\\u000g\"", NULL },
        { "\"\\u 041\"", NULL },
        { "\"\\u+041\"", NULL },
        { "\"\\U0041\"", NULL },
        { "\"\\u\"", NULL },
        { "\"\\", NULL },
        { "\"\\a\"", NULL },
        { "\"\\'\"", NULL },
        { "\"\\0\"", NULL },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        print_message("%s\n", ROWS[i].json);
        if (ROWS[i].text == NULL) {
            EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, try_parse(ROWS[i].json, &err), &err);
            continue;
        }
        VP_AUTO(vp_json_freep) struct vp_json *document = parse(ROWS[i].json);
        EXPECT_TEXT(ROWS[i].text, vp_json_text(document));
    }
}

TEST(keys_and_values_count_as_tokens_in_objects_as_well)
{
    static char text[1000];
    for (int n = 27; n <= 28; n++) { /* ten for the object, two for each member: 64 and 66 */
        struct vp_error err = { 0 };
        size_t len = 0;
        for (int i = 0; i < n; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s\"%d\":%d", i == 0 ? "{" : ",", i, i);
        (void)snprintf(text + len, sizeof text - len, "}");
        EXPECT_INT(n == 27, try_parse(text, &err) == VP_OK);
    }
}

TEST(no_document_cut_short_is_taken_and_none_is_read_past_its_end)
{
    for (size_t len = 0; len < sizeof FULL - 1; len++) {
        struct vp_error err = { 0 };
        struct vp_json *document = NULL;
        char *exact = malloc(len == 0 ? 1 : len); /* on the heap, so that a sanitizer sees the end */
        memcpy(exact, FULL, len);
        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, vp_json_parse(exact, len, &SOURCE, &document, &err), &err);
        EXPECT_NULL(document);
        free(exact);
    }
}

TEST(a_document_with_any_byte_changed_is_taken_whole_or_refused)
{
    for (size_t at = 0; at < sizeof FULL - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof FULL];
            struct vp_error err = { 0 };
            VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
            memcpy(text, FULL, sizeof FULL);
            text[at] = (char)byte;
            if (vp_json_parse(text, sizeof text - 1, &SOURCE, &document, &err) == VP_OK)
                EXPECT_INT(VP_JSON_OBJECT, vp_json_type(document));
            else
                EXPECT_INT(VP_REASON_UPSTREAM_BAD_ANSWER, err.reason);
            if (byte < 0x20 || byte >= 0x80) { /* no blanks between tokens here, and no other characters but ASCII */
                bool between = document != NULL && strchr("\t\n\r", byte) != NULL;
                EXPECT(document == NULL || between);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(each_field_gets_its_value_whatever_the_flags),
        CASE(nulls_become_the_empty_value_of_each_type_where_they_are_allowed),
        CASE(nulls_and_missing_keys_refuse_field_by_field_where_they_are_not_allowed),
        CASE(no_type_is_taken_for_another),
        CASE(a_value_is_never_repeated_in_the_error),
        CASE(a_text_without_a_length_of_its_own_has_at_most_4096_bytes),
        CASE(what_is_not_an_object_is_not_decoded),
        CASE(escapes_are_taken_up_to_the_ends_of_their_ranges),
        CASE(keys_and_values_count_as_tokens_in_objects_as_well),
        CASE(no_document_cut_short_is_taken_and_none_is_read_past_its_end),
        CASE(a_document_with_any_byte_changed_is_taken_whole_or_refused),
    };
    return cmocka_run_group_tests_name("base_json_decode", cases, NULL, NULL);
}
