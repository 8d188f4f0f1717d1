/* One stream of a command on its way to where it would have gone, with the delivered values masked. */
#pragma once

#include "mask.h"

struct cli_pump;

/* `to` is where it would have gone. VP_REASON_INTERNAL. */
VP_MUST_USE enum vp_code cli_pump_new(struct cli_mask *mask, int to, struct cli_pump **ret_pump, struct vp_error *err);

/* In the command's process: the stream `to` is the pipe from here on. */
void cli_pump_enter(const struct cli_pump *pump);

/* In ours, when the command's is there: starts the thread that reads and writes. `again`: another process may enter later. */
VP_MUST_USE enum vp_code cli_pump_start(struct cli_pump *pump, bool again, struct vp_error *err);

/* The command has ended: writes what it left, and ends. A child of its own that still has the stream is not waited for. */
void cli_pump_free(struct cli_pump *pump);
