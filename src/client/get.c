/* get, get-all, put-all. */
#include "get.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vp/json.h"

#include "commands.h"
#include "exit.h"
#include "fetch.h"
#include "files.h"
#include "output.h"

enum { SECRET_MAX = 4 * 1024 * 1024, VERSION_DIGITS = 18 };

/* ---- get ---- */

static enum vp_code get_and_print(struct session *session, void *context, struct vp_error *err)
{
    const struct ref *ref = context;
    struct vp_buf content = VP_BUF_INIT(SECRET_MAX + 1);
    bool absent = false;
    enum vp_code code = fetch_ref(session, ref, &content, &absent, err);
    session_end_progress(session);
    if (ref->field == NULL)
        vp_buf_add_text(&content, "\n");
    if (code == VP_OK)
        code = output_raw(&content, err);
    vp_buf_clear(&content);
    return code;
}

static enum vp_code get_ref(const struct command *command, const struct args *args, bool whole, struct vp_error *err)
{
    const struct command_session how = { .args = args };
    struct ref ref;
    VP_TRY(ref_parse(args->rest[0], strlen(args->rest[0]), &ref, err));
    enum vp_code code = whole && ref.field != NULL
                            ? vp_fail(err, VP_REASON_USAGE, "get-all wants a path without #FIELD")
                            : command_with_session(command, &how, get_and_print, &ref, err);
    ref_clear(&ref);
    return code;
}

COMMAND(command_get)
{
    (void)ret_status;
    return get_ref(command, args, false, err);
}

COMMAND(command_get_all)
{
    (void)ret_status;
    return get_ref(command, args, true, err);
}

/* ---- put-all ---- */

static const struct vp_json_source GIVEN = {
    .what = "the secret on standard input",
    .reason = VP_REASON_LOCAL_CONFIG,
    .max_bytes = SECRET_MAX,
    .max_depth = 32,
    .max_tokens = 100000,
    .options = VP_JSON_TELLS_KEYS,
};

struct put {
    const char *path;
    struct vp_json *data;
    int64_t version; /* to be replaced */
};

static enum vp_code put(struct session *session, void *context, struct vp_error *err)
{
    const struct put *put = context;
    struct vp_buf line = VP_BUF_INIT(64);
    int64_t version = 0;
    VP_TRY(vault_write_all(session->vault, put->path, put->data, put->version, &version, err));
    session_end_progress(session);
    if (version > 0)
        vp_buf_add_format(&line, "%lld\n", (long long)version);
    enum vp_code code = output_raw(&line, err);
    vp_buf_clear(&line);
    return code;
}

static enum vp_code version_to_replace(const struct args *args, int64_t *ret_version, struct vp_error *err)
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

enum vp_code get_read_object(struct vp_json **ret_object, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(SECRET_MAX);
    enum vp_code code = files_read("-", GIVEN.what, &text, err);
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

COMMAND(command_put_all)
{
    VP_AUTO(vp_json_freep) struct vp_json *data = NULL;
    struct put job = { .path = args->rest[0] };
    const struct command_session how = { .args = args };
    (void)ret_status;
    VP_TRY(vault_check_path(job.path, err));
    VP_TRY(version_to_replace(args, &job.version, err));
    VP_TRY(get_read_object(&data, err));
    job.data = data;
    return command_with_session(command, &how, put, &job, err);
}
