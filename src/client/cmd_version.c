/* version, help and the manual page. */
#include <stdio.h>
#include <string.h>

#include "vp/json.h"
#include "vp/version.h"

#include "commands.h"
#include "output.h"

/* ---- version ---- */

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

/* ---- help ---- */

static const struct {
    int status;
    const char *meaning;
} STATUSES[] = {
    { 0, "done" },
    { 64, "the command line is wrong" },
    { 66, "a secret, or a field of it, is missing" },
    { 69, "the server refuses for a reason of its configuration" },
    { 70, "arv-vault itself failed" },
    { 74, "a file could not be read or written here" },
    { 75, "not reached, busy or timed out: try again (CWL: temporaryFailCodes)" },
    { 77, "refused or forbidden" },
    { 78, "the configuration here is wrong: address, certificates, token, template, spec" },
    { 126, "exec: the command can't be run" },
    { 127, "exec: the command is not there" },
};

static const struct {
    const char *form;
    const char *meaning;
} REFS[] = {
    { "PATH", "a secret as bao kv get names it: secret/genomics/db; as JSON" },
    { "PATH#FIELD", "one field of it" },
    { "?PATH#FIELD", "the same, and it may be missing" },
};

static void add_option(void *context, const char *name, const char *value, const char *help)
{
    char left[64];
    (void)snprintf(left, sizeof left, "--%s%s%s", name, value == NULL ? "" : "=", value == NULL ? "" : value);
    if (*help != '\0')
        vp_buf_add_format(context, "  %-28s %s\n", left, help);
}

static void add_command_help(struct vp_buf *text, const struct cli_command *command)
{
    vp_buf_add_format(text, "arv-vault %s [options] %s\n\n%c%s.\n", command->name, command->words,
                      command->summary[0] >= 'a' ? command->summary[0] - ('a' - 'A') : command->summary[0],
                      command->summary + 1);
    if (*command->text != '\0')
        vp_buf_add_format(text, "%s\n", command->text);
    vp_buf_add_text(text, "\n");
    cli_args_each(command->groups, add_option, text);
}

static void add_overview(struct vp_buf *text)
{
    vp_buf_add_text(text, "arv-vault COMMAND [options]: secrets from OpenBao or Vault, for Arvados containers\n\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++)
        vp_buf_add_format(text, "  %-14s %s\n", CLI_COMMANDS[i].name, CLI_COMMANDS[i].summary);
    vp_buf_add_text(text, "\nA secret (REF) is named so:\n");
    for (size_t i = 0; i < sizeof REFS / sizeof REFS[0]; i++)
        vp_buf_add_format(text, "  %-14s %s\n", REFS[i].form, REFS[i].meaning);
    vp_buf_add_text(text, "\nExit status:\n");
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++)
        vp_buf_add_format(text, "  %3d            %s\n", STATUSES[i].status, STATUSES[i].meaning);
    vp_buf_add_text(text,
                    "\narv-vault COMMAND --help says more about one; arv-vault doctor finds out what is wrong.\n");
}

/* ---- the manual page ---- */

/* roff takes a dot or an apostrophe at the start of a line, and backslashes anywhere, for itself. */
static void add_roff(struct vp_buf *text, const char *words)
{
    for (const char *at = words; *at != '\0'; at++) {
        if (*at == '\\')
            vp_buf_add_text(text, "\\e");
        else if (*at == '-')
            vp_buf_add_text(text, "\\-");
        else
            vp_buf_add(text, at, 1);
    }
}

static void add_entry(struct vp_buf *text, const char *term, const char *words)
{
    vp_buf_add_text(text, ".TP\n.B ");
    add_roff(text, term);
    vp_buf_add_text(text, "\n");
    add_roff(text, words);
    vp_buf_add_text(text, "\n");
}

static void add_manual_option(void *context, const char *name, const char *value, const char *help)
{
    char left[64];
    (void)snprintf(left, sizeof left, "--%s%s%s", name, value == NULL ? "" : "=", value == NULL ? "" : value);
    if (*help != '\0')
        add_entry(context, left, help);
}

static void add_manual(struct vp_buf *text)
{
    vp_buf_add_text(text, ".TH ARV-VAULT 1 \"\" \"arv-vault " VP_VERSION "\" \"User Commands\"\n"
                          ".SH NAME\narv-vault \\- secrets from OpenBao or Vault, for Arvados containers\n"
                          ".SH SYNOPSIS\n.B arv-vault\n.I COMMAND\n[options] [arguments]\n"
                          ".SH COMMANDS\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++) {
        char term[160];
        (void)snprintf(term, sizeof term, "%s %s", CLI_COMMANDS[i].name, CLI_COMMANDS[i].words);
        add_entry(text, term, CLI_COMMANDS[i].summary);
        if (*CLI_COMMANDS[i].text != '\0') {
            vp_buf_add_text(text, ".RS\n");
            add_roff(text, CLI_COMMANDS[i].text);
            vp_buf_add_text(text, "\n.RE\n");
        }
    }
    vp_buf_add_text(text, ".SH REFERENCES\n");
    for (size_t i = 0; i < sizeof REFS / sizeof REFS[0]; i++)
        add_entry(text, REFS[i].form, REFS[i].meaning);
    vp_buf_add_text(text, ".SH OPTIONS\nEach command takes those that make sense for it;\n"
                          ".B arv\\-vault\n.I COMMAND\n.B \\-\\-help\nlists them.\n");
    cli_args_each(~0U, add_manual_option, text);
    vp_buf_add_text(text, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
        char status[16];
        (void)snprintf(status, sizeof status, "%d", STATUSES[i].status);
        add_entry(text, status, STATUSES[i].meaning);
    }
    vp_buf_add_text(text, ".SH FILES\n");
    add_entry(text, "~/.vault-token", "a Vault token, as bao login leaves it");
    add_entry(text, "~/.config/arvados/settings.conf",
              "ARVADOS_API_HOST and ARVADOS_API_TOKEN, if the environment has none");
    add_entry(text, "/etc/arvados/ca-certificates.crt",
              "whom to trust, if BAO_CACERT, VAULT_CACERT and SSL_CERT_FILE say nothing; then the system's bundle");
    vp_buf_add_text(text, ".SH SEE ALSO\n.BR bao (1),\n.BR arvados\\-cwl\\-runner (1)\n");
}

COMMAND(cli_cmd_help)
{
    struct vp_buf text = VP_BUF_INIT(CLI_OUTPUT_MAX);
    enum vp_code code = VP_OK;
    const struct cli_command *about = NULL;
    (void)command;
    (void)ret_status;
    for (size_t i = 0; args->n_rest > 0 && i < N_CLI_COMMANDS; i++)
        if (strcmp(CLI_COMMANDS[i].name, args->rest[0]) == 0)
            about = &CLI_COMMANDS[i];
    if (args->n_rest == 0)
        add_overview(&text);
    else if (strcmp(args->rest[0], "manual") == 0)
        add_manual(&text);
    else if (about != NULL)
        add_command_help(&text, about);
    else
        code = vp_fail(err, VP_REASON_USAGE, "there is no command \"%.40s\"", args->rest[0]);
    if (code == VP_OK)
        code = cli_output_raw(&text, err);
    vp_buf_clear(&text);
    return code;
}
