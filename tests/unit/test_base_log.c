/* The lines that the host reads: one JSON object each, never anything that could end the host. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "vp/json.h"
#include "vp/log.h"

#include "check.h"

static const struct vp_json_source LINE = { "the line", VP_REASON_INTERNAL, PIPE_BUF, 1, 100, 0, 0 };

static int ends[2];

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(0, pipe2(ends, O_NONBLOCK));
    vp_log_set_fd(ends[1]);
    vp_log_set_level(VP_LOG_DEBUG);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vp_log_set_fd(STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* The one line that was written, as JSON; NULL when there is none. */
static struct vp_json *read_line(void)
{
    char text[PIPE_BUF + 1];
    struct vp_error err = { 0 };
    struct vp_json *line = NULL;
    ssize_t len = read(ends[0], text, sizeof text);
    if (len <= 0)
        return NULL;
    EXPECT(len <= PIPE_BUF);
    EXPECT(text[len - 1] == '\n');
    EXPECT(memchr(text, '\n', (size_t)len) == text + len - 1);
    EXPECT_OK(vp_json_parse(text, (size_t)len - 1, &LINE, &line, &err), &err);
    static const char *const TEXTS[] = { "@level", "@message", "@module", "@timestamp" };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        EXPECT_INT(VP_JSON_TEXT, vp_json_type(vp_json_get(line, TEXTS[i])));
    return line;
}

/* "2026-01-31T12:00:00.123456Z": the host shows any other form as raw text. */
static void check_timestamp(const char *text)
{
    static const char FORM[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    EXPECT_INT(sizeof FORM - 1, strlen(text));
    for (size_t i = 0; FORM[i] != '\0'; i++)
        EXPECT(FORM[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == FORM[i]);
}

TEST(a_line_has_what_the_host_reads)
{
    const struct vp_log_field fields[] = { { "reason", "no_grant", 0 }, { "took_ms", NULL, -7 }, { 0 } };
    vp_log(VP_LOG_WARN, "request failed", fields);

    VP_AUTO(vp_json_freep) struct vp_json *line = read_line();
    EXPECT_TEXT("warn", vp_json_text(vp_json_get(line, "@level")));
    EXPECT_TEXT("request failed", vp_json_text(vp_json_get(line, "@message")));
    EXPECT_TEXT("no_grant", vp_json_text(vp_json_get(line, "reason")));
    EXPECT_INT(-7, vp_json_int(vp_json_get(line, "took_ms")));
    check_timestamp(vp_json_text(vp_json_get(line, "@timestamp")));
}

TEST(hostile_texts_stay_values_of_one_line)
{
    static const char *const TEXTS[] = {
        "\n{\"@message\":1}\n", "\"},{\"@level\":2", "\r\n\t\x01\x1B[0m", "\xFF\xFE\xC0\xAF", "panic: x", "\\", "\"",
        "\xE2\x80\xA8",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        const struct vp_log_field fields[] = { { "text", TEXTS[i], 0 }, { 0 } };
        vp_log(VP_LOG_ERROR, TEXTS[i], fields);
        VP_AUTO(vp_json_freep) struct vp_json *line = read_line();
        EXPECT(line != NULL);
    }
}

TEST(long_texts_are_cut_and_the_line_stays_whole)
{
    char *text = malloc(100001);
    static const char FILLERS[] = { 'a', '"', '\x01', '\xFF', '\xC3' };
    for (size_t i = 0; i < sizeof FILLERS; i++) {
        memset(text, FILLERS[i], 100000);
        text[100000] = '\0';
        const struct vp_log_field fields[] = { { "a", text, 0 }, { "b", text, 0 }, { "c", text, 0 }, { 0 } };
        vp_log(VP_LOG_ERROR, text, fields);
        VP_AUTO(vp_json_freep) struct vp_json *line = read_line();
        EXPECT(line != NULL);
    }
    free(text);
}

TEST(lines_below_the_level_are_not_written)
{
    vp_log_set_level(VP_LOG_WARN);
    vp_log(VP_LOG_INFO, "no", NULL);
    EXPECT_NULL(read_line());
    vp_log(VP_LOG_WARN, "yes", NULL);
    VP_AUTO(vp_json_freep) struct vp_json *line = read_line();
    EXPECT(line != NULL);
}

TEST(a_full_pipe_drops_lines_and_counts_them_instead_of_waiting)
{
    uint64_t before = vp_log_dropped();
    int flags = fcntl(ends[1], F_GETFL);
    (void)fcntl(ends[1], F_SETFL, flags & ~O_NONBLOCK); /* so that waiting would show */
    for (int i = 0; i < 5000; i++)
        vp_log(VP_LOG_ERROR, "filling the pipe with lines that nobody reads, one after the other", NULL);
    EXPECT(vp_log_dropped() > before);
}

TEST(a_closed_pipe_drops_lines)
{
    uint64_t before = vp_log_dropped();
    vp_log_set_fd(-1);
    vp_log(VP_LOG_ERROR, "x", NULL);
    EXPECT(vp_log_dropped() == before + 1);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        FRESH(a_line_has_what_the_host_reads),
        FRESH(hostile_texts_stay_values_of_one_line),
        FRESH(long_texts_are_cut_and_the_line_stays_whole),
        FRESH(lines_below_the_level_are_not_written),
        FRESH(a_full_pipe_drops_lines_and_counts_them_instead_of_waiting),
        FRESH(a_closed_pipe_drops_lines),
    };
    return cmocka_run_group_tests_name("base_log", cases, NULL, NULL);
}
