/* The auth method: Arvados containers log in and get the policies that Arvados' admins granted to their user. */
#pragma once

#include "vp/logical.h"

const struct logical_backend *auth_backend(void);
