/* Puts a filled plan where it belongs. */
#pragma once

#include "plan.h"

/* Writes the files, all or none: on failure those that this call made are gone again, and those of an earlier one are as they
 * are: a command may live on them. Warns of each that lies on a disk. */
VP_MUST_USE enum vp_code cli_deliver_files(struct cli_plan *plan, bool quiet, struct vp_error *err);

/* Removes the files that it wrote, if they are still those. */
void cli_deliver_undo(struct cli_plan *plan);

/* The environment of this process with the plan's variables in it, for execvpe(). Its texts live as long as the plan; the list
 * is freed by free(). NULL without memory. */
char **cli_deliver_environment(struct cli_plan *plan);

/* The command with the plan's arguments in it, likewise. */
char **cli_deliver_arguments(struct cli_plan *plan, char *const *argv);

/* export NAME='value' lines that any POSIX shell reads. */
void cli_deliver_exports(const struct cli_plan *plan, struct vp_buf *text);
