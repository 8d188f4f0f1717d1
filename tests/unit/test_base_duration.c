/* Durations as text: Go's grammar, days and plain seconds. */
#include "vp/duration.h"

#include "check.h"

TEST(a_duration_is_plain_seconds_or_numbers_with_units)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } ROWS[] = {
        { "0", 0 },
        { "90", 90 },
        { "-90", -90 },
        { "+90", 90 },
        { "90s", 90 },
        { "10m", 600 },
        { "1h30m", 5400 },
        { "1h30m10s", 5410 },
        { "1d", 86400 },
        { "1d12h", 129600 },
        { "1.5h", 5400 },
        { ".5h", 1800 },
        { "1.h", 3600 },
        { "0.25d", 21600 },
        { "-1.5h", -5400 },
        { "+1h", 3600 },
        { "500ms", 1 },
        { "1500ms", 2 },
        { "1ns", 1 },
        { "0s", 0 },
        { "1us", 1 },
        { "1\xC2\xB5s", 1 },
        { "1\xCE\xBCs", 1 },
        { "3000ms", 3 },
        { "1m60s", 120 },
        { "60s1m", 120 },
        { "2562047h", 9223369200 },
        { "9223372036854775807", INT64_MAX },
        { "0.000000000000000000000000000001h", 0 },
    };
    for (size_t i = 0; i < VP_LEN(ROWS); i++) {
        int64_t seconds = 7;
        print_message("%s\n", ROWS[i].text);
        EXPECT(vp_duration_parse(ROWS[i].text, &seconds));
        EXPECT_INT(ROWS[i].seconds, seconds);
    }
}

TEST(any_other_text_is_no_duration)
{
    static const char *const ROWS[] = {
        "",         " ",          "-",       "+",    ".",     ".s",     "s",         "h1", "1x", "1 h",
        " 1h",      "1h ",        "1h30",    "30 m", "--1h",  "1h-1m",  "1,5h",      "1H", "1S", "1.5",
        "1.",       "0x1",        "1e3",     "1e3s", "1..5h", "1.5.5h", "1min",      "1w", "1y", "9223372036854775808",
        "2562048h", "1h2562047h", "106752d", "nan",  "inf",   "1\xC2s", "\xC2\xB5s",
    };
    for (size_t i = 0; i < VP_LEN(ROWS); i++) {
        int64_t seconds = 7;
        if (vp_duration_parse(ROWS[i], &seconds))
            fail_msg("\"%s\" was taken as %lld", ROWS[i], (long long)seconds);
        EXPECT_INT(7, seconds);
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_duration_is_plain_seconds_or_numbers_with_units),
        CASE(any_other_text_is_no_duration),
    };
    return cmocka_run_group_tests_name("base_duration", cases, NULL, NULL);
}
