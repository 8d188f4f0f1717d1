/* The strict validator that stands before json-c. */
#pragma once

#include <stddef.h>

#include "vp/json.h"

/* As how many tokens a value counts that holds others. json-c 0.16 spends some 80 bytes on a text or a number, 790 on an object
 * without members, 150 on an array without items. */
enum { JSON_OBJECT_TOKENS = 10, JSON_ARRAY_TOKENS = 2, JSON_TOKEN_BYTES = 80 };

/* How much there is, to compare with what json-c makes of it. */
struct vp_json_tally {
    size_t n_tokens; /* values and keys, weighed */
    size_t text_len; /* bytes of all texts and keys, unescaped */
};

/* VP_OK: `text` is one RFC 8259 value within the source's limits, valid UTF-8, without NUL, lone surrogate or (down to
 * unique_depth) duplicate key. Else the source's reason, with what and where. */
VP_MUST_USE enum vp_code vp_json_check(const char *text, size_t len, const struct vp_json_source *source,
                                       struct vp_json_tally *ret_tally, struct vp_error *err);
