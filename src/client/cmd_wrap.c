/* wrap, unwrap. */
#include <stdio.h>
#include <string.h>

#include "vp/json.h"

#include "commands.h"
#include "exit.h"
#include "files.h"
#include "input.h"
#include "output.h"

enum { TTL_DEFAULT_S = 300, WRAPPED_MAX = 4 * 1024 * 1024 };

struct wrap {
    const struct cli_args *args;
    const char *path; /* NULL: what stands in `data` */
    struct vp_json *data;
    char ttl[32];
};

static enum vp_code show_wrapping(const struct vault_wrapping *wrapping, bool as_json, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(8192);
    struct vp_json_writer writer;
    if (as_json) {
        vp_json_begin(&writer, &text);
        vp_json_open_object(&writer);
        vp_json_add_text(&writer, "token", vp_secret_reveal(wrapping->token));
        vp_json_add_text(&writer, "creation_path", wrapping->creation_path);
        vp_json_add_int(&writer, "ttl", wrapping->ttl_s);
        vp_json_close_object(&writer);
    } else {
        vp_buf_add_text(&text, vp_secret_reveal(wrapping->token));
        (void)fprintf(stderr, "arv-vault: made at %s; can be opened once, within %lld s\n", wrapping->creation_path,
                      (long long)wrapping->ttl_s);
    }
    vp_buf_add_text(&text, "\n");
    enum vp_code code = vp_buf_check(&text, "the wrapping", err);
    if (code == VP_OK)
        code = cli_output_raw(&text, err);
    vp_buf_clear(&text);
    return code;
}

/* An account that is opened later must not have ended with the token that it was made with. */
static void keep_token(struct cli_session *session)
{
    if (session->logged_in)
        cli_exit_warn(session->settings->quiet,
                      "what is wrapped may end with the Vault token that it was read with, which is therefore not "
                      "revoked "
                      "and lives on for %lld s",
                      (long long)session->login.ttl_s);
    session->keep_token = true;
}

static enum vp_code wrap(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct wrap *job = context;
    struct vault_wrapping wrapping = { 0 };
    enum cli_output_format format;
    VP_TRY(cli_output_format_parse(job->args->format, &format, err));
    VP_TRY(vault_wrap(session->vault, job->path, job->data, job->ttl, &wrapping, err));
    cli_session_end_progress(session);
    enum vp_code code = show_wrapping(&wrapping, format == CLI_OUTPUT_JSON, err);
    if (code == VP_OK && wrapping.may_have_lease)
        keep_token(session);
    vault_wrapping_clear(&wrapping);
    return code;
}

COMMAND(cli_cmd_wrap)
{
    VP_AUTO(vp_json_freep) struct vp_json *data = NULL;
    struct wrap job = { .args = args, .path = args->n_rest == 0 ? NULL : args->rest[0] };
    const struct cli_session_need how = { .args = args };
    int64_t ttl_s = TTL_DEFAULT_S;
    (void)ret_status;
    if (args->ttl != NULL && !cli_settings_duration(args->ttl, &ttl_s))
        return vp_fail(err, VP_REASON_USAGE, "--ttl is a number of seconds, or like 90s, 15m, 1h");
    (void)snprintf(job.ttl, sizeof job.ttl, "%llds", (long long)ttl_s);
    if (job.path == NULL)
        VP_TRY(cli_input_object(&data, err));
    job.data = data;
    return cli_session_run(command, &how, wrap, &job, err);
}

struct unwrap {
    const char *creation_path;
    struct vp_secret *token;
};

static enum vp_code unwrap(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct unwrap *job = context;
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf text = VP_BUF_INIT(WRAPPED_MAX);
    struct vp_json_writer writer;
    VP_TRY(vault_unwrap(session->vault, job->token, job->creation_path, &document, err));
    /* A wrapped login has its content in `auth`. */
    const struct vp_json *data = vp_json_get(document, "data");
    if (vp_json_type(data) != VP_JSON_OBJECT)
        data = vp_json_get(document, "auth");
    /* KV v2 has the secret one level deeper; what somebody sent is as he sent it. */
    const struct vp_json *inner = vp_json_get(data, "data");
    if (strcmp(job->creation_path, VAULT_WRAP_PATH) != 0 && vp_json_type(inner) == VP_JSON_OBJECT &&
        vp_json_type(vp_json_get(data, "metadata")) == VP_JSON_OBJECT)
        data = inner;
    if (data == NULL)
        return vp_fail(err, VP_REASON_UPSTREAM_BAD_ANSWER, "the wrapping is empty");
    vp_json_begin(&writer, &text);
    vp_json_put_value(&writer, data);
    vp_buf_add_text(&text, "\n");
    enum vp_code code = vp_buf_check(&text, "what was wrapped", err);
    if (code == VP_OK)
        code = cli_output_raw(&text, err);
    vp_buf_clear(&text);
    return code;
}

COMMAND(cli_cmd_unwrap)
{
    struct unwrap job = { .creation_path = args->creation_path };
    const struct cli_session_need how = { .args = args, .only_connect = true };
    (void)ret_status;
    if (job.creation_path == NULL)
        return vp_fail(err, VP_REASON_USAGE,
                       "--creation-path is missing: say where the wrapping must have been made (arv-vault wrap told "
                       "it), "
                       "so that an exchanged one is noticed");
    VP_TRY(cli_files_read_secret("-", "the wrapping token on standard input", &job.token, err));
    enum vp_code code = cli_session_run(command, &how, unwrap, &job, err);
    vp_secret_free(job.token);
    return code;
}
