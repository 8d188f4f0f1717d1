/* One value into one field: each type against every kind of value, bounds, and back out. */
#include <stdlib.h>

#include "check.h"
#include "field_value.h"

static const struct vp_json_source BODY = { "the request", VP_REASON_BAD_REQUEST, 65536, 8, 1000, 0, 0 };

union place {
    char *text;
    struct vp_secret *secret;
    bool boolean;
    int64_t number;
    struct vp_texts list;
    struct logical_pairs map;
};

static struct logical_field field_of(enum logical_field_type type)
{
    return (struct logical_field){ .name = "the_field", .type = type, .help = "A field." };
}

static enum vp_code read_json(const struct logical_field *field, const char *json, union place *place,
                              struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *value = NULL;
    struct vp_error fault = { 0 };
    EXPECT_OK(vp_json_parse(json, strlen(json), &BODY, &value, &fault), &fault);
    return logical_field_read(field, value, place, err);
}

static void clear(const struct logical_field *field, union place *place)
{
    const struct logical_field alone[] = { *field, { 0 } };
    logical_fields_clear(alone, place);
}

/* What is written for what was read. Freed by free(). */
static char *through(const struct logical_field *field, const char *json)
{
    struct vp_error err = { 0 };
    union place place = { 0 };
    struct vp_buf buf = VP_BUF_INIT(65536);
    struct vp_json_writer writer;
    EXPECT_OK(read_json(field, json, &place, &err), &err);
    vp_json_begin(&writer, &buf);
    logical_field_write(field, &place, &writer);
    clear(field, &place);
    return vp_buf_take(&buf);
}

enum { N_TYPES = LOGICAL_TEXTS + 1 };

/* For each value what each type makes of it; NULL: refused. In the order of enum logical_field_type. */
static const struct {
    const char *json;
    const char *out[N_TYPES]; /* TEXT, SECRET, BOOL, INT, DURATION, TEXTS */
} VALUES[] = {
    { "null", { NULL, NULL, NULL, NULL, NULL, NULL } },
    { "true", { NULL, NULL, "true", NULL, NULL, NULL } },
    { "false", { NULL, NULL, "false", NULL, NULL, NULL } },
    { "0", { NULL, NULL, "false", "0", "0", NULL } },
    { "1", { NULL, NULL, "true", "1", "1", NULL } },
    { "2", { NULL, NULL, NULL, "2", "2", NULL } },
    { "-0", { NULL, NULL, "false", "0", "0", NULL } },
    { "-1", { NULL, NULL, NULL, NULL, NULL, NULL } },
    { "1.0", { NULL, NULL, NULL, NULL, NULL, NULL } },
    { "1e2", { NULL, NULL, NULL, NULL, NULL, NULL } },
    { "9223372036854775807", { NULL, NULL, NULL, "9223372036854775807", NULL, NULL } },
    { "316224000", { NULL, NULL, NULL, "316224000", "316224000", NULL } },
    { "316224001", { NULL, NULL, NULL, "316224001", NULL, NULL } },
    { "{}", { NULL, NULL, NULL, NULL, NULL, NULL } },
    { "[]", { NULL, NULL, NULL, NULL, NULL, "[]" } },
    { "[\"a\",\"b\"]", { NULL, NULL, NULL, NULL, NULL, "[\"a\",\"b\"]" } },
    { "[\"a\",null]", { NULL, NULL, NULL, NULL, NULL, NULL } },
    { "[[\"a\"]]", { NULL, NULL, NULL, NULL, NULL, NULL } },
    { "\"\"", { "\"\"", "\"\"", NULL, NULL, NULL, "[]" } },
    { "\"a\"", { "\"a\"", "\"a\"", NULL, NULL, NULL, "[\"a\"]" } },
    { "\" a \"", { "\" a \"", "\" a \"", NULL, NULL, NULL, "[\"a\"]" } },
    { "\"a,b\"", { "\"a,b\"", "\"a,b\"", NULL, NULL, NULL, "[\"a\",\"b\"]" } },
    { "\",\"", { "\",\"", "\",\"", NULL, NULL, NULL, NULL } },
    { "\" \"", { "\" \"", "\" \"", NULL, NULL, NULL, NULL } },
    { "[\"\",\" \"]", { NULL, NULL, NULL, NULL, NULL, NULL } },
    { "\"true\"", { "\"true\"", "\"true\"", "true", NULL, NULL, "[\"true\"]" } },
    { "\"True\"", { "\"True\"", "\"True\"", NULL, NULL, NULL, "[\"True\"]" } },
    { "\" true\"", { "\" true\"", "\" true\"", NULL, NULL, NULL, "[\"true\"]" } },
    { "\"0\"", { "\"0\"", "\"0\"", "false", "0", "0", "[\"0\"]" } },
    { "\"007\"", { "\"007\"", "\"007\"", NULL, "7", "7", "[\"007\"]" } },
    { "\"+7\"", { "\"+7\"", "\"+7\"", NULL, NULL, "7", "[\"+7\"]" } },
    { "\"0x7\"", { "\"0x7\"", "\"0x7\"", NULL, NULL, NULL, "[\"0x7\"]" } },
    { "\"1h\"", { "\"1h\"", "\"1h\"", NULL, NULL, "3600", "[\"1h\"]" } },
    { "\"-1h\"", { "\"-1h\"", "\"-1h\"", NULL, NULL, NULL, "[\"-1h\"]" } },
    { "\"1H\"", { "\"1H\"", "\"1H\"", NULL, NULL, NULL, "[\"1H\"]" } },
    { "\"1w\"", { "\"1w\"", "\"1w\"", NULL, NULL, NULL, "[\"1w\"]" } },
    { "\"100ms\"", { "\"100ms\"", "\"100ms\"", NULL, NULL, "1", "[\"100ms\"]" } },
    { "\"-\"", { "\"-\"", "\"-\"", NULL, NULL, NULL, "[\"-\"]" } },
    { "\"\xD9\xA1\"", { "\"\xD9\xA1\"", "\"\xD9\xA1\"", NULL, NULL, NULL, "[\"\xD9\xA1\"]" } },
};

TEST(each_type_takes_just_its_values_and_a_read_shows_them_in_one_form)
{
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
        for (int type = 0; type < N_TYPES; type++) {
            struct logical_field field = field_of((enum logical_field_type)type);
            struct vp_error err = { 0 };
            union place place = { 0 };
            print_message("%s as type %d\n", VALUES[i].json, type);
            if (VALUES[i].out[type] == NULL) {
                EXPECT_FAIL(VP_REASON_BAD_REQUEST, read_json(&field, VALUES[i].json, &place, &err), &err);
                EXPECT_CONTAINS("\"the_field\"", err.message);
                clear(&field, &place);
                continue;
            }
            char *out = through(&field, VALUES[i].json);
            EXPECT_TEXT(VALUES[i].out[type], out);
            char *again = through(&field, out); /* what a read shows may be written back */
            EXPECT_TEXT(out, again);
            free(out);
            free(again);
        }
    }
}

TEST(a_refused_value_leaves_what_was_there)
{
    static const struct {
        enum logical_field_type type;
        const char *good, *bad, *kept;
    } ROWS[] = {
        { LOGICAL_TEXT, "\"a\"", "1", "\"a\"" },
        { LOGICAL_SECRET, "\"a\"", "1", "\"a\"" },
        { LOGICAL_BOOL, "true", "\"no\"", "true" },
        { LOGICAL_INT, "7", "\"x\"", "7" },
        { LOGICAL_INT, "7", "-1", "7" },
        { LOGICAL_DURATION, "\"1m\"", "\"1m1\"", "60" },
        { LOGICAL_TEXTS, "\"a,b\"", "[\"c\",1]", "[\"a\",\"b\"]" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct logical_field field = field_of(ROWS[i].type);
        struct vp_error err = { 0 };
        union place place = { 0 };
        struct vp_buf buf = VP_BUF_INIT(100);
        struct vp_json_writer writer;
        EXPECT_OK(read_json(&field, ROWS[i].good, &place, &err), &err);

        EXPECT_FAIL(VP_REASON_BAD_REQUEST, read_json(&field, ROWS[i].bad, &place, &err), &err);

        vp_json_begin(&writer, &buf);
        logical_field_write(&field, &place, &writer);
        EXPECT_TEXT(ROWS[i].kept, vp_buf_text(&buf));
        vp_buf_clear(&buf);
        clear(&field, &place);
    }
}

TEST(durations_add_up_their_parts_and_never_overflow)
{
    static const struct {
        const char *text;
        int64_t wanted; /* -1: refused */
    } ROWS[] = {
        { "0", 0 },
        { "0s", 0 },
        { "90s", 90 },
        { "1m", 60 },
        { "1h30m", 5400 },
        { "30m1h", 5400 },
        { "1h1h", 7200 },
        { "1d1h1m1s", 90061 },
        { "768h", 2764800 },
        { "9223372036854775807", INT64_MAX },
        { "9223372036s", 9223372036 },
        { "9223372037s", -1 },
        { "9223372036854775808", -1 },
        { "9223372036854775808s", -1 },
        { "9223372036s1s", -1 },
        { "106751d", INT64_C(106751) * 86400 },
        { "106752d", -1 },
        { "153722867280912931m", -1 },
        { "", -1 },
        { "s", -1 },
        { "1", 1 },
        { "1 s", -1 },
        { " 1s", -1 },
        { "1s ", -1 },
        { "1.5h", 5400 },
        { "1h-30m", -1 },
        { "1h30", -1 },
        { "1us", 1 },
        { "1ss", -1 },
        { "\xC2\xBDh", -1 },
    };
    struct logical_field field = field_of(LOGICAL_DURATION);
    field.max = INT64_MAX; /* else ten years */
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        union place place = { .number = 77 };
        print_message("\"%s\"\n", ROWS[i].text);
        if (ROWS[i].wanted >= 0)
            EXPECT_OK(logical_field_read_text(&field, ROWS[i].text, &place, &err), &err);
        else
            EXPECT_FAIL(VP_REASON_BAD_REQUEST, logical_field_read_text(&field, ROWS[i].text, &place, &err), &err);
        EXPECT(place.number == (ROWS[i].wanted >= 0 ? ROWS[i].wanted : 77));
    }
}

TEST(a_duration_without_bounds_of_its_own_has_ten_years_at_the_most)
{
    static const struct {
        const char *json;
        bool good;
    } ROWS[] = {
        { "316224000", true }, { "316224001", false },   { "\"316224000s\"", true },       { "\"316224001s\"", false },
        { "\"3660d\"", true }, { "\"3660d1s\"", false }, { "9223372036854775807", false },
    };
    const struct logical_field field = field_of(LOGICAL_DURATION);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        union place place = { 0 };
        print_message("row %zu\n", i);
        if (ROWS[i].good)
            EXPECT_OK(read_json(&field, ROWS[i].json, &place, &err), &err);
        else
            EXPECT_FAIL(VP_REASON_BAD_REQUEST, read_json(&field, ROWS[i].json, &place, &err), &err);
    }
}

TEST(numbers_keep_to_the_bounds_of_their_field_and_the_message_says_them)
{
    static const struct {
        int64_t min, max;
        const char *json;
        bool good;
    } ROWS[] = {
        { 0, 0, "0", true },   { 0, 0, "-1", false },     { 0, 0, "\"-1\"", false }, { 1, 10, "0", false },
        { 1, 10, "1", true },  { 1, 10, "10", true },     { 1, 10, "11", false },    { 1, 10, "\"11\"", false },
        { -5, 5, "-5", true }, { -5, 5, "\"-5\"", true }, { -5, 5, "-6", false },    { 0, 5, "0", true },
        { 0, 5, "-1", false }, { 0, 5, "6", false },      { -5, 0, "1", false },     { -5, 0, "0", true },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        static const enum logical_field_type TYPES[] = { LOGICAL_INT, LOGICAL_DURATION };
        for (size_t t = 0; t < 2; t++) {
            struct vp_error err = { 0 };
            union place place = { 0 };
            struct logical_field field = field_of(TYPES[t]);
            field.min = ROWS[i].min;
            field.max = ROWS[i].max;
            print_message("row %zu\n", i);
            if (ROWS[i].good) {
                EXPECT_OK(read_json(&field, ROWS[i].json, &place, &err), &err);
                continue;
            }
            EXPECT_FAIL(VP_REASON_BAD_REQUEST, read_json(&field, ROWS[i].json, &place, &err), &err);
            EXPECT_CONTAINS(field.min == 0 && field.max == 0 ? "zero or more" : "between", err.message);
            if (TYPES[t] == LOGICAL_INT)
                EXPECT_LACKS("seconds", err.message);
        }
    }
}

TEST(messages_name_the_field_and_never_the_value)
{
    static const struct {
        enum logical_field_type type;
        const char *json;
    } ROWS[] = {
        { LOGICAL_TEXT, "[\"v2/secret\"]" },    { LOGICAL_SECRET, "[\"v2/secret\"]" },
        { LOGICAL_BOOL, "\"v2/secret\"" },      { LOGICAL_INT, "\"v2/secret\"" },
        { LOGICAL_DURATION, "\"v2/secret\"" },  { LOGICAL_TEXTS, "[\"v2/secret\",1]" },
        { LOGICAL_TEXTS, "{\"v2/secret\":1}" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        union place place = { 0 };
        struct logical_field field = field_of(ROWS[i].type);
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, read_json(&field, ROWS[i].json, &place, &err), &err);
        EXPECT_CONTAINS("the_field", err.message);
        EXPECT_LACKS("secret", err.message);
        EXPECT_LACKS("secret", err.detail);
    }
}

TEST(a_newer_value_replaces_the_older_one_whole)
{
    struct vp_error err = { 0 };
    union place place = { 0 };
    struct logical_field list = field_of(LOGICAL_TEXTS);
    EXPECT_OK(read_json(&list, "[\"a\",\"b\",\"c\"]", &place, &err), &err);
    EXPECT_OK(read_json(&list, "\"d\"", &place, &err), &err);
    EXPECT_INT(1, place.list.n);
    EXPECT_TEXT("d", place.list.items[0]);
    clear(&list, &place);

    union place secret_place = { 0 };
    struct logical_field secret = field_of(LOGICAL_SECRET);
    EXPECT_OK(read_json(&secret, "\"first\"", &secret_place, &err), &err);
    EXPECT_OK(read_json(&secret, "\"second\"", &secret_place, &err), &err);
    EXPECT_TEXT("second", vp_secret_reveal(secret_place.secret));
    clear(&secret, &secret_place);
    EXPECT_NULL(secret_place.secret);
}

TEST(fields_that_were_never_set_are_written_as_empty)
{
    static const char *const WANTED[N_TYPES] = { "\"\"", "\"\"", "false", "0", "0", "[]" };
    for (int type = 0; type < N_TYPES; type++) {
        struct logical_field field = field_of((enum logical_field_type)type);
        union place place = { 0 };
        struct vp_buf buf = VP_BUF_INIT(100);
        struct vp_json_writer writer;
        vp_json_begin(&writer, &buf);
        logical_field_write(&field, &place, &writer);
        EXPECT_TEXT(WANTED[type], vp_buf_text(&buf));
        vp_buf_clear(&buf);
    }
}

TEST(a_preset_is_read_as_typed_and_one_too_long_is_our_own_fault)
{
    struct vp_error err = { 0 };
    union place place = { 0 };
    struct logical_field field = field_of(LOGICAL_TEXT);
    EXPECT_OK(logical_field_read_text(&field, "a \"quoted\" \\ one\n", &place, &err), &err);
    EXPECT_TEXT("a \"quoted\" \\ one\n", place.text);

    char *huge = calloc(1, 5001);
    memset(huge, 'a', 5000);
    EXPECT_FAIL(VP_REASON_INTERNAL, logical_field_read_text(&field, huge, &place, &err), &err);
    EXPECT_TEXT("a \"quoted\" \\ one\n", place.text);
    free(huge);
    clear(&field, &place);
}

TEST(a_map_comes_as_an_object_or_as_assignments_and_goes_out_as_an_object)
{
    static const struct {
        const char *in, *out;
    } ROWS[] = {
        { "{}", "{}" },
        { "[]", "{}" },
        { "\"\"", "{}" },
        { "{\"b\":\"1\",\"a\":\"2\"}", "{\"b\":\"1\",\"a\":\"2\"}" },
        { "[\"b=1\",\" a=2 \"]", "{\"b\":\"1\",\"a\":\"2\"}" },
        { "\"b=1,a=2\"", "{\"b\":\"1\",\"a\":\"2\"}" },
        { "\"a==\"", "{\"a\":\"=\"}" },
    };
    const struct logical_field field = field_of(LOGICAL_MAP);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char *out = through(&field, ROWS[i].in);
        EXPECT_TEXT(ROWS[i].out, out);
        free(out);
    }
}

TEST(what_is_no_map_leaves_the_field_as_it_was)
{
    static const char *const WRONG[] = {
        "null",
        "1",
        "1.5",
        "true",
        "\"a\"",
        "\"=1\"",
        "\"a=\"",
        "\"a=1,a=2\"",
        "[\"a=1\",\"a=1\"]",
        "[1]",
        "[[\"a=1\"]]",
        "{\"a\":1}",
        "{\"a\":null}",
        "{\"a\":[\"1\"]}",
        "{\"\":\"1\"}",
        "{\"a\":\"\"}",
    };
    const struct logical_field field = field_of(LOGICAL_MAP);
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        struct vp_error err = { 0 };
        union place place = { 0 };
        EXPECT_OK(read_json(&field, "{\"kept\":\"1\"}", &place, &err), &err);
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, read_json(&field, WRONG[i], &place, &err), &err);
        EXPECT_CONTAINS("the_field", err.message);
        EXPECT_INT(1, place.map.n);
        EXPECT_TEXT("1", logical_pairs_get(&place.map, "kept"));
        clear(&field, &place);
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(each_type_takes_just_its_values_and_a_read_shows_them_in_one_form),
        CASE(a_refused_value_leaves_what_was_there),
        CASE(durations_add_up_their_parts_and_never_overflow),
        CASE(a_duration_without_bounds_of_its_own_has_ten_years_at_the_most),
        CASE(numbers_keep_to_the_bounds_of_their_field_and_the_message_says_them),
        CASE(messages_name_the_field_and_never_the_value),
        CASE(a_newer_value_replaces_the_older_one_whole),
        CASE(fields_that_were_never_set_are_written_as_empty),
        CASE(a_preset_is_read_as_typed_and_one_too_long_is_our_own_fault),
        CASE(a_map_comes_as_an_object_or_as_assignments_and_goes_out_as_an_object),
        CASE(what_is_no_map_leaves_the_field_as_it_was),
    };
    return cmocka_run_group_tests_name("logical_field_value", cases, NULL, NULL);
}
