/* Certificates to trust. */
#pragma once

#include "vp/error.h"

/* The first of the usual system bundles that exists, as a heap string. VP_REASON_INTERNAL: none, or unreadable. */
VP_MUST_USE enum vp_code http_ca_system(char **ret_pem, struct vp_error *err);
