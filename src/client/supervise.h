/* Staying beside the command. */
#pragma once

#include "deliver.h"
#include "fetch.h"
#include "session.h"
#include "signals.h"

struct cli_supervise_command {
    const char *shown; /* its name, for messages */
    char *const *argv;
    char *const *environment;
    const struct cli_signals *signals; /* held by the caller; its mask is as before them */
};

/* Runs the command as a child: passes signals on, renews token and leases at half their life, logs in again and writes the
 * files anew when they can't be renewed, and ends with the child. *ret_status is the child's, or 128 and its signal.
 * What *leased is of cli_fetch_plan() is to live by. The session is not connected at the begin, and may be at the end. */
VP_MUST_USE enum vp_code cli_supervise_run(struct cli_session *session, struct cli_plan *plan,
                                           struct cli_fetch_reads *leased, const struct cli_supervise_command *command,
                                           int *ret_status, struct vp_error *err);
