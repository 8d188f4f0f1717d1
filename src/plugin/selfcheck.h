/* -selfcheck: what can be told without a host. */
#pragma once

#include "vp/logical.h"

/* Prints a verdict a line on stdout, with the mend for what fails; returns the exit status, 0 or 1. */
int plugin_selfcheck(const struct logical_backend *backend);
