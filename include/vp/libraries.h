/* What the third-party libraries must be told before anything else is done with them. */
#pragma once

#include "vp/error.h"

/* Call once, first thing in the process, while it has one thread. VP_REASON_INTERNAL: no memory for it. */
VP_MUST_USE enum vp_code vp_libraries_settle(struct vp_error *err);
