/* How a value looks where a program writes it in another form: base64, URL escapes, JSON escapes. */
#pragma once

#include <stddef.h>

#include "vp/error.h"

typedef enum vp_code (*cli_encodings_visit)(void *context, const char *bytes, size_t len, struct vp_error *err);

/* Calls `visit` with each form of the value; of base64 the part that the value alone decides, wherever it begins. */
VP_MUST_USE enum vp_code cli_encodings_each(const char *value, size_t len, cli_encodings_visit visit, void *context,
                                            struct vp_error *err);
