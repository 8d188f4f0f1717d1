/* Strings of JSON that hold a NUL: json-c knows their length, C does not. */
#pragma once

#include "vp/json.h"

/* Its address marks such a string, as json-c's userdata. */
extern const char JSON_HAS_NUL;

/* The bytes of a VP_JSON_NUL_TEXT, borrowed. */
const char *json_nul_text(const struct vp_json *text, size_t *ret_len);
