/* Lines of several threads at once, and pipes that are nearly full or that nobody reads any more. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "vp/buf.h"
#include "vp/json.h"
#include "vp/log.h"

#include "check.h"

enum { N_THREADS = 4, N_LINES = 500, ALL_BYTES = 64 * 1024 * 1024, PATIENCE_S = 60 };

static const struct vp_json_source LINE = { "the line", VP_REASON_INTERNAL, PIPE_BUF, 1, 100, 0, 0 };

static int ends[2];

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(0, pipe2(ends, 0));
    vp_log_set_fd(ends[1]);
    vp_log_set_level(VP_LOG_TRACE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vp_log_set_fd(STDERR_FILENO);
    vp_log_set_level(VP_LOG_DEBUG);
    for (size_t i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    return 0;
}

/* ---- threads ---- */

static void *log_lines(void *argument)
{
    const int *self = argument;
    for (int i = 0; i < N_LINES; i++) {
        const struct vp_log_field fields[] = { { "thread", NULL, *self }, { "line", NULL, i }, { 0 } };
        vp_log(VP_LOG_INFO, "one of many lines, long enough that a torn one would show: \"\xC3\xA9\"\n", fields);
    }
    return NULL;
}

/* Everything until the last writer closes its end. */
static void *read_all(void *argument)
{
    struct vp_buf *all = argument;
    char bytes[4096];
    ssize_t len;
    while ((len = read(ends[0], bytes, sizeof bytes)) > 0)
        vp_buf_add(all, bytes, (size_t)len);
    return NULL;
}

TEST(lines_of_several_threads_are_never_mixed_and_each_keeps_its_order)
{
    uint64_t before = vp_log_dropped();
    struct vp_buf all = VP_BUF_INIT(ALL_BYTES);
    pthread_t reader;
    pthread_t threads[N_THREADS];
    int numbers[N_THREADS];
    int64_t last[N_THREADS];
    uint64_t n_read = 0;
    assert_int_equal(0, pthread_create(&reader, NULL, read_all, &all));
    for (int i = 0; i < N_THREADS; i++) {
        numbers[i] = i;
        last[i] = -1;
        assert_int_equal(0, pthread_create(&threads[i], NULL, log_lines, &numbers[i]));
    }
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(0, pthread_join(threads[i], NULL));
    close(ends[1]);
    ends[1] = -1;
    assert_int_equal(0, pthread_join(reader, NULL));

    for (const char *at = vp_buf_text(&all); *at != '\0'; n_read++) {
        struct vp_error err = { 0 };
        VP_AUTO(vp_json_freep) struct vp_json *line = NULL;
        size_t len = strcspn(at, "\n");
        EXPECT_OK(vp_json_parse(at, len, &LINE, &line, &err), &err);
        int64_t thread = vp_json_int(vp_json_get(line, "thread"));
        int64_t number = vp_json_int(vp_json_get(line, "line"));
        EXPECT(number > last[thread]);
        last[thread] = number;
        at += len + 1;
    }
    /* A line is read or counted as dropped. */
    EXPECT_INT(N_THREADS * N_LINES, n_read + (vp_log_dropped() - before));
    EXPECT(n_read > 0);
    vp_buf_clear(&all);
}

/* In the place of the C library's: whoever looks is held up a little before he writes, so that the others look as well. */
/* Not static: glibc makes poll() an inline function where it is fortified. */
atomic_bool poll_is_slow;

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    const struct timespec limit = { .tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000L };
    int answer = ppoll(fds, n, timeout < 0 ? NULL : &limit, NULL);
    if (atomic_load(&poll_is_slow))
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    return answer;
}

static void *log_a_long_line(void *argument)
{
    char text[600];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const struct vp_log_field fields[] = {
        { "a", text, 0 }, { "b", text, 0 }, { "c", text, 0 }, { "d", text, 0 }, { 0 }
    };
    vp_log(VP_LOG_ERROR, "one that does not fit in one page with another", fields);
    return argument;
}

static void leave_room_for_one_line(void)
{
    char page[4096] = { 0 };
    int n_pages = fcntl(ends[1], F_GETPIPE_SZ) / (int)sizeof page;
    for (int i = 1; i < n_pages; i++)
        assert_int_equal(sizeof page, write(ends[1], page, sizeof page));
}

TEST(of_several_threads_that_see_room_for_one_line_none_waits)
{
    uint64_t before = vp_log_dropped();
    pthread_t threads[N_THREADS];
    struct timespec end;
    leave_room_for_one_line();
    atomic_store(&poll_is_slow, true);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, log_a_long_line, NULL));
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S; /* whoever waits does so for good: nobody reads */
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(0, pthread_timedjoin_np(threads[i], NULL, &end));
    atomic_store(&poll_is_slow, false);
    EXPECT_INT(N_THREADS - 1, vp_log_dropped() - before);
}

/* ---- pipes ---- */

TEST(a_pipe_that_nobody_reads_any_more_drops_lines_and_ends_nothing)
{
    uint64_t before = vp_log_dropped();
    struct sigaction ignored = { .sa_handler = SIG_IGN };
    struct sigaction old;
    assert_int_equal(0, sigaction(SIGPIPE, &ignored, &old)); /* as the program does at its start */
    close(ends[0]);
    ends[0] = -1;

    vp_log(VP_LOG_ERROR, "x", NULL);
    vp_log(VP_LOG_ERROR, "y", NULL);

    EXPECT_INT(2, vp_log_dropped() - before);
    assert_int_equal(0, sigaction(SIGPIPE, &old, NULL));
}

TEST(after_a_full_pipe_was_read_lines_are_written_again_and_whole)
{
    struct vp_buf all = VP_BUF_INIT(ALL_BYTES);
    uint64_t before = vp_log_dropped();
    char bytes[4096];
    size_t n_written = 0;
    for (; vp_log_dropped() == before; n_written++)
        vp_log(VP_LOG_ERROR, "filling the pipe", NULL);

    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    for (ssize_t len; (len = read(ends[0], bytes, sizeof bytes)) > 0;)
        vp_buf_add(&all, bytes, (size_t)len);
    size_t n_lines = 0;
    for (size_t i = 0; i < all.len; i++)
        n_lines += all.data[i] == '\n';
    EXPECT_INT(n_written - 1, n_lines); /* the last one was dropped whole */
    EXPECT(all.data[all.len - 1] == '\n');

    vp_log(VP_LOG_ERROR, "again", NULL);
    EXPECT(read(ends[0], bytes, sizeof bytes) > 0);
    EXPECT_INT(1, vp_log_dropped() - before);
    vp_buf_clear(&all);
}

TEST(a_line_whose_fields_do_not_fit_keeps_its_message)
{
    struct vp_error err = { 0 };
    char text[700];
    char bytes[PIPE_BUF + 1];
    VP_AUTO(vp_json_freep) struct vp_json *line = NULL;
    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const struct vp_log_field fields[] = {
        { "a", text, 0 }, { "b", text, 0 }, { "c", text, 0 }, { "d", text, 0 }, { 0 }
    };

    vp_log(VP_LOG_ERROR, "what matters", fields);

    ssize_t len = read(ends[0], bytes, sizeof bytes);
    EXPECT(len > 0 && len <= PIPE_BUF);
    EXPECT_OK(vp_json_parse(bytes, (size_t)len - 1, &LINE, &line, &err), &err);
    EXPECT_TEXT("what matters", vp_json_text(vp_json_get(line, "@message")));
    EXPECT_NULL(vp_json_get(line, "a"));
}

TEST(any_number_of_fields_gives_a_line_of_at_most_pipe_buf_bytes)
{
    char text[601];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    /* Lengths around the place where the line stops fitting, one byte at a time. */
    for (size_t cut = 0; cut <= 300; cut++) {
        struct vp_error err = { 0 };
        char bytes[PIPE_BUF + 1];
        VP_AUTO(vp_json_freep) struct vp_json *line = NULL;
        const struct vp_log_field fields[] = { { "a", text, 0 },
                                               { "b", text, 0 },
                                               { "c", text, 0 },
                                               { "d", text, 0 },
                                               { "e", text, 0 },
                                               { "f", text, 0 },
                                               { "g", text + 300 + cut, 0 },
                                               { 0 } };
        vp_log(VP_LOG_ERROR, "a line", fields);
        ssize_t len = read(ends[0], bytes, sizeof bytes);
        EXPECT(len > 0 && len <= PIPE_BUF);
        EXPECT(bytes[len - 1] == '\n');
        EXPECT_OK(vp_json_parse(bytes, (size_t)len - 1, &LINE, &line, &err), &err);
        EXPECT_TEXT("a line", vp_json_text(vp_json_get(line, "@message")));
    }
}

TEST(each_level_has_the_word_that_the_host_knows)
{
    static const char *const WORDS[] = { "trace", "debug", "info", "warn", "error" };
    for (int level = VP_LOG_TRACE; level <= VP_LOG_ERROR; level++) {
        struct vp_error err = { 0 };
        char bytes[PIPE_BUF];
        VP_AUTO(vp_json_freep) struct vp_json *line = NULL;
        vp_log((enum vp_log_level)level, "x", NULL);
        ssize_t len = read(ends[0], bytes, sizeof bytes);
        EXPECT(len > 0);
        EXPECT_OK(vp_json_parse(bytes, (size_t)len - 1, &LINE, &line, &err), &err);
        EXPECT_TEXT(WORDS[level], vp_json_text(vp_json_get(line, "@level")));
        EXPECT_TEXT("arvados", vp_json_text(vp_json_get(line, "@module")));
    }
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        FRESH(lines_of_several_threads_are_never_mixed_and_each_keeps_its_order),
        FRESH(of_several_threads_that_see_room_for_one_line_none_waits),
        FRESH(a_pipe_that_nobody_reads_any_more_drops_lines_and_ends_nothing),
        FRESH(after_a_full_pipe_was_read_lines_are_written_again_and_whole),
        FRESH(a_line_whose_fields_do_not_fit_keeps_its_message),
        FRESH(any_number_of_fields_gives_a_line_of_at_most_pipe_buf_bytes),
        FRESH(each_level_has_the_word_that_the_host_knows),
    };
    return cmocka_run_group_tests_name("base_log_pipe", cases, NULL, NULL);
}
