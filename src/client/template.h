/* Text with ${vault:REF} in it. Each value goes in once, escaped for the place where it stands, so that no value can be
 * anything but a value there; what comes in is never looked at for further references. $${vault: stays as ${vault:. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vp/buf.h"
#include "vp/error.h"
#include "vp/secret.h"

#include "ref.h"

enum cli_template_kind {
    CLI_TEMPLATE_TEXT, /* as it is */
    CLI_TEMPLATE_JSON, /* inside of strings only */
    CLI_TEMPLATE_YAML, /* inside of quotes, alone as a value (then in quotes), or in a block of text */
};

/* "text", "json", "yaml"; for NULL what the template's name says, else its destination's; either may be NULL.
 * VP_REASON_USAGE. */
VP_MUST_USE enum vp_code cli_template_kind_parse(const char *kind, const char *file, const char *destination,
                                                 enum cli_template_kind *ret_kind, struct vp_error *err);

/* The name of a format with rules of its own that is rendered as plain text, by the names as above; NULL: none. */
const char *cli_template_plain_format(const char *file, const char *destination);

/* How a value is written where its reference stands. */
enum cli_template_place {
    CLI_TEMPLATE_AS_IS,
    CLI_TEMPLATE_IN_JSON_STRING,
    CLI_TEMPLATE_IN_YAML_DOUBLE,
    CLI_TEMPLATE_IN_YAML_SINGLE,
    CLI_TEMPLATE_YAML_ALONE, /* gets quotes */
    CLI_TEMPLATE_IN_YAML_BLOCK,
};

struct cli_template_part {
    char *text; /* NULL for a reference */
    size_t len;
    struct cli_ref ref;
    enum cli_template_place place;
    unsigned line;
};

struct cli_template {
    struct cli_template_part *parts;
    size_t n;
};

/* VP_REASON_LOCAL_CONFIG with words and the line: a reference that does not end, or stands where no value can be kept in. */
VP_MUST_USE enum vp_code cli_template_parse(const char *text, size_t len, enum cli_template_kind kind,
                                            struct cli_template *ret_template, struct vp_error *err);

/* Of one reference and nothing else. */
VP_MUST_USE enum vp_code cli_template_of_ref(const char *ref, struct cli_template *ret_template, struct vp_error *err);

/* Of one field, whatever characters its name has. */
VP_MUST_USE enum vp_code cli_template_of_field(const char *path, const char *field, struct cli_template *ret_template,
                                               struct vp_error *err);
void cli_template_clear(struct cli_template *template);

/* Whether the text has a reference at all. */
bool cli_template_has_ref(const char *text);

/* Adds the value as it must be written there. VP_REASON_LOCAL_CONFIG: it has characters that can't stand there. */
VP_MUST_USE enum vp_code cli_template_add_value(struct vp_buf *text, const struct cli_template_part *part,
                                                const char *value, struct vp_error *err);
