#include <string.h>

#include "settings.h"

/* In microseconds, so that a sum of parts is exact. */
enum { MS = 1000 };
static const int64_t MAX_US = (int64_t)10 * 366 * 86400 * 1000 * 1000;

static const struct {
    const char *name;
    int64_t us;
} UNITS[] = { { "ns", 0 },
              { "us", 1 },
              { "\xC2\xB5s", 1 },
              { "ms", MS },
              { "s", 1000 * MS },
              { "m", 60000 * MS },
              { "h", (int64_t)3600000 * MS },
              { "d", (int64_t)86400000 * MS } };

/* "12", "1.5" in front of a unit. */
static bool add_part(const char **at, int64_t *total_us)
{
    static const char DIGITS[] = "0123456789";
    int64_t whole = 0;
    int64_t fraction = 0;
    int64_t scale = 1;
    size_t n_whole = strspn(*at, DIGITS);
    for (size_t i = 0; i < n_whole && whole <= MAX_US; i++)
        whole = whole * 10 + (*at)[i] - '0';
    *at += n_whole;
    size_t n_fraction = **at == '.' ? strspn(*at + 1, DIGITS) : 0;
    for (size_t i = 0; i < n_fraction && scale < 1000000; i++, scale *= 10)
        fraction = fraction * 10 + (*at)[1 + i] - '0';
    if (**at == '.')
        *at += 1 + n_fraction;
    size_t n_unit = strcspn(*at, "0123456789.");
    if (n_whole + n_fraction == 0)
        return false;
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (strlen(UNITS[i].name) != n_unit || strncmp(*at, UNITS[i].name, n_unit) != 0)
            continue;
        if (UNITS[i].us > 0 && whole > MAX_US / UNITS[i].us)
            return false;
        *total_us += whole * UNITS[i].us + fraction * UNITS[i].us / scale;
        *at += n_unit;
        return *total_us <= MAX_US;
    }
    return false;
}

bool cli_settings_duration_ms(const char *text, int64_t *ret_ms)
{
    int64_t total_us = 0;
    const char *at = text;
    if (*text != '\0' && text[strspn(text, "0123456789")] == '\0') {
        for (; *at != '\0' && total_us <= MAX_US / MS / 1000; at++)
            total_us = total_us * 10 + *at - '0';
        if (*at != '\0' || total_us > MAX_US / MS / 1000)
            return false;
        *ret_ms = total_us * 1000;
        return true;
    }
    while (*at != '\0')
        if (!add_part(&at, &total_us))
            return false;
    if (at == text)
        return false;
    *ret_ms = (total_us + MS - 1) / MS;
    return true;
}

bool cli_settings_duration(const char *text, int64_t *ret_seconds)
{
    int64_t ms;
    if (!cli_settings_duration_ms(text, &ms) || ms < 1000)
        return false;
    *ret_seconds = ms / 1000;
    return true;
}
