#include "vp/clock.h"

#include "check.h"

TEST(times_of_rfc_3339_are_read)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } ROWS[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:01.999999999Z", 1 },
        { "2000-02-29T12:00:00Z", 951825600 },
        { "2024-02-29T00:00:00Z", 1709164800 },
        { "2026-01-31T12:00:00.123456789Z", 1769860800 },
        { "2026-01-31T12:00:00+01:30", 1769855400 },
        { "2026-01-31T12:00:00-01:30", 1769866200 },
        { "2016-12-31T23:59:60Z", 1483228799 },
        { "2038-01-19T03:14:08Z", 2147483648 },
        { "9999-12-31T23:59:59Z", 253402300799 },
        { "1970-01-01T00:00:00+00:01", -60 },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        int64_t seconds = 42;
        if (!vp_time_parse(ROWS[i].text, &seconds))
            fail_msg("not read: %s", ROWS[i].text);
        EXPECT(seconds == ROWS[i].seconds);
    }
}

TEST(everything_else_is_refused_and_changes_nothing)
{
    static const char *const TEXTS[] = {
        "",
        "now",
        "0",
        "2026",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-01-31t12:00:00Z",
        "2026-01-31T12:00:00z",
        "2026-01-31T12:00Z",
        "2026-1-31T12:00:00Z",
        "26-01-31T12:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00+1:00",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00Z ",
        " 2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00ZZ",
        "1969-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "-026-01-31T12:00:00Z",
        ("2026-01-31T12:00:00\xE2\x88\x92"
         "01:00"),
        "+026-01-31T12:00:00Z",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        int64_t seconds = 42;
        if (vp_time_parse(TEXTS[i], &seconds))
            fail_msg("read: %s", TEXTS[i]);
        EXPECT(seconds == 42);
    }
}

TEST(every_day_of_four_centuries_reads_back)
{
    for (int64_t day = 0; day < 146097; day++) {
        char text[VP_TIME_TEXT_SIZE];
        int64_t seconds = 0;
        vp_time_format(day * 86400 + 86399, text);
        EXPECT(vp_time_parse(text, &seconds) && seconds == day * 86400 + 86399);
    }
}

TEST(times_outside_the_years_are_written_as_nothing)
{
    char text[VP_TIME_TEXT_SIZE];
    static const int64_t TIMES[] = { -1, VP_TIME_NONE, INT64_MIN, 253402300800 };
    for (size_t i = 0; i < sizeof TIMES / sizeof TIMES[0]; i++) {
        vp_time_format(TIMES[i], text);
        EXPECT_TEXT("", text);
    }
}

TEST(the_systems_clocks_run)
{
    int64_t before = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
    EXPECT(VP_CLOCK_SYSTEM.now_s(VP_CLOCK_SYSTEM.self) > 1700000000);
    EXPECT(VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) >= before);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(times_of_rfc_3339_are_read),
        CASE(everything_else_is_refused_and_changes_nothing),
        CASE(every_day_of_four_centuries_reads_back),
        CASE(times_outside_the_years_are_written_as_nothing),
        CASE(the_systems_clocks_run),
    };
    return cmocka_run_group_tests_name("base_clock", cases, NULL, NULL);
}
