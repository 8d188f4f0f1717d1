/* --dry-run: a plan in words. */
#include <stdio.h>

#include "vp/json.h"

#include "output.h"
#include "plan.h"

static const char *const KINDS[] = {
    [CLI_SINK_ENV] = "variable", [CLI_SINK_FILE] = "file", [CLI_SINK_ARGUMENT] = "argument"
};

static void add_ref(struct vp_buf *refs, const struct cli_ref *ref)
{
    vp_buf_add_format(refs, "%s%s%s%s%s", refs->len == 0 ? "" : ", ", ref->optional ? "?" : "", ref->path,
                      ref->field == NULL ? "" : "#", ref->field == NULL ? "" : ref->field);
}

static void put_row(struct vp_json_writer *writer, const char *kind, const char *name, const char *reads)
{
    vp_json_open_object(writer);
    vp_json_add_text(writer, "kind", kind);
    vp_json_add_text(writer, "name", name);
    vp_json_add_text(writer, "reads", reads);
    vp_json_close_object(writer);
}

static void put_sink(struct vp_json_writer *writer, const struct cli_sink *sink)
{
    struct vp_buf refs = VP_BUF_INIT(CLI_OUTPUT_MAX);
    char number[24];
    (void)snprintf(number, sizeof number, "%zu", sink->argument);
    for (size_t i = 0; i < sink->template.n; i++)
        if (sink->template.parts[i].text == NULL)
            add_ref(&refs, &sink->template.parts[i].ref);
    put_row(writer, KINDS[sink->kind], sink->name == NULL ? number : sink->name, vp_buf_text(&refs));
    vp_buf_clear(&refs);
}

enum vp_code cli_plan_show(const struct cli_plan *plan, struct vp_error *err)
{
    struct vp_buf json = VP_BUF_INIT(CLI_OUTPUT_MAX);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &json);
    vp_json_open_array(&writer);
    for (size_t i = 0; i < plan->n; i++)
        put_sink(&writer, &plan->sinks[i]);
    for (size_t i = 0; i < plan->n_from; i++) {
        struct vp_buf name = VP_BUF_INIT(CLI_OUTPUT_MAX);
        vp_buf_add_format(&name, "%s*", plan->from[i].prefix);
        put_row(&writer, KINDS[CLI_SINK_ENV], vp_buf_text(&name), plan->from[i].path);
        vp_buf_clear(&name);
    }
    vp_json_close_array(&writer);
    enum vp_code code = cli_output_show(&json, CLI_OUTPUT_TABLE, err);
    vp_buf_clear(&json);
    return code;
}
