#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vp/io.h"

#include "signals.h"

enum { PIECE = 65536, NAME_SIZE = 32, PATH_LIMIT = 4096, TOKEN_FILE_MAX = 4096 };

static enum vp_code io_fault(struct vp_error *err, const char *what, const char *path)
{
    char why[128];
    const char *words = strerror_r(errno, why, sizeof why);
    return vp_fail(err, VP_REASON_LOCAL_IO, "%s %.200s: %s", what, path, words);
}

/* ---- reading ---- */

static void close_fdp(int *fd)
{
    if (*fd > STDIN_FILENO)
        (void)close(*fd);
}

enum vp_code cli_files_read(const char *path, const char *what, struct vp_buf *buf, struct vp_error *err)
{
    VP_AUTO(close_fdp) int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    char piece[PIECE];
    ssize_t len = 0;
    if (fd < 0)
        return io_fault(err, "can't read", path);
    while (!buf->failed && (len = read(fd, piece, sizeof piece)) != 0) {
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return io_fault(err, "can't read", path);
        vp_buf_add(buf, piece, (size_t)len);
        vp_wipe(piece, (size_t)len);
    }
    if (buf->failed && buf->max - buf->len >= (size_t)len)
        return vp_fail_no_memory(err);
    if (buf->failed)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%s (%.200s) is larger than %zu bytes", what, path, buf->max);
    return VP_OK;
}

enum vp_code cli_files_read_secret(const char *path, const char *what, struct vp_secret **ret_secret,
                                   struct vp_error *err)
{
    struct vp_buf buf = VP_BUF_INIT(TOKEN_FILE_MAX);
    enum vp_code code = cli_files_read(path, what, &buf, err);
    if (code == VP_OK) {
        const char *text = vp_buf_text(&buf);
        size_t start = strspn(text, " \t\r\n");
        size_t len = strcspn(text + start, " \t\r\n");
        *ret_secret = vp_secret_new(text + start, len);
        code = *ret_secret == NULL ? vp_fail_no_memory(err)
               : len == 0          ? vp_fail(err, VP_REASON_LOCAL_CONFIG, "%s (%.200s) is empty", what, path)
                                   : VP_OK;
        if (code != VP_OK) {
            vp_secret_free(*ret_secret);
            *ret_secret = NULL;
        }
    }
    vp_buf_clear(&buf);
    return code;
}

/* ---- the place ---- */

/* Step by step, since O_NOFOLLOW looks at the last step only and openat2() is not to be had in every container. */
static enum vp_code open_folder(const char *path, size_t len, int *ret_fd, struct vp_error *err)
{
    char step[PATH_LIMIT];
    int fd = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < len;) {
        size_t step_len = strcspn(path + at, "/");
        if (at + step_len > len)
            step_len = len - at;
        memcpy(step, path + at, step_len);
        step[step_len] = '\0';
        at += step_len + 1;
        if (step_len == 0)
            continue;
        int next = openat(fd, step, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int why = errno;
        struct stat seen;
        bool is_link = next < 0 && fstatat(fd, step, &seen, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(seen.st_mode);
        (void)close(fd);
        fd = next;
        errno = why;
        if (is_link)
            return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                           "%.*s is a symbolic link, which is not followed for secrets: write the path without it",
                           (int)(at > 0 ? at - 1 : 0), path);
    }
    if (fd < 0)
        return io_fault(err, "no folder for", path);
    *ret_fd = fd;
    return VP_OK;
}

static bool is_on_disk(int folder)
{
    struct statfs about;
    return fstatfs(folder, &about) != 0 || (about.f_type != TMPFS_MAGIC && about.f_type != RAMFS_MAGIC);
}

enum vp_code cli_files_place_open(const char *path, struct cli_files_place *ret_place, struct vp_error *err)
{
    const char *slash = strrchr(path, '/');
    struct cli_files_place place = { .folder = -1, .name = slash == NULL ? path : slash + 1 };
    struct stat seen;
    if (strlen(path) >= PATH_LIMIT || *place.name == '\0' || strcmp(place.name, ".") == 0 ||
        strcmp(place.name, "..") == 0)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "\"%.200s\" is no file to write", path);
    VP_TRY(open_folder(path, slash == NULL ? 0 : (size_t)(slash - path), &place.folder, err));
    if (fstatat(place.folder, place.name, &seen, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(seen.st_mode)) {
        cli_files_place_close(&place);
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%.200s is there already and is no ordinary file: remove it", path);
    }
    place.on_disk = is_on_disk(place.folder);
    *ret_place = place;
    return VP_OK;
}

void cli_files_place_close(struct cli_files_place *place)
{
    if (place->folder > STDIN_FILENO)
        (void)close(place->folder);
    place->folder = -1;
}

/* ---- writing ---- */

enum vp_code cli_files_write_all(int fd, const void *bytes, size_t len, const char *what, struct vp_error *err)
{
    return vp_write_all(fd, bytes, len) ? VP_OK : io_fault(err, "can't write", what);
}

static bool random_name(char name[NAME_SIZE])
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return false;
    (void)snprintf(name, NAME_SIZE, ".arv-vault.%016" PRIx64, number);
    return true;
}

/* A file that nobody can see: gone with its descriptor, even after kill -9, until it gets a name. */
static int open_nameless(int folder, mode_t mode)
{
    return openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
}

static bool give_name(int fd, int folder, const char *name)
{
    char self[NAME_SIZE];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, folder, name, AT_SYMLINK_FOLLOW) == 0;
}

static enum vp_code fill(int fd, mode_t mode, const char *path, const struct vp_buf *content, struct stat *ret_seen,
                         struct vp_error *err)
{
    /* Before there is anything in it; the umask has had its say. */
    if (fchmod(fd, mode) != 0)
        return io_fault(err, "can't write", path);
    VP_TRY(cli_files_write_all(fd, vp_buf_text(content), content->len, path, err));
    return fsync(fd) == 0 && fstat(fd, ret_seen) == 0 ? VP_OK : io_fault(err, "can't write", path);
}

/* *ret_seen: what it is, whatever name it gets. */
static enum vp_code put_in_place(const struct cli_files_place *place, const char *path, mode_t mode,
                                 const struct vp_buf *content, struct stat *ret_seen, struct vp_error *err)
{
    char name[NAME_SIZE];
    bool named = false;
    if (!random_name(name))
        return io_fault(err, "can't get a random name for", path);
    VP_AUTO(close_fdp) int fd = open_nameless(place->folder, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        fd = openat(place->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
        named = fd >= 0;
    }
    if (fd < 0)
        return io_fault(err, "can't write", path);
    enum vp_code code = fill(fd, mode, path, content, ret_seen, err);
    /* A new file gets its own name at once; for another to be replaced there must be two names for a moment. */
    if (code == VP_OK && !named && give_name(fd, place->folder, place->name))
        return VP_OK;
    if (code == VP_OK && !named)
        named = give_name(fd, place->folder, name);
    if (code == VP_OK && (!named || renameat(place->folder, name, place->folder, place->name) != 0))
        code = io_fault(err, "can't write", path);
    if (code != VP_OK && named)
        (void)unlinkat(place->folder, name, 0);
    return code;
}

enum vp_code cli_files_write(struct cli_files_place *place, const char *path, mode_t mode, const struct vp_buf *content,
                             struct vp_error *err)
{
    struct stat seen;
    struct cli_signals signals;
    cli_signals_hold(&signals);
    enum vp_code code = put_in_place(place, path, mode, content, &seen, err);
    cli_signals_release(&signals);
    VP_TRY(code);
    place->device = seen.st_dev;
    place->inode = seen.st_ino;
    return VP_OK;
}

void cli_files_remove(const struct cli_files_place *place)
{
    struct stat seen;
    if (place->inode != 0 && fstatat(place->folder, place->name, &seen, AT_SYMLINK_NOFOLLOW) == 0 &&
        seen.st_dev == place->device && seen.st_ino == place->inode)
        (void)unlinkat(place->folder, place->name, 0);
}
