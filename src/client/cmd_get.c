/* get, get-all, put-all. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vp/json.h"

#include "commands.h"
#include "exit.h"
#include "fetch.h"
#include "files.h"
#include "input.h"
#include "output.h"
#include "yaml.h"

enum { SECRET_MAX = 4 * 1024 * 1024, VERSION_DIGITS = 18 };

/* ---- get ---- */

enum get_format { AS_IT_IS, AS_JSON, AS_YAML };

struct get {
    struct cli_ref ref;
    enum get_format format;
};

static enum vp_code parse_get_format(const char *text, enum get_format *ret_format, struct vp_error *err)
{
    static const char *const NAMES[] = { [AS_IT_IS] = "raw", [AS_JSON] = "json", [AS_YAML] = "yaml" };
    *ret_format = AS_IT_IS;
    for (int i = 0; text != NULL && i < (int)(sizeof NAMES / sizeof NAMES[0]); i++)
        if (strcmp(NAMES[i], text) == 0) {
            *ret_format = (enum get_format)i;
            return VP_OK;
        }
    return text == NULL ? VP_OK : vp_fail(err, VP_REASON_USAGE, "--format: must be raw, json or yaml");
}

static const struct vp_json_source OWN = {
    .what = "the secret",
    .reason = VP_REASON_INTERNAL,
    .max_bytes = SECRET_MAX,
    .max_depth = 64,
    .max_tokens = 200000,
    .options = VP_JSON_PASSES_ON,
};

/* Strings in double quotes; of all else JSON is YAML as well. */
static void add_yaml(struct vp_buf *text, const struct vp_json *value)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, text);
    if (vp_json_type(value) != VP_JSON_TEXT) {
        vp_json_put_value(&writer, value);
        return;
    }
    vp_buf_add_text(text, "\"");
    cli_yaml_add_double(text, vp_json_text(value));
    vp_buf_add_text(text, "\"");
}

static enum vp_code add_yaml_line(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct vp_buf *text = context;
    (void)err;
    vp_buf_add_text(text, "\"");
    cli_yaml_add_double(text, key);
    vp_buf_add_text(text, "\": ");
    add_yaml(text, value);
    vp_buf_add_text(text, "\n");
    return VP_OK;
}

static enum vp_code to_yaml(struct vp_buf *content, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *value = NULL;
    VP_TRY(vp_buf_check(content, "the secret", err));
    VP_TRY(vp_json_parse(vp_buf_text(content), content->len, &OWN, &value, err));
    vp_buf_clear(content);
    if (vp_json_type(value) == VP_JSON_OBJECT && vp_json_len(value) > 0)
        return vp_json_each(value, add_yaml_line, content, err);
    add_yaml(content, value);
    vp_buf_add_text(content, "\n");
    return VP_OK;
}

static enum vp_code get_and_print(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct get *job = context;
    struct vp_buf content = VP_BUF_INIT(SECRET_MAX + 1);
    bool absent = false;
    enum vp_code code = cli_fetch_ref(session, &job->ref, job->format != AS_IT_IS, &content, &absent, err);
    cli_session_end_progress(session);
    if (code == VP_OK && job->format == AS_YAML && !absent)
        code = to_yaml(&content, err);
    else if (job->ref.field == NULL || (job->format == AS_JSON && !absent))
        vp_buf_add_text(&content, "\n");
    if (code == VP_OK)
        code = cli_output_raw(&content, err);
    vp_buf_clear(&content);
    return code;
}

static enum vp_code get_ref(const struct cli_command *command, const struct cli_args *args, bool whole,
                            struct vp_error *err)
{
    const struct cli_session_need how = { .args = args };
    struct get job;
    VP_TRY(parse_get_format(args->format, &job.format, err));
    VP_TRY(cli_ref_parse(args->rest[0], strlen(args->rest[0]), &job.ref, err));
    enum vp_code code = whole && job.ref.field != NULL
                            ? vp_fail(err, VP_REASON_USAGE, "get-all wants a path without #FIELD")
                            : cli_session_run(command, &how, get_and_print, &job, err);
    cli_ref_clear(&job.ref);
    return code;
}

COMMAND(cli_cmd_get)
{
    (void)ret_status;
    return get_ref(command, args, false, err);
}

COMMAND(cli_cmd_get_all)
{
    (void)ret_status;
    return get_ref(command, args, true, err);
}

/* ---- put-all ---- */

struct put {
    const char *path;
    struct vp_json *data;
    int64_t version; /* to be replaced */
};

static enum vp_code put(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct put *put = context;
    struct vp_buf line = VP_BUF_INIT(64);
    int64_t version = 0;
    VP_TRY(vault_write_all(session->vault, put->path, put->data, put->version, &version, err));
    cli_session_end_progress(session);
    if (version > 0)
        vp_buf_add_format(&line, "%lld\n", (long long)version);
    enum vp_code code = cli_output_raw(&line, err);
    vp_buf_clear(&line);
    return code;
}

static enum vp_code version_to_replace(const struct cli_args *args, int64_t *ret_version, struct vp_error *err)
{
    *ret_version = args->force ? VAULT_ANY_VERSION : VAULT_CURRENT_VERSION;
    if (args->cas == NULL)
        return VP_OK;
    size_t n_digits = strspn(args->cas, "0123456789");
    if (args->force || n_digits == 0 || n_digits > VERSION_DIGITS || args->cas[n_digits] != '\0')
        return vp_fail(err, VP_REASON_USAGE, "--cas wants a version number, and not --force beside it");
    *ret_version = strtoll(args->cas, NULL, 10);
    return VP_OK;
}

COMMAND(cli_cmd_put_all)
{
    VP_AUTO(vp_json_freep) struct vp_json *data = NULL;
    struct put job = { .path = args->rest[0] };
    const struct cli_session_need how = { .args = args };
    (void)ret_status;
    VP_TRY(vault_check_path(job.path, err));
    VP_TRY(version_to_replace(args, &job.version, err));
    VP_TRY(cli_input_object(&data, err));
    job.data = data;
    return cli_session_run(command, &how, put, &job, err);
}
