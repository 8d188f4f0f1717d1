#include "vp/duration.h"

#include <string.h>

#include "vp/error.h"

#define NS_PER_S INT64_C(1000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *text; false for a number beyond int64_t. */
static bool read_whole(const char **text, int64_t *ret_number)
{
    int64_t number = 0;
    for (; is_digit(**text); (*text)++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, **text - '0', &number))
            return false;
    *ret_number = number;
    return true;
}

/* The digits behind a point, as a part of `unit_ns`. What is smaller than a nanosecond is dropped, as Go does. */
static int64_t read_fraction(const char *digits, int64_t unit_ns)
{
    int64_t fraction_ns = 0;
    /* Every unit of more than a nanosecond is a multiple of ten until its place is below one. */
    for (int64_t place_ns = unit_ns / 10; is_digit(*digits) && place_ns > 0; place_ns /= 10)
        fraction_ns += place_ns * (*digits++ - '0');
    return fraction_ns;
}

static const struct {
    const char *name;
    int64_t ns;
} UNITS[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "\xC2\xB5s", 1000 }, /* micro sign */
    { "\xCE\xBCs", 1000 }, /* Greek mu */
    { "ms", 1000000 },
    { "s", NS_PER_S },
    { "m", 60 * NS_PER_S },
    { "h", 3600 * NS_PER_S },
    { "d", 86400 * NS_PER_S },
};

/* The unit at *text: up to the next digit or point. 0: none. */
static int64_t read_unit(const char **text)
{
    size_t len = strcspn(*text, "0123456789.");
    for (size_t i = 0; i < VP_LEN(UNITS); i++) {
        if (strlen(UNITS[i].name) == len && strncmp(*text, UNITS[i].name, len) == 0) {
            *text += len;
            return UNITS[i].ns;
        }
    }
    return 0;
}

/* One number with its unit. */
static bool read_part(const char **text, int64_t *ret_ns)
{
    int64_t whole = 0;
    const char *start = *text;
    if (!read_whole(text, &whole))
        return false;
    size_t n_digits = (size_t)(*text - start);
    const char *fraction = "";
    if (**text == '.') {
        fraction = *text + 1;
        *text = fraction + strspn(fraction, "0123456789");
        n_digits += (size_t)(*text - fraction);
    }
    int64_t unit_ns = n_digits == 0 ? 0 : read_unit(text);
    if (unit_ns == 0 || __builtin_mul_overflow(whole, unit_ns, &whole))
        return false;
    return !__builtin_add_overflow(whole, read_fraction(fraction, unit_ns), ret_ns);
}

bool vp_duration_parse(const char *text, int64_t *ret_s)
{
    bool negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    const char *end = text;
    int64_t seconds = 0;
    if (is_digit(*text) && read_whole(&end, &seconds) && *end == '\0') {
        *ret_s = negative ? -seconds : seconds;
        return true;
    }
    int64_t total_ns = 0;
    do {
        int64_t part_ns = 0;
        if (!read_part(&text, &part_ns) || __builtin_add_overflow(total_ns, part_ns, &total_ns))
            return false;
    } while (*text != '\0');
    seconds = total_ns / NS_PER_S + (total_ns % NS_PER_S > 0);
    *ret_s = negative ? -seconds : seconds;
    return true;
}
