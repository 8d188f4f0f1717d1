/* Whatever the validator lets through, json-c reads the same, and the writer's escapes read back. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "vp/json.h"

static const struct vp_json_source SOURCE = { "fuzz", VP_REASON_BAD_REQUEST, 65536, 16, 4096, 0, true };

static void check_text(const char *text)
{
    struct vp_buf out = VP_BUF_INIT(1024 * 1024);
    struct vp_json_writer writer;
    struct vp_json *again = NULL;
    vp_json_begin(&writer, &out);
    vp_json_put_text(&writer, text);
    assert(vp_json_parse(vp_buf_text(&out), out.len,
                         &(struct vp_json_source){ "fuzz", VP_REASON_BAD_REQUEST, 1024 * 1024, 1, 1, 0, 0 }, &again,
                         NULL) == VP_OK);
    assert(strcmp(vp_json_text(again), text) == 0);
    vp_json_free(again);
    vp_buf_clear(&out);
}

static void walk(const struct vp_json *value)
{
    if (vp_json_type(value) == VP_JSON_TEXT)
        check_text(vp_json_text(value));
    for (size_t i = 0; vp_json_type(value) == VP_JSON_ARRAY && i < vp_json_len(value); i++)
        walk(vp_json_at(value, i));
}

static enum vp_code visit(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    (void)context;
    (void)err;
    check_text(key);
    walk(value);
    return VP_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vp_json *document = NULL;
    struct vp_error err = { 0 };
    if (vp_json_parse((const char *)data, size, &SOURCE, &document, &err) != VP_OK) {
        assert(err.reason == VP_REASON_BAD_REQUEST);
        return 0;
    }
    walk(document);
    assert(vp_json_each(document, visit, NULL, &err) == VP_OK);
    vp_json_free(document);
    return 0;
}
