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
    bool filled;           /* there was a delivery before this one */
    bool changed;          /* since that delivery; cleared by the next one */
    bool absent;           /* an optional secret is missing: nothing is delivered */
    bool replaces;         /* a variable that held the reference: without the secret there is none */
};

/* All fields of a secret, as variables: which ones is known once it is read. */
struct cli_plan_from {
    char *path;
    char *prefix;
    bool spread; /* its fields are sinks of their own now */
};

struct cli_mask;

struct cli_plan {
    struct cli_sink *sinks;
    size_t n;
    struct cli_plan_from *from;
    size_t n_from;
    unsigned n_files; /* that --resolve-file made a place for */
    char *mount;      /* of the spec; NULL: not said */
    char *role;
    bool quiet;            /* no warnings */
    struct cli_mask *mask; /* gets each value that is read; NULL: none does. Borrowed */
};

/* The items and the spec of the command line. VP_REASON_USAGE, VP_REASON_LOCAL_CONFIG, VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_plan_read(const struct cli_args *args, struct cli_plan *ret_plan, struct vp_error *err);

/* One entry; `mode` (octal) may be NULL: 0600. */
VP_MUST_USE enum vp_code cli_plan_add_env(struct cli_plan *plan, const char *name, const char *ref,
                                          struct vp_error *err);
VP_MUST_USE enum vp_code cli_plan_add_file(struct cli_plan *plan, const char *path, const char *ref, const char *mode,
                                           struct vp_error *err);

/* A variable whose value is vault:REF, or contains ${vault:REF}, or is plain text. */
VP_MUST_USE enum vp_code cli_plan_add_value(struct cli_plan *plan, const char *name, const char *value,
                                            struct vp_error *err);

/* A field of a secret as a variable. VP_REASON_LOCAL_CONFIG: two fields give one name, or no variable can have it. */
VP_MUST_USE enum vp_code cli_plan_add_field(struct cli_plan *plan, const struct cli_plan_from *from, const char *field,
                                            struct vp_error *err);

/* Whether a value is, or contains, a reference as cli_plan_add_value() takes it. */
bool cli_plan_is_reference(const char *value);

/* Whether what is to be delivered differs from what was. */
bool cli_plan_has_changed(const struct cli_plan *plan);
void cli_plan_forget_changes(struct cli_plan *plan);

/* Variables of the environment that are references, but those that the plan sets already. */
VP_MUST_USE enum vp_code cli_plan_resolve(struct cli_plan *plan, char *const *environment, struct vp_error *err);

/* Adds those of `argv` that have references. */
VP_MUST_USE enum vp_code cli_plan_add_arguments(struct cli_plan *plan, char *const *argv, struct vp_error *err);

/* One template to one file; `path` NULL: to nowhere, its content is what is wanted. */
VP_MUST_USE enum vp_code cli_plan_add_template(struct cli_plan *plan, const char *path, const char *template_file,
                                               const char *kind, const char *mode, struct vp_error *err);

/* What would be read and delivered, as a table. */
VP_MUST_USE enum vp_code cli_plan_show(const struct cli_plan *plan, struct vp_error *err);
void cli_plan_clear(struct cli_plan *plan); /* wipes the contents */

/* A name as shells know it, and none that decides which code runs. */
bool cli_plan_is_env_name(const char *name);
