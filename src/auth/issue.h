/* Private to the module: a granted decision -> token, alias and metadata. */
#pragma once

#include "decision.h"

/* The answer of a login that was granted. */
VP_MUST_USE enum vp_code auth_issue(const struct auth_request *request, struct auth_decision *decision,
                                    struct logical_reply *reply, struct vp_error *err);
