/* What arv-vault can do: one row a command. */
#pragma once

#include "args.h"
#include "session.h"

struct cli_command {
    const char *name;
    const char *words;   /* what follows it, for help */
    const char *summary; /* one line */
    const char *text;    /* more of it; "" for nothing */
    const char *example; /* one a line */
    unsigned groups;     /* its options */
    bool patient;        /* retries longer: a job waits, a person does not */
    bool stops;          /* options end at the first word: the rest is a command of its own */
    size_t min_words;
    size_t max_words; /* behind the name */
    /* Its exit status on success, mostly 0. */
    enum vp_code (*run)(const struct cli_command *command, const struct cli_args *args, int *ret_status,
                        struct vp_error *err);
};

extern const struct cli_command CLI_COMMANDS[];
extern const size_t N_CLI_COMMANDS;

#define COMMAND(name)                                                                                  \
    enum vp_code name(const struct cli_command *command, const struct cli_args *args, int *ret_status, \
                      struct vp_error *err)
COMMAND(cli_cmd_login);
COMMAND(cli_cmd_whoami);
COMMAND(cli_cmd_renew);
COMMAND(cli_cmd_revoke);
COMMAND(cli_cmd_get);
COMMAND(cli_cmd_get_all);
COMMAND(cli_cmd_put_all);
COMMAND(cli_cmd_put);
COMMAND(cli_cmd_list);
COMMAND(cli_cmd_delete);
COMMAND(cli_cmd_env);
COMMAND(cli_cmd_render);
COMMAND(cli_cmd_exec);
COMMAND(cli_cmd_wrap);
COMMAND(cli_cmd_unwrap);
COMMAND(cli_cmd_secret_mounts);
COMMAND(cli_cmd_serve);
COMMAND(cli_cmd_grant);
COMMAND(cli_cmd_doctor);
COMMAND(cli_cmd_version);
COMMAND(cli_cmd_completion);
COMMAND(cli_cmd_help);
