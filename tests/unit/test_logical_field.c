/* Fields as tables: requests in, reads and records out, and back. */
#include <stdlib.h>

#include "vp/logical.h"

#include "check.h"

struct target {
    char *text;
    struct vp_secret *secret;
    bool boolean;
    int64_t number;
    int64_t duration_s;
    struct vp_texts list;
};

#define AT(member) offsetof(struct target, member)

static const struct logical_field FIELDS[] = {
    { "text", LOGICAL_TEXT, AT(text), LOGICAL_REQUIRED, "preset text", 0, 0, "A text." },
    { "secret", LOGICAL_SECRET, AT(secret), 0, NULL, 0, 0, "A secret." },
    { "boolean", LOGICAL_BOOL, AT(boolean), 0, "true", 0, 0, "A boolean." },
    { "number", LOGICAL_INT, AT(number), 0, "64", 1, 100, "A number." },
    { "duration", LOGICAL_DURATION, AT(duration_s), 0, "1h30m", 0, 0, "A duration." },
    { "list", LOGICAL_TEXTS, AT(list), 0, "a, b", 0, 0, "A list." },
    { 0 },
};

static const struct vp_json_source BODY = { "the request", VP_REASON_BAD_REQUEST, 65536, 8, 1000, 0, 0 };

static enum vp_code update(struct target *target, const char *json, bool strict, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_error fault = { 0 };
    EXPECT_OK(vp_json_parse(json, strlen(json), &BODY, &document, &fault), &fault);
    return logical_fields_update(FIELDS, document, strict, target, err);
}

static struct target fresh(void)
{
    struct vp_error err = { 0 };
    struct target target = { 0 };
    EXPECT_OK(logical_fields_init(FIELDS, &target, &err), &err);
    return target;
}

TEST(presets_are_what_one_would_type)
{
    struct target target = fresh();
    EXPECT_TEXT("preset text", target.text);
    EXPECT_NULL(target.secret);
    EXPECT(target.boolean);
    EXPECT_INT(64, target.number);
    EXPECT_INT(5400, target.duration_s);
    EXPECT_INT(2, target.list.n);
    EXPECT_TEXT("b", target.list.items[1]);
    logical_fields_clear(FIELDS, &target);
    EXPECT_NULL(target.text);
}

TEST(a_null_is_a_field_left_out)
{
    struct vp_error err = { 0 };
    struct target target = fresh();
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    static const char BODY_OF_NULLS[] = "{\"text\":null,\"secret\":null,\"boolean\":null,\"number\":null,"
                                        "\"duration\":null,\"list\":null}";
    EXPECT_OK(update(&target, "{\"secret\":\"geheim\"}", true, &err), &err);
    EXPECT_OK(update(&target, BODY_OF_NULLS, true, &err), &err);
    EXPECT_TEXT("preset text", target.text);
    EXPECT_TEXT("geheim", vp_secret_reveal(target.secret));
    EXPECT(target.boolean);
    EXPECT_INT(64, target.number);
    EXPECT_INT(5400, target.duration_s);
    EXPECT_INT(2, target.list.n);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, update(&target, "{\"numbr\":null}", true, &err), &err);
    logical_fields_clear(FIELDS, &target);

    EXPECT_OK(vp_json_parse(BODY_OF_NULLS, strlen(BODY_OF_NULLS), &BODY, &document, &err), &err);
    EXPECT(!logical_field_given(document, "text"));
}

TEST(a_field_left_out_keeps_its_value)
{
    struct vp_error err = { 0 };
    struct target target = fresh();
    EXPECT_OK(update(&target, "{\"number\":7}", true, &err), &err);
    EXPECT_INT(7, target.number);
    EXPECT_TEXT("preset text", target.text);
    EXPECT_OK(logical_fields_update(FIELDS, NULL, true, &target, &err), &err);
    EXPECT_INT(7, target.number);
    logical_fields_clear(FIELDS, &target);
}

TEST(unknown_fields_are_refused_when_strict_and_ignored_when_not)
{
    struct vp_error err = { 0 };
    struct target target = fresh();
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, update(&target, "{\"numbr\":7}", true, &err), &err);
    EXPECT_CONTAINS("numbr", err.message);
    EXPECT_OK(update(&target, "{\"numbr\":7}", false, &err), &err);
    logical_fields_clear(FIELDS, &target);
}

TEST(each_type_takes_its_forms)
{
    static const struct {
        const char *json;
        size_t at;
        int64_t wanted;
    } NUMBERS[] = {
        { "{\"number\":1}", AT(number), 1 },
        { "{\"number\":100}", AT(number), 100 },
        { "{\"number\":\"42\"}", AT(number), 42 },
        { "{\"duration\":0}", AT(duration_s), 0 },
        { "{\"duration\":90}", AT(duration_s), 90 },
        { "{\"duration\":\"90\"}", AT(duration_s), 90 },
        { "{\"duration\":\"90s\"}", AT(duration_s), 90 },
        { "{\"duration\":\"10m\"}", AT(duration_s), 600 },
        { "{\"duration\":\"1h30m\"}", AT(duration_s), 5400 },
        { "{\"duration\":\"2d\"}", AT(duration_s), 172800 },
        { "{\"duration\":\"1d1h1m1s\"}", AT(duration_s), 90061 },
    };
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        struct vp_error err = { 0 };
        struct target target = fresh();
        EXPECT_OK(update(&target, NUMBERS[i].json, true, &err), &err);
        EXPECT(*(int64_t *)(void *)((char *)&target + NUMBERS[i].at) == NUMBERS[i].wanted);
        logical_fields_clear(FIELDS, &target);
    }
    static const struct {
        const char *json;
        bool wanted;
    } BOOLEANS[] = {
        { "{\"boolean\":true}", true },       { "{\"boolean\":false}", false }, { "{\"boolean\":\"true\"}", true },
        { "{\"boolean\":\"false\"}", false }, { "{\"boolean\":1}", true },      { "{\"boolean\":0}", false },
        { "{\"boolean\":\"1\"}", true },      { "{\"boolean\":\"0\"}", false },
    };
    for (size_t i = 0; i < sizeof BOOLEANS / sizeof BOOLEANS[0]; i++) {
        struct vp_error err = { 0 };
        struct target target = fresh();
        EXPECT_OK(update(&target, BOOLEANS[i].json, true, &err), &err);
        EXPECT_INT(BOOLEANS[i].wanted, target.boolean);
        logical_fields_clear(FIELDS, &target);
    }
}

TEST(other_forms_are_refused_and_the_field_is_named)
{
    static const struct {
        const char *field, *json;
    } ROWS[] = {
        { "text", "1" },
        { "text", "[\"a\"]" },
        { "text", "{}" },
        { "secret", "1" },
        { "boolean", "\"yes\"" },
        { "boolean", "2" },
        { "boolean", "\"\"" },
        { "number", "0" },
        { "number", "101" },
        { "number", "1.5" },
        { "number", "\"x\"" },
        { "number", "\"\"" },
        { "number", "\"1 \"" },
        { "number", "\"99999999999999999999\"" },
        { "number", "true" },
        { "duration", "-1" },
        { "duration", "\"-1\"" },
        { "duration", "\"\"" },
        { "duration", "\"m\"" },
        { "duration", "\"10x\"" },
        { "duration", "\"1h30\"" },
        { "duration", "\"1,5h\"" },
        { "duration", "1.5" },
        { "duration", "\"99999999999999999d\"" },
        { "duration", "\"10 m\"" },
        { "list", "1" },
        { "list", "[1]" },
        { "list", "[null]" },
        { "list", "{\"a\":1}" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        struct target target = fresh();
        struct vp_buf json = VP_BUF_INIT(200);
        vp_buf_add_format(&json, "{\"%s\":%s}", ROWS[i].field, ROWS[i].json);
        print_message("%s\n", vp_buf_text(&json));
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, update(&target, vp_buf_text(&json), true, &err), &err);
        EXPECT_CONTAINS(ROWS[i].field, err.message);
        vp_buf_clear(&json);
        logical_fields_clear(FIELDS, &target);
    }
}

TEST(lists_are_split_and_trimmed_and_may_be_emptied)
{
    struct vp_error err = { 0 };
    struct target target = fresh();
    EXPECT_OK(update(&target, "{\"list\":\" x ,, y,\\tz \"}", true, &err), &err);
    EXPECT_INT(3, target.list.n);
    EXPECT_TEXT("x", target.list.items[0]);
    EXPECT_TEXT("z", target.list.items[2]);
    EXPECT_OK(update(&target, "{\"list\":[\" a,b \",\"\",\"c\"]}", true, &err), &err);
    EXPECT_INT(2, target.list.n);
    EXPECT_TEXT("a,b", target.list.items[0]);
    EXPECT_OK(update(&target, "{\"list\":[]}", true, &err), &err);
    EXPECT_INT(0, target.list.n);
    logical_fields_clear(FIELDS, &target);
}

TEST(an_empty_secret_takes_it_away)
{
    struct vp_error err = { 0 };
    struct target target = fresh();
    EXPECT_OK(update(&target, "{\"secret\":\"geheim\"}", true, &err), &err);
    EXPECT_TEXT("geheim", vp_secret_reveal(target.secret));
    EXPECT_OK(update(&target, "{\"secret\":\"\"}", true, &err), &err);
    EXPECT_NULL(target.secret);
    logical_fields_clear(FIELDS, &target);
}

static char *written(void (*write)(const struct logical_field *fields, const void *target,
                                   struct vp_json_writer *writer),
                     const struct target *target)
{
    struct vp_buf buf = VP_BUF_INIT(4096);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &buf);
    vp_json_open_object(&writer);
    write(FIELDS, target, &writer);
    vp_json_close_object(&writer);
    return vp_buf_take(&buf);
}

TEST(a_read_shows_all_but_secrets)
{
    struct vp_error err = { 0 };
    struct target target = fresh();
    EXPECT_OK(update(&target, "{\"secret\":\"geheim\",\"list\":[]}", true, &err), &err);

    char *shown = written(logical_fields_show, &target);

    EXPECT_TEXT("{\"text\":\"preset text\",\"boolean\":true,\"number\":64,\"duration\":5400,\"list\":[]}", shown);
    free(shown);
    logical_fields_clear(FIELDS, &target);
}

TEST(a_record_holds_the_secret_and_reads_back_the_same)
{
    struct vp_error err = { 0 };
    struct target target = fresh();
    struct target again = { 0 };
    EXPECT_OK(update(&target, "{\"secret\":\"geheim\",\"text\":\"\\u00e9\\\"\"}", true, &err), &err);
    char *record = written(logical_fields_save, &target);
    EXPECT_CONTAINS("geheim", record);

    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    EXPECT_OK(vp_json_parse(record, strlen(record), &BODY, &document, &err), &err);
    EXPECT_OK(logical_fields_load(FIELDS, document, &again, &err), &err);

    char *second = written(logical_fields_save, &again);
    EXPECT_TEXT(record, second);
    free(record);
    free(second);
    logical_fields_clear(FIELDS, &target);
    logical_fields_clear(FIELDS, &again);
}

TEST(a_record_with_what_this_version_does_not_know_is_unreadable)
{
    static const char *const RECORDS[] = { "{\"bound_by_a_newer_one\":true}", "{\"number\":\"x\"}", "{\"number\":null}",
                                           "[]" };
    for (size_t i = 0; i < sizeof RECORDS / sizeof RECORDS[0]; i++) {
        struct vp_error err = { 0 };
        struct target target = { 0 };
        VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
        EXPECT_OK(vp_json_parse(RECORDS[i], strlen(RECORDS[i]), &BODY, &document, &err), &err);
        EXPECT_FAIL(VP_REASON_CONFIG_UNREADABLE, logical_fields_load(FIELDS, document, &target, &err), &err);
        logical_fields_clear(FIELDS, &target);
    }
}

TEST(a_field_is_given_when_it_has_a_value)
{
    struct vp_error err = { 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    EXPECT_OK(vp_json_parse("{\"a\":\"\",\"c\":null}", 17, &BODY, &document, &err), &err);
    EXPECT(logical_field_given(document, "a"));
    EXPECT(!logical_field_given(document, "c"));
    EXPECT(!logical_field_given(document, "b"));
    EXPECT(!logical_field_given(NULL, "a"));
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(presets_are_what_one_would_type),
        CASE(a_null_is_a_field_left_out),
        CASE(a_field_left_out_keeps_its_value),
        CASE(unknown_fields_are_refused_when_strict_and_ignored_when_not),
        CASE(each_type_takes_its_forms),
        CASE(other_forms_are_refused_and_the_field_is_named),
        CASE(lists_are_split_and_trimmed_and_may_be_emptied),
        CASE(an_empty_secret_takes_it_away),
        CASE(a_read_shows_all_but_secrets),
        CASE(a_record_holds_the_secret_and_reads_back_the_same),
        CASE(a_record_with_what_this_version_does_not_know_is_unreadable),
        CASE(a_field_is_given_when_it_has_a_value),
    };
    return cmocka_run_group_tests_name("logical_field", cases, NULL, NULL);
}
