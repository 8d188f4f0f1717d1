/* exec --supervise and --mask: stays while the command runs. */
#pragma once

#include "fetch.h"
#include "keeper.h"
#include "mask.h"
#include "session.h"

struct cli_supervise_command {
    const char *shown; /* its name for messages */
    char *const *argv;
    char *const *environment;
    bool keeps;            /* --supervise: its secrets are renewed */
    struct cli_keeper_options keeper;
    struct cli_mask *mask; /* --mask: of its output; NULL: that is left as it is */
};

/* Runs the command as a child: passes signals on, keeps what it depends on alive (keeper.h), and returns when the child has
 * ended. *ret_status is the child's, or 128 and the number of its signal. The session is not connected at the start, and may
 * be at the end. Only without a watcher of signals. */
VP_MUST_USE enum vp_code cli_supervise_run(struct cli_session *session, struct cli_plan *plan,
                                           struct cli_fetch_reads *leased, const struct cli_supervise_command *command,
                                           int *ret_status, struct vp_error *err);
