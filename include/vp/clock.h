/* Time, replaceable in tests; and RFC 3339 texts. Wall time for what is compared with Arvados' times, monotonic time
 * for every deadline. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vp_clock {
    int64_t (*now_s)(void *self);        /* seconds since 1970 */
    int64_t (*monotonic_ms)(void *self); /* milliseconds since some start; never steps */
    void *self;
};

extern const struct vp_clock VP_CLOCK_SYSTEM;

/* No time given: later than all times, so that the earliest of several can be taken plainly. */
#define VP_TIME_NONE INT64_MAX

/* Seconds since 1970 of "2026-01-31T12:00:00[.digits](Z|+hh:mm|-hh:mm)", fractions dropped. False on any other form,
 * on dates that do not exist, and on years outside 1970..9999. Leap second 60 is taken as 59. */
bool vp_time_parse(const char *text, int64_t *ret_seconds);

/* "2026-01-31T12:00:00Z", NUL-terminated; "" for a time outside years 1970..9999. */
enum { VP_TIME_TEXT_SIZE = 21 };
void vp_time_format(int64_t seconds, char text[VP_TIME_TEXT_SIZE]);
