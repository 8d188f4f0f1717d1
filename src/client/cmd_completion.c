/* completion: scripts for shells, from the same tables as --help. */
#include <string.h>

#include "commands.h"
#include "output.h"

/* A value of an option or a word of a command that is one of several, "a|b|c": what people type. */
static bool is_choice(const char *value)
{
    return value != NULL && strchr(value, '|') != NULL;
}

static void add_choices(struct vp_buf *text, const char *value)
{
    for (const char *at = value; *at != '\0'; at++)
        vp_buf_add(text, *at == '|' ? " " : at, 1);
}

/* The words that a command itself takes; NULL: a path, which only the server knows. */
static const char *words_of(const struct cli_command *command)
{
    static const struct {
        const char *name;
        const char *words;
    } WORDS[] = { { "grant", "add|list|remove|check" }, { "completion", "bash|zsh|fish" } };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (strcmp(WORDS[i].name, command->name) == 0)
            return WORDS[i].words;
    return NULL;
}

static unsigned groups_of(const struct cli_command *command)
{
    return command->groups == 0 ? CLI_ARGS_NONE : command->groups;
}

static void add_names(struct vp_buf *text)
{
    for (size_t i = 0; i < N_CLI_COMMANDS; i++)
        vp_buf_add_format(text, "%s%s", i == 0 ? "" : " ", CLI_COMMANDS[i].name);
}

/* What stands in single quotes in a shell. */
static void add_quoted(struct vp_buf *text, const char *words, const char *escaped)
{
    for (const char *at = words; *at != '\0'; at++) {
        if (*at == '\'')
            vp_buf_add_text(text, "'\\''");
        else if (strchr(escaped, *at) != NULL)
            vp_buf_add_format(text, "\\%c", *at);
        else
            vp_buf_add(text, at, 1);
    }
}

/* ---- bash ---- */

struct visit {
    struct vp_buf *text;
    const struct cli_command *command;
};

static void add_bash_option(void *context, const char *name, const char *value, const char *help)
{
    const struct visit *visit = context;
    (void)help;
    vp_buf_add_format(visit->text, " --%s%s", name, value == NULL ? "" : "=");
}

static void add_bash_value(void *context, const char *name, const char *value, const char *help)
{
    const struct visit *visit = context;
    (void)help;
    if (!is_choice(value))
        return;
    vp_buf_add_format(visit->text, "        %s:--%s) words=\"", visit->command->name, name);
    add_choices(visit->text, value);
    vp_buf_add_text(visit->text, "\" ;;\n");
}

static void add_bash(struct vp_buf *text)
{
    vp_buf_add_text(text, "# bash completion for arv-vault\n"
                          "_arv_vault() {\n"
                          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} option= words= i\n"
                          "    local command=${COMP_WORDS[1]}\n"
                          "    COMPREPLY=()\n"
                          "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
                          "        mapfile -t COMPREPLY < <(compgen -W \"");
    add_names(text);
    vp_buf_add_text(text, "\" -- \"$cur\")\n"
                          "        return\n"
                          "    fi\n"
                          "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
                          "        if [[ ${COMP_WORDS[i]} == -- ]]; then return; fi\n"
                          "    done\n"
                          "    if [[ $cur == '=' ]]; then option=$prev cur=\n"
                          "    elif [[ $prev == '=' ]]; then option=${COMP_WORDS[COMP_CWORD-2]}\n"
                          "    fi\n"
                          "    if [[ -n $option ]]; then\n"
                          "        case $command:$option in\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++)
        cli_args_each(groups_of(&CLI_COMMANDS[i]), add_bash_value, &(struct visit){ text, &CLI_COMMANDS[i] });
    vp_buf_add_text(text, "        *) return ;;\n        esac\n    else\n        case $command in\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++) {
        vp_buf_add_format(text, "        %s) words=\"", CLI_COMMANDS[i].name);
        if (words_of(&CLI_COMMANDS[i]) != NULL)
            add_choices(text, words_of(&CLI_COMMANDS[i]));
        if (strcmp(CLI_COMMANDS[i].name, "help") == 0)
            add_names(text);
        if (CLI_COMMANDS[i].groups != 0)
            cli_args_each(CLI_COMMANDS[i].groups, add_bash_option, &(struct visit){ text, &CLI_COMMANDS[i] });
        vp_buf_add_text(text, "\" ;;\n");
    }
    vp_buf_add_text(text, "        esac\n"
                          "    fi\n"
                          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                          "    if [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi\n"
                          "}\n"
                          "complete -o bashdefault -o default -F _arv_vault arv-vault\n");
}

/* ---- zsh ---- */

static void add_zsh_option(void *context, const char *name, const char *value, const char *help)
{
    const struct visit *visit = context;
    vp_buf_add_format(visit->text, "            '*--%s%s[", name, value == NULL ? "" : "=");
    add_quoted(visit->text, help, "[]:\\");
    vp_buf_add_text(visit->text, "]");
    if (value != NULL) {
        vp_buf_add_text(visit->text, ":value:");
        if (is_choice(value)) {
            vp_buf_add_text(visit->text, "(");
            add_choices(visit->text, value);
            vp_buf_add_text(visit->text, ")");
        } else
            vp_buf_add_text(visit->text, "_files");
    }
    vp_buf_add_text(visit->text, "' \\\n");
}

static void add_zsh(struct vp_buf *text)
{
    vp_buf_add_text(text, "#compdef arv-vault\n"
                          "# zsh completion for arv-vault\n"
                          "_arv_vault() {\n"
                          "    local -a commands\n"
                          "    commands=(\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++) {
        vp_buf_add_format(text, "        '%s:", CLI_COMMANDS[i].name);
        add_quoted(text, CLI_COMMANDS[i].summary, ":\\");
        vp_buf_add_text(text, "'\n");
    }
    vp_buf_add_text(text, "    )\n"
                          "    if (( CURRENT == 2 )); then\n"
                          "        _describe command commands\n"
                          "        return\n"
                          "    fi\n"
                          "    shift words\n"
                          "    (( CURRENT-- ))\n"
                          "    case $words[1] in\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++) {
        vp_buf_add_format(text, "    %s)\n        _arguments -S \\\n", CLI_COMMANDS[i].name);
        if (CLI_COMMANDS[i].groups != 0)
            cli_args_each(CLI_COMMANDS[i].groups, add_zsh_option, &(struct visit){ text, &CLI_COMMANDS[i] });
        vp_buf_add_text(text, "            '*:word:");
        if (words_of(&CLI_COMMANDS[i]) != NULL) {
            vp_buf_add_text(text, "(");
            add_choices(text, words_of(&CLI_COMMANDS[i]));
            vp_buf_add_text(text, ")");
        } else if (strcmp(CLI_COMMANDS[i].name, "help") == 0) {
            vp_buf_add_text(text, "(");
            add_names(text);
            vp_buf_add_text(text, ")");
        } else
            vp_buf_add_text(text, "_files");
        vp_buf_add_text(text, "'\n        ;;\n");
    }
    vp_buf_add_text(text, "    esac\n"
                          "}\n"
                          "if [ \"$funcstack[1]\" = _arv_vault ]; then _arv_vault \"$@\"; else compdef _arv_vault arv-vault; fi\n");
}

/* ---- fish ---- */

static void add_fish_quoted(struct vp_buf *text, const char *words)
{
    vp_buf_add_text(text, "'");
    for (const char *at = words; *at != '\0'; at++) {
        if (*at == '\'' || *at == '\\')
            vp_buf_add_text(text, "\\");
        vp_buf_add(text, at, 1);
    }
    vp_buf_add_text(text, "'");
}

static void add_fish_option(void *context, const char *name, const char *value, const char *help)
{
    const struct visit *visit = context;
    vp_buf_add_format(visit->text, "complete -c arv-vault -n '__fish_seen_subcommand_from %s' -l %s",
                      visit->command->name, name);
    if (is_choice(value)) {
        vp_buf_add_text(visit->text, " -x -a '");
        add_choices(visit->text, value);
        vp_buf_add_text(visit->text, "'");
    } else if (value != NULL)
        vp_buf_add_text(visit->text, " -r");
    vp_buf_add_text(visit->text, " -d ");
    add_fish_quoted(visit->text, help);
    vp_buf_add_text(visit->text, "\n");
}

static void add_fish_words(struct vp_buf *text, const struct cli_command *command)
{
    bool is_help = strcmp(command->name, "help") == 0;
    if (words_of(command) == NULL && !is_help)
        return;
    vp_buf_add_format(text, "complete -c arv-vault -f -n '__fish_seen_subcommand_from %s' -a '", command->name);
    if (is_help)
        add_names(text);
    else
        add_choices(text, words_of(command));
    vp_buf_add_text(text, "'\n");
}

static void add_fish(struct vp_buf *text)
{
    vp_buf_add_text(text, "# fish completion for arv-vault\n");
    for (size_t i = 0; i < N_CLI_COMMANDS; i++) {
        vp_buf_add_format(text, "complete -c arv-vault -f -n __fish_use_subcommand -a %s -d ", CLI_COMMANDS[i].name);
        add_fish_quoted(text, CLI_COMMANDS[i].summary);
        vp_buf_add_text(text, "\n");
    }
    for (size_t i = 0; i < N_CLI_COMMANDS; i++) {
        add_fish_words(text, &CLI_COMMANDS[i]);
        if (CLI_COMMANDS[i].groups != 0)
            cli_args_each(CLI_COMMANDS[i].groups, add_fish_option, &(struct visit){ text, &CLI_COMMANDS[i] });
    }
}

static const struct {
    const char *name;
    void (*add)(struct vp_buf *text);
} SHELLS[] = { { "bash", add_bash }, { "zsh", add_zsh }, { "fish", add_fish } };

COMMAND(cli_cmd_completion)
{
    struct vp_buf text = VP_BUF_INIT(CLI_OUTPUT_MAX);
    (void)command;
    (void)ret_status;
    for (size_t i = 0; i < sizeof SHELLS / sizeof SHELLS[0]; i++)
        if (strcmp(SHELLS[i].name, args->rest[0]) == 0)
            SHELLS[i].add(&text);
    if (text.len == 0 && !text.failed)
        return vp_fail(err, VP_REASON_USAGE, "completion: \"%.40s\": must be bash, zsh or fish", args->rest[0]);
    enum vp_code code = vp_buf_check(&text, "the script", err);
    if (code == VP_OK)
        code = cli_output_raw(&text, err);
    vp_buf_clear(&text);
    return code;
}
