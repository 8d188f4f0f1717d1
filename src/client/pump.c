#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <unistd.h>

enum { PIECE = 65536, PIPE_SIZE = 1024 * 1024 };

struct cli_pump {
    struct cli_mask *mask;
    struct cli_mask_stream stream;
    pthread_t thread;
    bool started;
    int from;
    int write_end; /* -1 once the command has it */
    int to;
    int finish; /* readable once the command has ended */
};

static bool write_all(void *context, const char *bytes, size_t len)
{
    const struct cli_pump *pump = context;
    while (len > 0) {
        ssize_t n = write(pump->to, bytes, len);
        if (n < 0 && errno == EAGAIN) { /* the caller's, and it said so */
            struct pollfd full = { .fd = pump->to, .events = POLLOUT };
            (void)poll(&full, 1, -1);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* False at the end of the stream, or when nobody takes it any more. */
static bool pump_once(struct cli_pump *pump)
{
    if (!cli_mask_stream_reserve(&pump->stream, PIECE))
        return false;
    ssize_t n = read(pump->from, pump->stream.data + pump->stream.len, PIECE);
    if (n < 0)
        return errno == EINTR;
    pump->stream.len += (size_t)n;
    return cli_mask_flush(pump->mask, &pump->stream, n == 0, write_all, pump) && n > 0;
}

static void *work(void *context)
{
    struct cli_pump *pump = context;
    struct pollfd fds[] = { { .fd = pump->from, .events = POLLIN }, { .fd = pump->finish, .events = POLLIN } };
    bool going = true;
    while (going) {
        int n = poll(fds, 2, (fds[1].revents & POLLIN) != 0 ? 0 : -1);
        if (n < 0)
            continue;
        if (fds[0].revents != 0)
            going = pump_once(pump);
        else if ((fds[1].revents & POLLIN) != 0) {
            (void)cli_mask_flush(pump->mask, &pump->stream, true, write_all, pump);
            going = false;
        }
    }
    (void)close(pump->from); /* the command is to notice when nobody reads it */
    return NULL;
}

enum vp_code cli_pump_new(struct cli_mask *mask, int to, struct cli_pump **ret_pump, struct vp_error *err)
{
    int ends[2];
    struct cli_pump *pump = calloc(1, sizeof *pump);
    if (pump == NULL)
        return vp_fail_no_memory(err);
    int finish = eventfd(0, EFD_CLOEXEC);
    if (finish < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        if (finish >= 0)
            (void)close(finish);
        free(pump);
        return vp_fail(err, VP_REASON_INTERNAL, "no pipe for the command's output");
    }
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
    *pump = (struct cli_pump){ .mask = mask, .from = ends[0], .write_end = ends[1], .to = to, .finish = finish };
    *ret_pump = pump;
    return VP_OK;
}

void cli_pump_enter(const struct cli_pump *pump)
{
    (void)dup2(pump->write_end, pump->to);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

enum vp_code cli_pump_start(struct cli_pump *pump, bool again, struct vp_error *err)
{
    if (!again)
        close_end(&pump->write_end);
    pump->started = pthread_create(&pump->thread, NULL, work, pump) == 0;
    return pump->started ? VP_OK
                         : vp_fail(err, VP_REASON_INTERNAL, "no thread can be started for the command's output");
}

void cli_pump_free(struct cli_pump *pump)
{
    static const uint64_t ONE = 1;
    if (pump == NULL)
        return;
    while (pump->started && write(pump->finish, &ONE, sizeof ONE) < 0)
        continue;
    if (pump->started)
        (void)pthread_join(pump->thread, NULL);
    else
        (void)close(pump->from);
    close_end(&pump->write_end);
    (void)close(pump->finish);
    cli_mask_stream_clear(&pump->stream);
    free(pump);
}
