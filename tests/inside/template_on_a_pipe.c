/* The client's templates behind a pipe, for tests that ask real readers of the formats what came of a value:
 * each line in is {"template": "...", "kind": "yaml", "value": "..."}, each line out the JSON text of the result, or null
 * for a template or a value that was refused. Every reference gets the same value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vp/json.h"

#include "template.h"

enum { TEXT_MAX = 1024 * 1024 };

static const struct vp_json_source LINE = {
    .what = "a line", .reason = VP_REASON_INTERNAL, .max_bytes = TEXT_MAX, .max_depth = 3, .max_tokens = 20
};

static bool render(const struct vp_json *line, struct vp_buf *result)
{
    const char *text = vp_json_text(vp_json_get(line, "template"));
    const char *value = vp_json_text(vp_json_get(line, "value"));
    enum cli_template_kind kind;
    struct cli_template template;
    bool good = cli_template_kind_parse(vp_json_text(vp_json_get(line, "kind")), NULL, NULL, &kind,
                                        &(struct vp_error){ 0 }) == VP_OK &&
                cli_template_parse(text, strlen(text), kind, &template, &(struct vp_error){ 0 }) == VP_OK;
    if (!good)
        return false;
    for (size_t i = 0; good && i < template.n; i++)
        if (template.parts[i].text != NULL)
            vp_buf_add(result, template.parts[i].text, template.parts[i].len);
        else
            good = cli_template_add_value(result, &template.parts[i], value, &(struct vp_error){ 0 }) == VP_OK;
    cli_template_clear(&template);
    return good && !result->failed;
}

static void answer(const char *text, size_t len)
{
    struct vp_json *line = NULL;
    struct vp_buf result = VP_BUF_INIT(TEXT_MAX);
    struct vp_buf json = VP_BUF_INIT(TEXT_MAX * 6);
    struct vp_json_writer writer;
    if (vp_json_parse(text, len, &LINE, &line, &(struct vp_error){ 0 }) != VP_OK)
        abort();
    vp_json_begin(&writer, &json);
    if (render(line, &result))
        vp_json_put_text(&writer, vp_buf_text(&result));
    else
        vp_json_put_null(&writer);
    (void)printf("%s\n", vp_buf_text(&json));
    (void)fflush(stdout);
    vp_buf_clear(&result);
    vp_buf_clear(&json);
    vp_json_free(line);
}

int main(void)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t len;
    while ((len = getline(&text, &size, stdin)) > 0)
        answer(text, (size_t)len - 1);
    free(text);
    return 0;
}
