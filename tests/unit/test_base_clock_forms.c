/* Times once more, by changing good ones: one byte, one cut, one field at a time. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/clock.h"

#include "check.h"

static const char *const GOOD[] = { "2026-01-31T12:34:56Z", "2026-01-31T12:34:56.7Z", "2026-01-31T12:34:56+01:30",
                                    "2026-01-31T12:34:56.789-11:59" };
enum { N_GOOD = sizeof GOOD / sizeof GOOD[0], TEXT_MAX = 40 };

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

TEST(a_time_cut_short_is_no_time)
{
    for (size_t i = 0; i < N_GOOD; i++) {
        for (size_t len = 0; len < strlen(GOOD[i]); len++) {
            char *cut = strndup(GOOD[i], len); /* on the heap, so that a sanitizer sees the end */
            int64_t seconds = 42;
            EXPECT(!vp_time_parse(cut, &seconds));
            EXPECT_INT(42, seconds);
            free(cut);
        }
    }
}

TEST(a_changed_byte_is_a_digit_for_a_digit_or_a_sign_for_a_sign_or_refused)
{
    for (size_t i = 0; i < N_GOOD; i++) {
        for (size_t at = 0; at < strlen(GOOD[i]); at++) {
            for (int byte = 1; byte < 256; byte++) {
                char text[TEXT_MAX];
                int64_t seconds = 42;
                (void)snprintf(text, sizeof text, "%s", GOOD[i]);
                char was = text[at];
                text[at] = (char)byte;
                if (!vp_time_parse(text, &seconds)) {
                    EXPECT_INT(42, seconds);
                    continue;
                }
                bool same = was == (char)byte;
                bool digit = is_digit(was) && is_digit(byte);
                bool sign = (was == '+' || was == '-') && (byte == '+' || byte == '-') && at > 10;
                /* "56+01:30" with 'Z' for the sign would leave bytes behind the zone. */
                EXPECT(same || digit || sign);
            }
        }
    }
}

TEST(a_byte_put_in_anywhere_is_a_digit_of_the_fraction_or_refused)
{
    for (size_t i = 0; i < N_GOOD; i++) {
        size_t len = strlen(GOOD[i]);
        for (size_t at = 0; at <= len; at++) {
            for (int byte = 1; byte < 256; byte++) {
                char text[TEXT_MAX];
                int64_t seconds = 42;
                (void)snprintf(text, sizeof text, "%.*s%c%s", (int)at, GOOD[i], byte, GOOD[i] + at);
                if (vp_time_parse(text, &seconds))
                    EXPECT(is_digit(byte) && at > 19 && GOOD[i][19] == '.');
            }
        }
    }
}

TEST(each_field_keeps_to_its_range)
{
    for (int value = 0; value < 100; value++) {
        static const struct {
            const char *format;
            int first, last;
        } ROWS[] = {
            { "2026-%02d-01T00:00:00Z", 1, 12 },      { "2026-01-%02dT00:00:00Z", 1, 31 },
            { "2026-02-%02dT00:00:00Z", 1, 28 },      { "2024-02-%02dT00:00:00Z", 1, 29 },
            { "2100-02-%02dT00:00:00Z", 1, 28 },      { "2000-02-%02dT00:00:00Z", 1, 29 },
            { "2026-04-%02dT00:00:00Z", 1, 30 },      { "2026-01-01T%02d:00:00Z", 0, 23 },
            { "2026-01-01T00:%02d:00Z", 0, 59 },      { "2026-01-01T00:00:%02dZ", 0, 60 },
            { "2026-01-01T00:00:00+%02d:00", 0, 23 }, { "2026-01-01T00:00:00-00:%02d", 0, 59 },
            { "19%02d-01-01T00:00:00Z", 70, 99 },
        };
        for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
            char text[TEXT_MAX];
            char number[3];
            int64_t seconds = 0;
            const char *at = strstr(ROWS[i].format, "%02d");
            (void)snprintf(number, sizeof number, "%02d", value);
            (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - ROWS[i].format), ROWS[i].format, number, at + 4);
            bool wanted = value >= ROWS[i].first && value <= ROWS[i].last;
            if (vp_time_parse(text, &seconds) != wanted)
                fail_msg("%s", text);
        }
    }
}

TEST(the_same_second_in_every_zone_is_the_same_number)
{
    for (int minutes = -(23 * 60 + 59); minutes <= 23 * 60 + 59; minutes++) {
        char local[VP_TIME_TEXT_SIZE];
        char text[TEXT_MAX];
        int64_t seconds = 0;
        int distance = abs(minutes);
        vp_time_format(1800000000 + minutes * 60, local);
        (void)snprintf(text, sizeof text, "%.19s%c%02d:%02d", local, minutes < 0 ? '-' : '+', distance / 60 % 24,
                       distance % 60);
        EXPECT(vp_time_parse(text, &seconds));
        EXPECT_INT(1800000000, seconds);
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_time_cut_short_is_no_time),
        CASE(a_changed_byte_is_a_digit_for_a_digit_or_a_sign_for_a_sign_or_refused),
        CASE(a_byte_put_in_anywhere_is_a_digit_of_the_fraction_or_refused),
        CASE(each_field_keeps_to_its_range),
        CASE(the_same_second_in_every_zone_is_the_same_number),
    };
    return cmocka_run_group_tests_name("base_clock_forms", cases, NULL, NULL);
}
