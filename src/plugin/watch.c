#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,
    PROBE_TICKS = 5,
    DEAF_TICKS = 8, /* ticks, not time: a process that was stopped for an hour isn't deaf */
};

enum { AT_STDOUT, AT_SIGNAL, AT_STOP, AT_PROBE, N_FDS };

struct watch {
    struct pollfd fds[N_FDS];
    pid_t parent;
    const char *socket_path;
    unsigned ticks;
};

/* gRPC 1.51 never accepts again after it once ran out of descriptors. A connection
 * that only says goodbye is answered by closing it, so a reader that lives shows in the probe becoming readable. */
static int open_probe(const char *socket_path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    shutdown(fd, SHUT_WR);
    return fd;
}

static void close_probe(struct watch *watch)
{
    if (watch->fds[AT_PROBE].fd >= 0)
        close(watch->fds[AT_PROBE].fd);
    watch->fds[AT_PROBE].fd = -1;
}

/* Once a second. True: deaf. */
static bool tick(struct watch *watch)
{
    watch->ticks++;
    if (watch->ticks < PROBE_TICKS)
        return false;
    if (watch->fds[AT_PROBE].fd < 0)
        watch->fds[AT_PROBE].fd = open_probe(watch->socket_path);
    return watch->ticks >= PROBE_TICKS + DEAF_TICKS;
}

/* poll() reports the read end of stdout closing at once, also when the host was killed; the parent's pid is the second
 * means. Not PR_SET_PDEATHSIG: that is bound to the thread of the Go host that forked. */
static bool is_orphan(const struct watch *watch)
{
    return (watch->fds[AT_STDOUT].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 || getppid() != watch->parent;
}

static enum plugin_end wait_for_end(struct watch *watch, bool (*is_stuck)(void *context), void *context)
{
    for (;;) {
        int n = poll(watch->fds, N_FDS, TICK_MS);
        if (n < 0 && errno == EINTR)
            continue;
        if (is_orphan(watch))
            return PLUGIN_END_ORPHANED;
        if (watch->fds[AT_STOP].revents != 0 || watch->fds[AT_SIGNAL].revents != 0)
            return PLUGIN_END_ASKED;
        if (watch->fds[AT_PROBE].revents != 0) {
            close_probe(watch);
            watch->ticks = 0;
        } else if (n == 0 && tick(watch)) {
            return PLUGIN_END_DEAF;
        } else if (n == 0 && is_stuck(context)) {
            return PLUGIN_END_STUCK;
        }
    }
}

enum plugin_end plugin_watch(int stop_fd, const char *socket_path, bool (*is_stuck)(void *context), void *context)
{
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    struct watch watch = {
        .fds = { [AT_STDOUT] = { .fd = STDOUT_FILENO },
                 [AT_SIGNAL] = { .fd = signalfd(-1, &stop, SFD_CLOEXEC), .events = POLLIN },
                 [AT_STOP] = { .fd = stop_fd, .events = POLLIN },
                 [AT_PROBE] = { .fd = -1, .events = POLLIN } },
        .parent = getppid(),
        .socket_path = socket_path,
    };
    enum plugin_end end = wait_for_end(&watch, is_stuck, context);
    close_probe(&watch);
    close(watch.fds[AT_SIGNAL].fd);
    return end;
}
