/* login, whoami, renew, revoke. */
#include "cmd_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vp/json.h"

#include "commands.h"
#include "exit.h"
#include "files.h"
#include "output.h"

enum { HOME_PATH_MAX = 1024, TOKEN_LINE_MAX = 4096 };

/* ---- login ---- */

/* The home folder itself may be behind a symbolic link: an administrator made that. */
static enum vp_code home_file(char path[HOME_PATH_MAX], struct vp_error *err)
{
    const char *home = getenv("HOME");
    char *folder = vp_text_is_set(home) ? realpath(home, NULL) : NULL;
    int len = folder == NULL ? -1 : snprintf(path, HOME_PATH_MAX, "%s/.vault-token", folder);
    free(folder);
    if (len < 0 || len >= HOME_PATH_MAX)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "HOME is not set, or is no folder: --store=FILE says where to");
    return VP_OK;
}

static enum vp_code store(const char *file, const struct vp_secret *token, bool quiet, struct vp_error *err)
{
    char home[HOME_PATH_MAX];
    struct cli_files_place place;
    struct vp_buf line = VP_BUF_INIT(TOKEN_LINE_MAX);
    if (file == NULL) {
        VP_TRY(home_file(home, err));
        file = home;
    }
    VP_TRY(cli_files_place_open(file, &place, err));
    if (place.on_disk)
        cli_exit_warn(quiet, "%s is on a disk: a folder in memory, like /dev/shm, forgets it with the job", file);
    vp_buf_add_text(&line, vp_secret_reveal(token));
    enum vp_code code = vp_buf_check(&line, "the token", err);
    if (code == VP_OK)
        code = cli_files_write(&(struct cli_files_item){ &place, file, S_IRUSR | S_IWUSR, &line }, 1, err);
    vp_buf_clear(&line);
    cli_files_place_close(&place);
    return code;
}

static enum vp_code print_token(const struct vp_secret *token, struct vp_error *err)
{
    struct vp_buf line = VP_BUF_INIT(TOKEN_LINE_MAX);
    vp_buf_add_text(&line, vp_secret_reveal(token));
    vp_buf_add_text(&line, "\n");
    enum vp_code code = vp_buf_check(&line, "the token", err);
    if (code == VP_OK)
        code = cli_output_raw(&line, err);
    vp_buf_clear(&line);
    return code;
}

static enum vp_code log_in(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct cli_args *args = context;
    VP_TRY(cli_session_log_in(session, err));
    cli_session_end_progress(session);
    VP_TRY(args->has_store ? store(args->store, session->login.token, args->quiet, err)
                           : print_token(session->login.token, err));
    session->keep_token = true;
    return VP_OK;
}

COMMAND(cli_cmd_login)
{
    const struct cli_session_need how = { .args = args, .only_connect = true };
    (void)ret_status;
    return cli_session_run(command, &how, log_in, (void *)(uintptr_t)args, err);
}

/* ---- whoami ---- */

static void put_member(struct vp_json_writer *writer, const char *key, const struct vp_json *value)
{
    vp_json_put_key(writer, key);
    if (value == NULL)
        vp_json_put_null(writer);
    else
        vp_json_put_value(writer, value);
}

/* {"path": {"capabilities": [...]}} as rows. */
struct rows {
    struct vp_json_writer *writer;
    const char *suffix;
};

static enum vp_code put_row(void *context, const char *path, const struct vp_json *value, struct vp_error *err)
{
    struct rows *rows = context;
    const struct vp_json *capabilities = vp_json_get(value, "capabilities");
    struct vp_buf line = VP_BUF_INIT(HOME_PATH_MAX);
    (void)err;
    vp_buf_add_text(&line, path);
    vp_buf_add_format(&line, "%s:", rows->suffix);
    for (size_t i = 0; i < vp_json_len(capabilities); i++)
        if (vp_json_type(vp_json_at(capabilities, i)) == VP_JSON_TEXT)
            vp_buf_add_format(&line, " %s", vp_json_text(vp_json_at(capabilities, i)));
    vp_json_put_text(rows->writer, vp_buf_text(&line));
    vp_buf_clear(&line);
    return VP_OK;
}

/* What the vault's own web page asks to know what to show; not every server tells. */
static void put_paths(struct cli_session *session, struct vp_json_writer *writer)
{
    static const struct vault_request REQUEST = { .path = "sys/internal/ui/resultant-acl" };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_error unread;
    struct rows rows = { .writer = writer, .suffix = "" };
    vp_json_put_key(writer, "paths");
    if (vault_ask(session->vault, &REQUEST, &document, &unread) != VP_OK) {
        vp_json_put_null(writer);
        return;
    }
    const struct vp_json *data = vp_json_get(document, "data");
    vp_json_open_array(writer);
    if (vp_json_type(vp_json_get(data, "exact_paths")) == VP_JSON_OBJECT)
        (void)!vp_json_each(vp_json_get(data, "exact_paths"), put_row, &rows, &unread);
    rows.suffix = "*";
    if (vp_json_type(vp_json_get(data, "glob_paths")) == VP_JSON_OBJECT)
        (void)!vp_json_each(vp_json_get(data, "glob_paths"), put_row, &rows, &unread);
    vp_json_close_array(writer);
}

enum vp_code cli_cmd_token_add_whoami(struct cli_session *session, struct vp_json_writer *writer, struct vp_error *err)
{
    static const char *const KEYS[] = { "display_name", "policies", "ttl",  "expire_time", "renewable",
                                        "type",         "num_uses", "path", "meta",        "entity_id" };
    static const struct vault_request REQUEST = { .path = "auth/token/lookup-self" };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_TRY(vault_ask(session->vault, &REQUEST, &document, err));
    const struct vp_json *data = vp_json_get(document, "data");
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
        put_member(writer, KEYS[i], vp_json_get(data, KEYS[i]));
    put_member(writer, "identity_policies", vp_json_get(data, "identity_policies"));
    put_paths(session, writer);
    return VP_OK;
}

static enum vp_code whoami(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct cli_args *args = context;
    struct vp_buf json = VP_BUF_INIT(CLI_OUTPUT_MAX);
    struct vp_json_writer writer;
    enum cli_output_format format;
    VP_TRY(cli_output_format_parse(args->format, &format, err));
    vp_json_begin(&writer, &json);
    vp_json_open_object(&writer);
    enum vp_code code = cli_cmd_token_add_whoami(session, &writer, err);
    vp_json_close_object(&writer);
    cli_session_end_progress(session);
    if (code == VP_OK)
        code = cli_output_show(&json, format, err);
    vp_buf_clear(&json);
    return code;
}

COMMAND(cli_cmd_whoami)
{
    struct cli_args all = *args;
    const struct cli_session_need how = { .args = &all };
    all.verbose = true; /* the grants that do not count here are part of the answer */
    (void)ret_status;
    return cli_session_run(command, &how, whoami, (void *)(uintptr_t)args, err);
}

/* ---- renew, revoke ---- */

/* A login would make a token only to renew or revoke it. */
static enum vp_code use_given_token(struct cli_session *session, struct vp_error *err)
{
    if (session->settings->vault_token == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "there is no Vault token: set BAO_TOKEN, or give it with --token-file (- for standard input)");
    return cli_session_authorise(session, err);
}

static enum vp_code renew(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct cli_args *args = context;
    struct vp_buf line = VP_BUF_INIT(64);
    int64_t increment_s = 0;
    int64_t ttl_s = 0;
    if (args->increment != NULL && !cli_settings_duration(args->increment, &increment_s))
        return vp_fail(err, VP_REASON_USAGE, "--increment is a number of seconds, or like 90s, 15m, 1h");
    VP_TRY(use_given_token(session, err));
    VP_TRY(vault_renew_self(session->vault, increment_s, &ttl_s, err));
    vp_buf_add_format(&line, "%lld\n", (long long)ttl_s);
    enum vp_code code = cli_output_raw(&line, err);
    vp_buf_clear(&line);
    return code;
}

COMMAND(cli_cmd_renew)
{
    const struct cli_session_need how = { .args = args, .only_connect = true };
    (void)ret_status;
    return cli_session_run(command, &how, renew, (void *)(uintptr_t)args, err);
}

/* What login --store left there would stand in the way of the next login. */
static void remove_stored(const struct vp_secret *token)
{
    char path[HOME_PATH_MAX];
    struct vp_error unread;
    VP_AUTO(vp_secret_freep) struct vp_secret *stored = NULL;
    if (home_file(path, &unread) == VP_OK && access(path, R_OK) == 0 &&
        cli_files_read_secret(path, "the token file", &stored, &unread) == VP_OK && vp_secret_equal(stored, token))
        (void)unlink(path);
}

static enum vp_code revoke_given(struct cli_session *session, void *context, struct vp_error *err)
{
    (void)context;
    VP_TRY(use_given_token(session, err));
    VP_TRY(vault_revoke_self(session->vault, err));
    remove_stored(session->settings->vault_token);
    return VP_OK;
}

COMMAND(cli_cmd_revoke)
{
    const struct cli_session_need how = { .args = args, .only_connect = true };
    (void)ret_status;
    return cli_session_run(command, &how, revoke_given, NULL, err);
}
