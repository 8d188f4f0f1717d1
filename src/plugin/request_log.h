/* The one log line of a request: what failed and why, or that a login went through. */
#pragma once

#include <stdint.h>

#include "vp/logical.h"

/* `failure` NULL: it succeeded. Never writes anything of the body. */
void plugin_request_log(const struct logical_call *call, const struct vp_error *failure, int64_t arrived_ms);
