/* A JSON object from standard input, for the commands that take one. */
#pragma once

#include "vp/json.h"

/* VP_REASON_LOCAL_CONFIG with words. Freed by vp_json_free(). */
VP_MUST_USE enum vp_code cli_input_object(struct vp_json **ret_object, struct vp_error *err);
