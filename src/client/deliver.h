/* Puts a filled plan where it belongs. */
#pragma once

#include "plan.h"

/* Writes the files, all or none (cli_files_write()). Warns of each that lies on a disk or replaces another file. */
VP_MUST_USE enum vp_code cli_deliver_files(struct cli_plan *plan, bool quiet, struct vp_error *err);

/* Removes the files that it wrote, if they are still those. */
void cli_deliver_undo(struct cli_plan *plan);

/* The environment as it is now: libraries remove variables later (SSLKEYLOGFILE). Freed by free(); NULL without memory. */
char **cli_deliver_inherited(void);

/* That environment with the plan's variables in it, for execvpe(). Its strings are the plan's; the list is freed by free().
 * NULL without memory. */
char **cli_deliver_environment(struct cli_plan *plan, char *const *inherited);

/* The command with the plan's arguments in it, likewise. */
char **cli_deliver_arguments(struct cli_plan *plan, char *const *argv);

/* Environment and arguments of a command, as copies of their own: what the plan holds may change meanwhile. */
struct cli_deliver_image {
    char **environment;
    char **arguments;
};
VP_MUST_USE enum vp_code cli_deliver_image_make(struct cli_plan *plan, char *const *inherited, char *const *argv,
                                                struct cli_deliver_image *ret_image, struct vp_error *err);
void cli_deliver_image_clear(struct cli_deliver_image *image); /* wipes them */

/* NAME="value" lines, and one JSON object. */
void cli_deliver_dotenv(const struct cli_plan *plan, struct vp_buf *text);
void cli_deliver_json(const struct cli_plan *plan, struct vp_buf *text);

/* export NAME='value' lines that any POSIX shell reads. */
void cli_deliver_exports(const struct cli_plan *plan, struct vp_buf *text);
