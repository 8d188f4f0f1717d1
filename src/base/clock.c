#include "vp/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t system_now_s(void *self)
{
    (void)self;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

static int64_t system_monotonic_ms(void *self)
{
    (void)self;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct vp_clock VP_CLOCK_SYSTEM = { system_now_s, system_monotonic_ms, NULL };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads just `n` digits and steps over them. */
static bool digits(const char **at, unsigned n, int *ret_number)
{
    int number = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!is_digit((*at)[i]))
            return false;
        number = number * 10 + ((*at)[i] - '0');
    }
    *at += n;
    *ret_number = number;
    return true;
}

static bool literal(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int DAYS[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return month == 2 && is_leap(year) ? 29 : DAYS[month - 1];
}

/* Days from 1970-01-01, by counting leap days. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t before = year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;
    for (int m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days + day - 1;
}

/* "Z", "+hh:mm" or "-hh:mm" as seconds east of UTC. */
static bool parse_zone(const char **at, int64_t *ret_offset_s)
{
    if (literal(at, 'Z')) {
        *ret_offset_s = 0;
        return true;
    }
    int64_t sign = **at == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if (!literal(at, '+') && !literal(at, '-'))
        return false;
    if (!digits(at, 2, &hours) || !literal(at, ':') || !digits(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool vp_time_parse(const char *text, int64_t *ret_seconds)
{
    const char *at = text;
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    if (!digits(&at, 4, &year) || !literal(&at, '-') || !digits(&at, 2, &month) || !literal(&at, '-') ||
        !digits(&at, 2, &day) || !literal(&at, 'T') || !digits(&at, 2, &hour) || !literal(&at, ':') ||
        !digits(&at, 2, &minute) || !literal(&at, ':') || !digits(&at, 2, &second))
        return false;
    if (literal(&at, '.')) {
        if (!is_digit(*at))
            return false;
        while (is_digit(*at))
            at++;
    }
    int64_t offset_s = 0;
    if (!parse_zone(&at, &offset_s) || *at != '\0')
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return false;
    if (second == 60)
        second = 59;
    *ret_seconds =
        days_since_1970(year, month, day) * 86400 + (int64_t)hour * 3600 + (int64_t)minute * 60 + second - offset_s;
    return true;
}

void vp_time_format(int64_t seconds, char text[VP_TIME_TEXT_SIZE])
{
    time_t time = (time_t)seconds;
    struct tm parts;
    text[0] = '\0';
    if (seconds < 0 || gmtime_r(&time, &parts) == NULL || parts.tm_year + 1900 > 9999)
        return;
    (void)strftime(text, VP_TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
