/* version. */
#include "vp/json.h"
#include "vp/version.h"

#include "commands.h"
#include "output.h"

static enum vp_code ask_server(struct cli_session *session, void *context, struct vp_error *err)
{
    struct vp_json_writer *writer = context;
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vault_health health;
    struct vp_buf path = VP_BUF_INIT(512);
    VP_TRY(vault_health(session->vault, &health, err));
    vp_buf_add_format(&path, "auth/%s/version", session->settings->mount);
    struct vault_request request = { .path = vp_buf_text(&path) };
    enum vp_code code = vp_buf_check(&path, "the mount's name", err);
    if (code == VP_OK)
        code = vault_ask(session->vault, &request, &document, err);
    vp_buf_clear(&path);
    VP_TRY(code);
    vp_json_add_text(writer, "vault", health.version);
    static const char *const KEYS[][2] = { { "plugin", "plugin" },
                                           { "commit", "plugin_commit" },
                                           { "arvados", "arvados" },
                                           { "arvados_revision", "arvados_revision" },
                                           { "cluster_id", "cluster_id" } };
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        const struct vp_json *value = vp_json_get(vp_json_get(document, "data"), KEYS[i][0]);
        vp_json_add_text(writer, KEYS[i][1], vp_json_type(value) == VP_JSON_TEXT ? vp_json_text(value) : NULL);
    }
    return VP_OK;
}

COMMAND(cli_cmd_version)
{
    const struct cli_session_need how = { .args = args };
    struct vp_buf json = VP_BUF_INIT(8192);
    struct vp_json_writer writer;
    enum cli_output_format format;
    (void)ret_status;
    VP_TRY(cli_output_format_parse(args->format, &format, err));
    vp_json_begin(&writer, &json);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "arv-vault", VP_VERSION);
    vp_json_add_text(&writer, "commit", VP_COMMIT);
    enum vp_code code = args->server ? cli_session_run(command, &how, ask_server, &writer, err) : VP_OK;
    if (code == VP_OK) {
        vp_json_close_object(&writer);
        code = cli_output_show(&json, format, err);
    }
    vp_buf_clear(&json);
    return code;
}
