#include "input.h"

#include "files.h"

enum { SECRET_MAX = 4 * 1024 * 1024 };

static const struct vp_json_source GIVEN = {
    .what = "the secret on standard input",
    .reason = VP_REASON_LOCAL_CONFIG,
    .max_bytes = SECRET_MAX,
    .max_depth = 32,
    .max_tokens = 100000,
    .options = VP_JSON_TELLS_KEYS | VP_JSON_PASSES_ON,
};

enum vp_code cli_input_object(struct vp_json **ret_object, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(SECRET_MAX);
    enum vp_code code = cli_files_read("-", GIVEN.what, &text, err);
    if (code == VP_OK)
        code = vp_json_parse(vp_buf_text(&text), text.len, &GIVEN, ret_object, err);
    vp_buf_clear(&text);
    if (code == VP_OK && vp_json_type(*ret_object) != VP_JSON_OBJECT) {
        vp_json_freep(ret_object);
        *ret_object = NULL;
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%s is no JSON object", GIVEN.what);
    }
    return code;
}
