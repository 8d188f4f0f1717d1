/* secret-mounts: what a hook of crunch-run would run (docs/explanation/crunch-run-hook.md): JSON in, JSON out. */
#include <string.h>

#include "vp/json.h"

#include "commands.h"
#include "fetch.h"
#include "input.h"
#include "output.h"

static const char MARK[] = "vault:"; /* what content begins with that is a reference */

struct mounts {
    struct cli_session *session;
    struct vp_json *given;
    struct vp_json_writer writer;
    struct vp_buf json;
};

static bool is_marked(const struct vp_json *value)
{
    return vp_json_type(value) == VP_JSON_TEXT && strncmp(vp_json_text(value), MARK, strlen(MARK)) == 0;
}

static enum vp_code put_secret(struct mounts *job, const char *text, struct vp_error *err)
{
    struct vp_buf content = VP_BUF_INIT(CLI_OUTPUT_MAX);
    struct cli_ref ref;
    bool absent = false;
    VP_TRY(cli_ref_parse(text + strlen(MARK), strlen(text) - strlen(MARK), &ref, err));
    enum vp_code code = cli_fetch_ref(job->session, &ref, false, &content, &absent, err);
    if (code == VP_OK)
        vp_json_put_text(&job->writer, vp_buf_text(&content));
    vp_buf_clear(&content);
    cli_ref_clear(&ref);
    return code;
}

static enum vp_code put_value(struct mounts *job, const struct vp_json *value, struct vp_error *err)
{
    if (is_marked(value))
        return put_secret(job, vp_json_text(value), err);
    vp_json_put_value(&job->writer, value);
    return VP_OK;
}

static enum vp_code put_variable(void *context, const char *name, const struct vp_json *value, struct vp_error *err)
{
    struct mounts *job = context;
    vp_json_put_key(&job->writer, name);
    return put_value(job, value, err);
}

/* Of a text mount the content; all else stays. */
static enum vp_code put_member(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct mounts *job = context;
    vp_json_put_key(&job->writer, key);
    if (strcmp(key, "content") == 0)
        return put_value(job, value, err);
    vp_json_put_value(&job->writer, value);
    return VP_OK;
}

static enum vp_code put_mount(void *context, const char *path, const struct vp_json *value, struct vp_error *err)
{
    struct mounts *job = context;
    vp_json_put_key(&job->writer, path);
    if (vp_json_type(value) != VP_JSON_OBJECT)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the secret mount %.200s is no object", path);
    vp_json_open_object(&job->writer);
    VP_TRY(vp_json_each(value, put_member, job, err));
    vp_json_close_object(&job->writer);
    return VP_OK;
}

static enum vp_code put_section(struct mounts *job, const char *key, vp_json_visit visit, struct vp_error *err)
{
    const struct vp_json *section = vp_json_get(job->given, key);
    vp_json_put_key(&job->writer, key);
    vp_json_open_object(&job->writer);
    if (vp_json_type(section) == VP_JSON_OBJECT)
        VP_TRY(vp_json_each(section, visit, job, err));
    else if (vp_json_type(section) != VP_JSON_NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%s is no object", key);
    vp_json_close_object(&job->writer);
    return VP_OK;
}

/* A key with a mistake in it would be left out, and its secrets with it. */
static enum vp_code check_key(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    static const char *const KEYS[] = { "container_uuid", "secret_mounts", "environment" };
    (void)context;
    (void)value;
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
        if (strcmp(KEYS[i], key) == 0)
            return VP_OK;
    return vp_fail(err, VP_REASON_LOCAL_CONFIG, "key \"%.60s\": must be container_uuid, secret_mounts or environment",
                   key);
}

static enum vp_code fill(struct cli_session *session, void *context, struct vp_error *err)
{
    struct mounts *job = context;
    job->session = session;
    vp_json_begin(&job->writer, &job->json);
    vp_json_open_object(&job->writer);
    VP_TRY(put_section(job, "secret_mounts", put_mount, err));
    VP_TRY(put_section(job, "environment", put_variable, err));
    vp_json_close_object(&job->writer);
    cli_session_end_progress(session);
    return cli_output_show(&job->json, CLI_OUTPUT_JSON, err);
}

COMMAND(cli_cmd_secret_mounts)
{
    VP_AUTO(vp_json_freep) struct vp_json *given = NULL;
    struct mounts job = { .json = VP_BUF_INIT(CLI_OUTPUT_MAX) };
    const struct cli_session_need how = { .args = args };
    (void)ret_status;
    VP_TRY(cli_input_object(&given, err));
    VP_TRY(vp_json_each(given, check_key, NULL, err));
    job.given = given;
    enum vp_code code = cli_session_run(command, &how, fill, &job, err);
    vp_buf_clear(&job.json);
    return code;
}
