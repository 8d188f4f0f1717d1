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

enum { SECRET_MAX = 4 * 1024 * 1024, VERSION_DIGITS = 18 };

/* ---- get ---- */

static enum vp_code get_and_print(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct cli_ref *ref = context;
    struct vp_buf content = VP_BUF_INIT(SECRET_MAX + 1);
    bool absent = false;
    enum vp_code code = cli_fetch_ref(session, ref, &content, &absent, err);
    cli_session_end_progress(session);
    if (ref->field == NULL)
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
    struct cli_ref ref;
    VP_TRY(cli_ref_parse(args->rest[0], strlen(args->rest[0]), &ref, err));
    enum vp_code code = whole && ref.field != NULL
                            ? vp_fail(err, VP_REASON_USAGE, "get-all wants a path without #FIELD")
                            : cli_session_run(command, &how, get_and_print, &ref, err);
    cli_ref_clear(&ref);
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
