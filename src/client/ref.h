/* What a secret is called: [?]PATH[#FIELD]. A question mark says that it may be missing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vp/error.h"

struct cli_ref {
    char *path;  /* as for `bao kv get`: secret/genomics/db */
    char *field; /* NULL: the whole secret, as a JSON object */
    bool optional;
};

/* `len` bytes of `text`. VP_REASON_USAGE with words. */
VP_MUST_USE enum vp_code cli_ref_parse(const char *text, size_t len, struct cli_ref *ret_ref, struct vp_error *err);
void cli_ref_clear(struct cli_ref *ref);
