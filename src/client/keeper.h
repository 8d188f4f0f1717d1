/* Keeps alive what a running command depends on: renews the token and the leases at half of what they have left, logs in
 * again when the token can't be renewed, and writes the files again when a secret in them had to be read again. */
#pragma once

#include "fetch.h"
#include "session.h"

struct cli_keeper;

/* Starts its thread. All that is given is the keeper's until cli_keeper_stop(). VP_REASON_INTERNAL: no thread. */
VP_MUST_USE enum vp_code cli_keeper_start(struct cli_session *session, struct cli_plan *plan,
                                          struct cli_fetch_reads *leased, struct cli_keeper **ret_keeper,
                                          struct vp_error *err);
void cli_keeper_stop(struct cli_keeper *keeper);
