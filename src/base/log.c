#include "vp/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vp/buf.h"
#include "vp/json.h"
#include "vp/texts.h"

/* The host's line limit is 64 KiB; a write up to PIPE_BUF is never mixed with another process's. */
enum { LINE_MAX_BYTES = PIPE_BUF - 1, VALUE_MAX_BYTES = 600 };

static const char *const LEVELS[] = { "trace", "debug", "info", "warn", "error" };

/* The only mutable state at file scope in this project: there is one stderr. */
static atomic_int least_level = VP_LOG_DEBUG;
static atomic_int log_fd = STDERR_FILENO;
static atomic_uint_least64_t dropped;
static pthread_mutex_t one_writer = PTHREAD_MUTEX_INITIALIZER; /* held over a look and a write that don't wait */

void vp_log_set_level(enum vp_log_level level)
{
    atomic_store(&least_level, (int)level);
}

void vp_log_set_fd(int fd)
{
    atomic_store(&log_fd, fd);
}

uint64_t vp_log_dropped(void)
{
    return atomic_load(&dropped);
}

/* Just six decimals and a zone, or the host shows the whole line raw. */
static void format_timestamp(char text[40])
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t len = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + len, 40 - len, ".%06ldZ", now.tv_nsec / 1000);
}

static void add_capped(struct vp_json_writer *line, const char *key, const char *text)
{
    char capped[VALUE_MAX_BYTES + 1];
    (void)snprintf(capped, sizeof capped, "%s", text);
    vp_text_make_visible(capped);
    vp_json_add_text(line, key, capped);
}

/* Pipes keep writes of up to PIPE_BUF whole, and poll calls one writable only when such a write would not block: the next one,
 * not each of several threads'. */
static bool writable(int fd)
{
    struct pollfd pipe_end = { .fd = fd, .events = POLLOUT };
    return poll(&pipe_end, 1, 0) == 1 && (pipe_end.revents & POLLOUT) != 0;
}

static bool write_at_once(int fd, const struct vp_buf *line)
{
    ssize_t written = -1;
    pthread_mutex_lock(&one_writer);
    if (writable(fd)) {
        do
            written = write(fd, line->data, line->len);
        while (written < 0 && errno == EINTR);
    }
    pthread_mutex_unlock(&one_writer);
    return written == (ssize_t)line->len;
}

static void write_line(struct vp_buf *line)
{
    vp_buf_add_text(line, "\n");
    if (line->failed || !write_at_once(atomic_load(&log_fd), line))
        atomic_fetch_add(&dropped, 1);
}

/* Builds the line; false when it does not fit. */
static bool build_line(struct vp_buf *buf, enum vp_log_level level, const char *message,
                       const struct vp_log_field *fields)
{
    char timestamp[40];
    format_timestamp(timestamp);
    struct vp_json_writer line;
    vp_json_begin(&line, buf);
    vp_json_open_object(&line);
    vp_json_add_text(&line, "@level", LEVELS[level]);
    add_capped(&line, "@message", message);
    vp_json_add_text(&line, "@module", "arvados");
    vp_json_add_text(&line, "@timestamp", timestamp);
    for (const struct vp_log_field *field = fields; field != NULL && field->key != NULL; field++) {
        assert(field->key[0] != '@');
        if (field->text != NULL)
            add_capped(&line, field->key, field->text);
        else
            vp_json_add_int(&line, field->key, field->number);
    }
    vp_json_close_object(&line);
    return !buf->failed && buf->len < LINE_MAX_BYTES;
}

void vp_log(enum vp_log_level level, const char *message, const struct vp_log_field *fields)
{
    if ((int)level < atomic_load(&least_level))
        return;
    struct vp_buf line = VP_BUF_INIT(LINE_MAX_BYTES);
    if (!build_line(&line, level, message, fields)) {
        /* Escapes can make values several times as long. Better the message alone than a cut line. */
        vp_buf_clear(&line);
        (void)build_line(&line, level, message, NULL);
    }
    write_line(&line);
    vp_buf_clear(&line);
}
