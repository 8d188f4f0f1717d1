#include "socket_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char SOCKET_NAME[] = "s"; /* short, as the whole path has little room */

enum { SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1, STAT_MAX_BYTES = 1024 };

/* Who a directory belongs to. All zero where /proc can't tell: then nothing is recognised, and nothing removed. */
struct owner {
    uint64_t pid_namespace; /* a pid means nothing outside of it: containers may share the directory */
    int64_t pid;
    uint64_t started; /* clock ticks after boot; tells a reused pid */
};

/* Field 22 of /proc/<pid>/stat (proc(5)). The second field may hold blanks and brackets, so count from the last ')'. */
static bool read_start_time(int64_t pid, uint64_t *ret_started)
{
    char path[64];
    char stat[STAT_MAX_BYTES] = "";

    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, stat, sizeof stat - 1);
    close(fd);
    if (n <= 0)
        return false;
    const char *at = strrchr(stat, ')');
    for (unsigned field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return false;
    *ret_started = strtoull(at, NULL, 10);
    return true;
}

static struct owner this_process(void)
{
    struct owner self = { .pid = getpid() };
    struct stat namespace;

    if (stat("/proc/self/ns/pid", &namespace) != 0 || !read_start_time(self.pid, &self.started))
        return (struct owner){ 0 };
    self.pid_namespace = namespace.st_ino;
    return self;
}

static bool is_dead(const struct owner *owner)
{
    uint64_t started;

    if (kill((pid_t)owner->pid, 0) != 0 && errno == ESRCH)
        return true;
    return read_start_time(owner->pid, &started) && started != owner->started;
}

/* "vpa-<namespace>-<pid>-<start>-<random>", numbers in hexadecimal. */
static bool parse_name(const char *name, struct owner *ret_owner)
{
    int end = 0;

    if (sscanf(name, "vpa-%" SCNx64 "-%" SCNx64 "-%" SCNx64 "-%n", &ret_owner->pid_namespace,
               (uint64_t *)&ret_owner->pid, &ret_owner->started, &end) != 3)
        return false;
    return end > 0 && strlen(name + end) == 6 && ret_owner->pid > 0 && ret_owner->pid <= INT32_MAX;
}

/* Removes a directory that is ours and holds nothing but a socket. Follows no links. */
static void remove_stale(int parent, const char *name)
{
    struct stat status;

    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != geteuid())
        return;
    int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    unlinkat(dir, SOCKET_NAME, 0);
    close(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

static void sweep(const char *parent, const struct owner *self)
{
    DIR *dir = self->pid == 0 ? NULL : opendir(parent);
    struct dirent *entry;
    struct owner owner;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (parse_name(entry->d_name, &owner) && owner.pid_namespace == self->pid_namespace && is_dead(&owner))
            remove_stale(dirfd(dir), entry->d_name);
    if (dir != NULL)
        closedir(dir);
}

/* Where sockets go, and which variable says so. */
struct place {
    const char *path;
    const char *variable;
};

static struct place find_place(const char *from_host)
{
    const char *tmpdir = getenv("TMPDIR");

    if (from_host != NULL)
        return (struct place){ from_host, "PLUGIN_UNIX_SOCKET_DIR" };
    if (tmpdir != NULL && *tmpdir != '\0')
        return (struct place){ tmpdir, "TMPDIR" };
    return (struct place){ "/tmp", "TMPDIR, not set" };
}

static enum vp_code fail_too_long(const struct place *place, size_t socket_len, struct vp_error *err)
{
    size_t len = strlen(place->path);
    size_t rest = socket_len - len;

    return vp_fail(err, VP_REASON_INTERNAL,
                   "%.120s is too long a path for a unix socket: it has %zu bytes, with the socket in it %zu, "
                   "and %d are allowed. "
                   "Set %s in the server's environment to a directory of at most %zu bytes, such as /tmp",
                   place->path, len, socket_len, SOCKET_PATH_MAX, place->variable, (size_t)SOCKET_PATH_MAX - rest);
}

enum vp_code plugin_socket_dir_make(const char *parent, struct plugin_socket_dir *ret_dir, struct vp_error *err)
{
    struct plugin_socket_dir dir = { 0 };
    struct owner self = this_process();
    struct place place = find_place(parent);
    char template[SOCKET_PATH_MAX + 1];

    int len = snprintf(template, sizeof template, "%s/vpa-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-XXXXXX", place.path,
                       self.pid_namespace, (uint64_t)self.pid, self.started);
    size_t socket_len = (size_t)len + 1 + strlen(SOCKET_NAME);
    if (len < 0 || socket_len > SOCKET_PATH_MAX)
        return fail_too_long(&place, socket_len, err);
    sweep(place.path, &self);
    if (mkdtemp(template) == NULL)
        return vp_fail(err, VP_REASON_INTERNAL, "cannot make a directory for the socket in %.200s (%s): %s", place.path,
                       place.variable, strerror(errno));
    dir.path = strdup(template);
    if (dir.path == NULL || asprintf(&dir.socket, "%s/%s", template, SOCKET_NAME) < 0) {
        free(dir.path);
        rmdir(template);
        return vp_fail_no_memory(err);
    }
    *ret_dir = dir;
    return VP_OK;
}

static bool find_group(const char *group, gid_t *ret_gid)
{
    char *end;
    unsigned long number = strtoul(group, &end, 10);

    if (*group >= '0' && *group <= '9' && *end == '\0' && number < UINT32_MAX) {
        *ret_gid = (gid_t)number;
        return true;
    }
    const struct group *found = getgrnam(group); /* before any thread of ours */
    if (found == NULL)
        return false;
    *ret_gid = found->gr_gid;
    return true;
}

enum vp_code plugin_socket_dir_share(const struct plugin_socket_dir *dir, const char *group, struct vp_error *err)
{
    gid_t gid;

    if (!find_group(group, &gid))
        return vp_fail(err, VP_REASON_INTERNAL, "PLUGIN_UNIX_SOCKET_GROUP: no group %.64s", group);
    if (chown(dir->path, (uid_t)-1, gid) != 0 || chown(dir->socket, (uid_t)-1, gid) != 0 ||
        chmod(dir->path, 0770) != 0 || chmod(dir->socket, 0660) != 0)
        return vp_fail(err, VP_REASON_INTERNAL, "cannot give the socket to group %.64s: %s", group, strerror(errno));
    return VP_OK;
}

void plugin_socket_dir_clear(struct plugin_socket_dir *dir)
{
    if (dir->socket != NULL)
        unlink(dir->socket);
    if (dir->path != NULL)
        rmdir(dir->path);
    free(dir->socket);
    free(dir->path);
    *dir = (struct plugin_socket_dir){ 0 };
}
