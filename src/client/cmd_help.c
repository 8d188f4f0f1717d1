/* help and the manual page, from the tables of commands and options. */
#include <stdio.h>
#include <string.h>

#include "vp/version.h"

#include "commands.h"
#include "output.h"

enum { LINE_LEN_MAX = 100, INDENT = 2, USAGE_INDENT = 7, OPTION_WIDTH = 28, NAME_WIDTH = 14 };

#define CONNECTION (CLI_ARGS_SERVER | CLI_ARGS_TOKEN | CLI_ARGS_LOGIN)

static const struct {
    int status;
    const char *meaning;
} STATUSES[] = {
    { 0, "success; with exec the status of the command" },
    { 64, "the command line is wrong" },
    { 66, "a secret, or a field of it, is missing" },
    { 69, "the server refuses because of its configuration" },
    { 70, "arv-vault itself failed" },
    { 74, "a file could not be read or written" },
    { 75, "the server is not reached, busy or timed out: try again (CWL: temporaryFailCodes)" },
    { 77, "refused or forbidden" },
    { 78, "the local configuration is wrong: address, certificates, token, template, spec" },
    { 126, "exec: the command can't be run" },
    { 127, "exec: the command is not found" },
};

static const struct {
    const char *form;
    const char *meaning;
} REFS[] = {
    { "PATH", "a secret as bao kv get names it: secret/genomics/db; as JSON" },
    { "PATH#FIELD", "one field of it" },
    { "?PATH#FIELD", "the same, and it may be missing" },
};

static const struct {
    const char *name;
    const char *meaning;
} VARIABLES[] = {
    { "BAO_ADDR, VAULT_ADDR", "address of the server, like https://vault.example:8200" },
    { "BAO_TOKEN, VAULT_TOKEN", "a Vault token; without one arv-vault logs in" },
    { "BAO_NAMESPACE, VAULT_NAMESPACE", "namespace of the auth mount and the secrets" },
    { "BAO_CACERT, VAULT_CACERT", "file of CA certificates to trust" },
    { "BAO_CAPATH, VAULT_CAPATH", "directory of CA certificates to trust" },
    { "BAO_TLS_SERVER_NAME, VAULT_TLS_SERVER_NAME", "name to verify in the server's certificate" },
    { "BAO_CLIENT_CERT, BAO_CLIENT_KEY, VAULT_CLIENT_CERT, VAULT_CLIENT_KEY",
      "certificate and key for a server that requires them" },
    { "BAO_CLIENT_TIMEOUT, VAULT_CLIENT_TIMEOUT", "limit for all requests together; default 60s, 0 for none" },
    { "BAO_MAX_RETRIES, VAULT_MAX_RETRIES", "further attempts of each request" },
    { "ARV_VAULT_MOUNT", "name of the auth mount; default arvados" },
    { "ARV_VAULT_ROLE", "role to log in with" },
    { "ARV_VAULT_SALT_LABEL", "label that the run token is salted with before it is sent" },
    { "ARV_VAULT_SPEC", "spec file of exec and env" },
    { "ARVADOS_API_TOKEN", "the Arvados token to log in with, set in containers that have API access" },
    { "ARVADOS_API_HOST", "the Arvados API server, for doctor and grant" },
    { "SSL_CERT_FILE", "CA certificates of Arvados, and of the server if nothing else names them" },
    { "NO_COLOR", "no colours on a terminal" },
};

/* ---- layout ---- */

/* The words from column `at` on, with further lines indented by `indent`. */
static void add_wrapped(struct vp_buf *text, const char *words, size_t at, size_t indent)
{
    size_t column = at;
    bool is_first = true;
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        if (!is_first && column + 1 + len > LINE_LEN_MAX) {
            vp_buf_add_format(text, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!is_first) {
            vp_buf_add_text(text, " ");
            column++;
        }
        is_first = false;
        vp_buf_add(text, words, len);
        column += len;
        words += len + (words[len] == ' ');
    }
    vp_buf_add_text(text, "\n");
}

/* A name, and what it means in a column of its own; behind a long name on the next line. */
static void add_row(struct vp_buf *text, const char *name, const char *meaning, size_t width)
{
    size_t indent = INDENT + width + 1;
    vp_buf_add_format(text, "%*s%-*s ", INDENT, "", (int)width, name);
    if (strlen(name) > width)
        vp_buf_add_format(text, "\n%*s", (int)indent, "");
    add_wrapped(text, meaning, indent, indent);
}

static void add_example(struct vp_buf *text, const char *example)
{
    while (*example != '\0') {
        size_t len = strcspn(example, "\n");
        vp_buf_add_format(text, "%*s%.*s\n", INDENT, "", (int)len, example);
        example += len + (example[len] == '\n');
    }
}

/* ---- a command ---- */

struct section {
    struct vp_buf *text;
    bool connection; /* without what every command takes, which stands in the other one */
};

static void format_option(char *left, size_t size, const char *name, const char *value)
{
    (void)snprintf(left, size, "--%s%s%s", name, value == NULL ? "" : "=", value == NULL ? "" : value);
}

static void add_option(void *context, const char *name, const char *value, const char *help)
{
    const struct section *section = context;
    char left[64];
    bool is_common = strcmp(name, "quiet") == 0 || strcmp(name, "help") == 0;
    if (is_common && section->connection)
        return;
    format_option(left, sizeof left, name, value);
    add_row(section->text, left, help, OPTION_WIDTH);
}

static void add_command_help(struct vp_buf *text, const struct cli_command *command)
{
    struct section own = { text, false };
    struct section connection = { text, true };
    unsigned groups = command->groups & ~(unsigned)CONNECTION;
    char first = command->summary[0] >= 'a' ? (char)(command->summary[0] - ('a' - 'A')) : command->summary[0];
    size_t start = text->len;
    vp_buf_add_format(text, "Usage: arv-vault %s%s ", command->name, command->groups == 0 ? "" : " [options]");
    add_wrapped(text, command->words, text->len - start, USAGE_INDENT);
    vp_buf_add_format(text, "\n%c%s.\n", first, command->summary + 1);
    if (*command->text != '\0')
        add_wrapped(text, command->text, 0, 0);
    vp_buf_add_text(text, "\nExample:\n");
    add_example(text, command->example);
    if (command->groups == 0)
        return;
    vp_buf_add_text(text, "\nOptions:\n");
    cli_args_each(groups == 0 ? CLI_ARGS_NONE : groups, add_option, &own);
    if ((command->groups & CONNECTION) == 0)
        return;
    vp_buf_add_text(text, "\nServer, token and login:\n");
    cli_args_each(command->groups & CONNECTION, add_option, &connection);
}

static void add_overview(struct vp_buf *text)
{
    char number[16];
    vp_buf_add_text(text, "Usage: arv-vault COMMAND [options]\n\nReads secrets from OpenBao or Vault for Arvados "
                          "containers.\n\nCommands:\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++)
        add_row(text, CLI_COMMANDS[i].name, CLI_COMMANDS[i].summary, NAME_WIDTH);
    vp_buf_add_text(text, "\nForms of a reference to a secret (REF):\n");
    for (size_t i = 0; i < sizeof REFS / sizeof REFS[0]; i++)
        add_row(text, REFS[i].form, REFS[i].meaning, NAME_WIDTH);
    vp_buf_add_text(text, "\nExit status:\n");
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
        (void)snprintf(number, sizeof number, "%d", STATUSES[i].status);
        add_row(text, number, STATUSES[i].meaning, NAME_WIDTH);
    }
    vp_buf_add_text(text, "\narv-vault COMMAND --help describes a command. arv-vault doctor finds what is wrong.\n");
}

/* ---- the manual page ---- */

/* roff takes a dot or an apostrophe at the start of a line, and backslashes anywhere, for itself. */
static void add_roff(struct vp_buf *text, const char *words)
{
    bool at_start = true;
    for (const char *at = words; *at != '\0'; at++) {
        if (at_start && (*at == '.' || *at == '\''))
            vp_buf_add_text(text, "\\&");
        if (*at == '\\')
            vp_buf_add_text(text, "\\e");
        else if (*at == '-')
            vp_buf_add_text(text, "\\-");
        else
            vp_buf_add(text, at, 1);
        at_start = *at == '\n';
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
    format_option(left, sizeof left, name, value);
    add_entry(context, left, help);
}

static void add_manual_commands(struct vp_buf *text)
{
    vp_buf_add_text(text, ".SH COMMANDS\n");
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
}

static void add_manual_examples(struct vp_buf *text)
{
    vp_buf_add_text(text, ".SH EXAMPLES\n.nf\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++) {
        add_roff(text, CLI_COMMANDS[i].example);
        vp_buf_add_text(text, "\n");
    }
    vp_buf_add_text(text, ".fi\n");
}

static void add_manual(struct vp_buf *text)
{
    vp_buf_add_text(text, ".TH ARV-VAULT 1 \"\" \"arv-vault " VP_VERSION "\" \"User Commands\"\n"
                          ".SH NAME\narv-vault \\- secrets from OpenBao or Vault for Arvados containers\n"
                          ".SH SYNOPSIS\n.B arv-vault\n.I COMMAND\n[options] [arguments]\n");
    add_manual_commands(text);
    vp_buf_add_text(text, ".SH REFERENCES\n");
    for (size_t i = 0; i < sizeof REFS / sizeof REFS[0]; i++)
        add_entry(text, REFS[i].form, REFS[i].meaning);
    vp_buf_add_text(text, ".SH OPTIONS\n.B arv\\-vault\n.I COMMAND\n.B \\-\\-help\nlists those of a command.\n");
    cli_args_each(~0U, add_manual_option, text);
    vp_buf_add_text(text, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
        char status[16];
        (void)snprintf(status, sizeof status, "%d", STATUSES[i].status);
        add_entry(text, status, STATUSES[i].meaning);
    }
    vp_buf_add_text(text, ".SH ENVIRONMENT\nAn option takes precedence over BAO_ variables, and those over VAULT_ "
                          "variables.\n");
    for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0]; i++)
        add_entry(text, VARIABLES[i].name, VARIABLES[i].meaning);
    vp_buf_add_text(text, ".SH FILES\n");
    add_entry(text, "~/.vault-token", "a Vault token, as bao login stores it");
    add_entry(text, "~/.config/arvados/settings.conf",
              "ARVADOS_API_HOST and ARVADOS_API_TOKEN, if the environment does not set them");
    add_entry(text, "/etc/arvados/ca-certificates.crt",
              "CA certificates to trust, if BAO_CACERT, VAULT_CACERT and SSL_CERT_FILE are not set; then the system's");
    add_manual_examples(text);
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
