/* The secrets engine: Arvados tokens for Arvados users, each on a lease. */
#pragma once

#include "vp/logical.h"

const struct logical_backend *tokens_backend(void);
