/* Puts a filled plan where it belongs. */
#pragma once

#include "plan.h"

/* Writes the files, all or none: on failure those that this call made are gone again, and those of an earlier one are as they
 * are: a command may live on them. Warns of each that lies on a disk. */
VP_MUST_USE enum vp_code deliver_files(struct plan *plan, bool quiet, struct vp_error *err);

/* Removes the files that it wrote, if they are still those. */
void deliver_undo(struct plan *plan);

/* The environment of this process with the plan's variables in it, for execvpe(). Its texts live as long as the plan; the list
 * is freed by free(). NULL without memory. */
char **deliver_environment(struct plan *plan);

/* The command with the plan's arguments in it, likewise. */
char **deliver_arguments(struct plan *plan, char *const *argv);

/* export NAME='value' lines that any POSIX shell reads. */
void deliver_exports(const struct plan *plan, struct vp_buf *text);
