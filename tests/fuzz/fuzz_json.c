/* JSON documents. json-c parses every accepted document to the same value, and the writer's escapes
 * can be read back. */
#include <assert.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdint.h>
#include <string.h>

#include "vp/json.h"

enum { DEPTH_MAX = 16, UNIQUE_DEPTH = 3 };

/* What is compared with json-c accepts all that any source of the programs does. */
static const struct vp_json_source STRICT = { "fuzz", VP_REASON_BAD_REQUEST, 65536, DEPTH_MAX, 4096,
                                              0,      VP_JSON_TELLS_KEYS };
static const struct vp_json_source LENIENT = { "fuzz",       VP_REASON_BAD_REQUEST, 65536, DEPTH_MAX, 4096,
                                               UNIQUE_DEPTH, VP_JSON_ANY_NUMBER };

/* ---- json-c's parser ---- */

/* Not in its strict mode, since only what our parser has accepted is compared, and in that mode json-c 0.18 refuses valid
 * documents that 0.16 accepts: strings with characters beyond ASCII ("invalid utf-8 string"), and whole numbers beyond 64 bits
 * ("number expected"). Without it both read them the same. */
static bool parse_by_json_c(const char *text, size_t len, struct json_object **ret_object)
{
    /* The innermost value counts as a level as well. */
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX + 2);
    assert(tokener != NULL);
    *ret_object = json_tokener_parse_ex(tokener, text, (int)len);
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        /* A number at the top level ends only at the next character. */
        *ret_object = json_tokener_parse_ex(tokener, "", 1);
    }
    bool accepted = json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    return accepted;
}

static void expect_same(const struct vp_json *ours, struct json_object *theirs);

struct members {
    struct json_object_iterator next, end;
};

static enum vp_code expect_same_member(void *context, const char *key, const struct vp_json *value,
                                       struct vp_error *err)
{
    struct members *theirs = context;
    (void)err;
    assert(!json_object_iter_equal(&theirs->next, &theirs->end));
    assert(strcmp(key, json_object_iter_peek_name(&theirs->next)) == 0);
    expect_same(value, json_object_iter_peek_value(&theirs->next));
    json_object_iter_next(&theirs->next);
    return VP_OK;
}

static void expect_same(const struct vp_json *ours, struct json_object *theirs) // NOLINT(misc-no-recursion)
{
    switch (json_object_get_type(theirs)) {
    case json_type_null:
        assert(vp_json_type(ours) == VP_JSON_NULL);
        break;
    case json_type_boolean:
        assert(vp_json_type(ours) == VP_JSON_BOOL && vp_json_bool(ours) == (json_object_get_boolean(theirs) != 0));
        break;
    case json_type_int:
        assert(vp_json_type(ours) == VP_JSON_INT && vp_json_int(ours) == json_object_get_int64(theirs));
        break;
    case json_type_double: /* json-c keeps the text */
        assert(vp_json_type(ours) == VP_JSON_NUMBER);
        assert(strcmp(vp_json_number(ours), json_object_get_userdata(theirs)) == 0);
        break;
    case json_type_string:
        assert(vp_json_type(ours) == VP_JSON_TEXT);
        assert(strlen(vp_json_text(ours)) == (size_t)json_object_get_string_len(theirs));
        assert(strcmp(vp_json_text(ours), json_object_get_string(theirs)) == 0);
        break;
    case json_type_array:
        assert(vp_json_type(ours) == VP_JSON_ARRAY && vp_json_len(ours) == json_object_array_length(theirs));
        for (size_t i = 0; i < vp_json_len(ours); i++)
            expect_same(vp_json_at(ours, i), json_object_array_get_idx(theirs, i));
        break;
    case json_type_object: {
        assert(vp_json_type(ours) == VP_JSON_OBJECT);
        struct members members = { json_object_iter_begin(theirs), json_object_iter_end(theirs) };
        assert(vp_json_each(ours, expect_same_member, &members, &(struct vp_error){ 0 }) == VP_OK);
        assert(json_object_iter_equal(&members.next, &members.end));
        break;
    }
    }
}

/* ---- the writer ---- */

static void expect_read_back(const char *text)
{
    struct vp_buf out = VP_BUF_INIT(1024 * 1024);
    struct vp_json_writer writer;
    struct vp_json *again = NULL;
    vp_json_begin(&writer, &out);
    vp_json_put_text(&writer, text);
    assert(vp_json_parse(vp_buf_text(&out), out.len,
                         &(struct vp_json_source){ "fuzz", VP_REASON_BAD_REQUEST, 1024 * 1024, 1, 1, 0, 0 }, &again,
                         &(struct vp_error){ 0 }) == VP_OK);
    assert(strcmp(vp_json_text(again), text) == 0);
    vp_json_free(again);
    vp_buf_clear(&out);
}

static void walk(const struct vp_json *value);

static enum vp_code walk_member(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    (void)context;
    (void)err;
    expect_read_back(key);
    walk(value);
    return VP_OK;
}

static void walk(const struct vp_json *value) // NOLINT(misc-no-recursion)
{
    if (vp_json_type(value) == VP_JSON_TEXT)
        expect_read_back(vp_json_text(value));
    for (size_t i = 0; vp_json_type(value) == VP_JSON_ARRAY && i < vp_json_len(value); i++)
        walk(vp_json_at(value, i));
    assert(vp_json_each(value, walk_member, NULL, &(struct vp_error){ 0 }) == VP_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct vp_json *document = NULL, *strict = NULL;
    struct vp_error err = { 0 }, strict_err = { 0 };
    enum vp_code code = vp_json_parse(text, size, &LENIENT, &document, &err);
    enum vp_code strict_code = vp_json_parse(text, size, &STRICT, &strict, &strict_err);
    vp_json_free(strict);
    if (code != VP_OK) {
        assert(err.reason == VP_REASON_BAD_REQUEST && document == NULL && strict_code != VP_OK);
        return 0;
    }
    struct json_object *theirs = NULL;
    assert(parse_by_json_c(text, size, &theirs));
    expect_same(document, theirs);
    json_object_put(theirs);
    walk(document);
    vp_json_free(document);
    return 0;
}
