/* The strict validator that stands before json-c. */
#pragma once

#include <stddef.h>

#include "vp/json.h"

/* How much there is, to compare with what json-c makes of it. */
struct vp_json_tally {
    unsigned n_tokens; /* values and keys */
    size_t text_len;   /* bytes of all texts and keys, unescaped */
};

/* VP_OK: `text` is one RFC 8259 value within the source's limits, valid UTF-8, without NUL, lone surrogate or (down to
 * unique_depth) duplicate key. Else the source's reason, with what and where. */
VP_MUST_USE enum vp_code vp_json_check(const char *text, size_t len, const struct vp_json_source *source,
                                       struct vp_json_tally *ret_tally, struct vp_error *err);
