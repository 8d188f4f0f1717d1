/* What is to be delivered: environment variables, files, arguments. Read from the command line and a spec file, checked as a
 * whole before anything is asked, then filled from the vault. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vp/buf.h"
#include "vp/error.h"

#include "args.h"
#include "files.h"
#include "template.h"

enum cli_sink_kind { CLI_SINK_ENV, CLI_SINK_FILE, CLI_SINK_ARGUMENT };

struct cli_sink {
    enum cli_sink_kind kind;
    char *name;      /* of the variable, path of the file; NULL for arguments */
    size_t argument; /* which one */
    mode_t mode;     /* of the file */
    struct cli_template template;

    struct cli_files_place place; /* of the file, once opened */
    bool written;

    struct vp_buf content; /* filled by cli_fetch_plan() */
    struct vp_buf entry;   /* NAME=value, once the environment was made */
    bool absent;           /* an optional secret is missing: nothing is delivered */
};

struct cli_plan {
    struct cli_sink *sinks;
    size_t n;
    char *mount; /* of the spec; NULL: not said */
    char *role;
};

/* The items and the spec of the command line. VP_REASON_USAGE, VP_REASON_LOCAL_CONFIG, VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_plan_read(const struct cli_args *args, struct cli_plan *ret_plan, struct vp_error *err);

/* One entry; `mode` (octal) may be NULL: 0600. */
VP_MUST_USE enum vp_code cli_plan_add_env(struct cli_plan *plan, const char *name, const char *ref,
                                          struct vp_error *err);
VP_MUST_USE enum vp_code cli_plan_add_file(struct cli_plan *plan, const char *path, const char *ref, const char *mode,
                                           struct vp_error *err);

/* Adds those of `argv` that have references. */
VP_MUST_USE enum vp_code cli_plan_add_arguments(struct cli_plan *plan, char *const *argv, struct vp_error *err);

/* One template to one file; `path` NULL: to nowhere, its content is what is wanted. */
VP_MUST_USE enum vp_code cli_plan_add_template(struct cli_plan *plan, const char *path, const char *template_file,
                                               const char *kind, const char *mode, struct vp_error *err);
void cli_plan_clear(struct cli_plan *plan); /* wipes the contents */

/* A name as shells know it, and none that decides which code runs. */
bool cli_plan_is_env_name(const char *name);
