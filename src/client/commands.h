/* What arv-vault can do: one row a command. */
#pragma once

#include "args.h"
#include "session.h"

struct command {
    const char *name;
    const char *words;   /* what follows it, for help */
    const char *summary; /* one line */
    const char *text;    /* more of it; "" for nothing */
    unsigned groups;     /* its options */
    bool patient;        /* retries longer: a job waits, a person does not */
    bool stops;          /* options end at the first word: the rest is a command of its own */
    size_t min_words;
    size_t max_words; /* behind the name */
    /* Its exit status on success, mostly 0. */
    enum vp_code (*run)(const struct command *command, const struct args *args, int *ret_status, struct vp_error *err);
};

extern const struct command COMMANDS[];
extern const size_t N_COMMANDS;

#define COMMAND(name) \
    enum vp_code name(const struct command *command, const struct args *args, int *ret_status, struct vp_error *err)
COMMAND(command_login);
COMMAND(command_whoami);
COMMAND(command_renew);
COMMAND(command_revoke);
COMMAND(command_get);
COMMAND(command_get_all);
COMMAND(command_put_all);
COMMAND(command_env);
COMMAND(command_render);
COMMAND(command_exec);
COMMAND(command_wrap);
COMMAND(command_unwrap);
COMMAND(command_secret_mounts);
COMMAND(command_grant);
COMMAND(command_doctor);
COMMAND(command_version);
COMMAND(command_help);

/* Reads the settings, connects, authorises, runs `work`, closes; `wait_for` is told on a terminal that waits. `spec_mount` and
 * `spec_role` stand behind the options and before the environment; NULL: none. */
struct command_session {
    const struct args *args;
    const char *spec_mount;
    const char *spec_role;
    bool only_connect; /* without a token */
};
typedef enum vp_code (*command_work)(struct session *session, void *context, struct vp_error *err);
VP_MUST_USE enum vp_code command_with_session(const struct command *command, const struct command_session *how,
                                              command_work work, void *context, struct vp_error *err);
