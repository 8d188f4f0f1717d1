/* --env-file: NAME=value lines as other tools write them. */
#pragma once

#include "plan.h"

/* Adds its variables. Comments (#), "export ", single quotes (as it is), double quotes (\n, \", \\, \$).
 * VP_REASON_LOCAL_CONFIG with the line, VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_dotenv_read(const char *file, struct cli_plan *plan, struct vp_error *err);
