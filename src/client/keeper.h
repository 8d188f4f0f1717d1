/* Keeps alive what a running command depends on: renews the token and the leases at half of what they have left, logs in
 * again when the token can't be renewed, and writes the files again when a secret in them had to be read again. */
#pragma once

#include "deliver.h"
#include "fetch.h"
#include "session.h"

struct cli_keeper;

enum cli_on_change { CLI_ON_CHANGE_NONE, CLI_ON_CHANGE_HUP, CLI_ON_CHANGE_RESTART };

struct cli_keeper_options {
    int64_t refresh_s; /* between two reads of what has no lease; 0: it is read once */
    enum cli_on_change on_change;
    char *const *inherited; /* for CLI_ON_CHANGE_RESTART: what the command's environment and arguments are made of */
    char *const *argv;
};

/* Starts its thread. All that is given is the keeper's until cli_keeper_stop(). VP_REASON_INTERNAL: no thread. */
VP_MUST_USE enum vp_code cli_keeper_start(struct cli_session *session, struct cli_plan *plan,
                                          struct cli_fetch_reads *leased, const struct cli_keeper_options *options,
                                          struct cli_keeper **ret_keeper, struct vp_error *err);

/* Whether something that was delivered has changed since the last call. A SIGCHLD to the process says when to ask. For
 * CLI_ON_CHANGE_RESTART *ret_image is what to start the command with, freed by the caller. */
bool cli_keeper_take_change(struct cli_keeper *keeper, struct cli_deliver_image *ret_image);

/* The command runs with that image: what was delivered before is not in use any more. */
void cli_keeper_note_restart(struct cli_keeper *keeper);
void cli_keeper_stop(struct cli_keeper *keeper);
