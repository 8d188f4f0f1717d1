/* Durations as text, in one grammar for every field, option and environment variable: Go's ParseDuration ("90s",
 * "1h30m", "1.5h", "500ms"), the unit d for days, and plain whole seconds ("90"). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* In seconds; a part of a second counts as a whole one, since 0 often means "no limit". Negative durations
 * are negative. False for any other form, and for more than int64_t nanoseconds (292 years). */
bool vp_duration_parse(const char *text, int64_t *ret_s);
