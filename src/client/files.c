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

/* Where a file is gone with the container, and no disk has it. */
static const char MEMORY[] = "/dev/shm";

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
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR && cli_signals_came() == 0)
            continue;
        if (n <= 0)
            return io_fault(err, "can't write", what);
        at += n;
        len -= (size_t)n;
    }
    return VP_OK;
}

/* A file that is whole and synced before it gets the name by which others find it. */
struct draft {
    int fd;               /* -1: none */
    char name[NAME_SIZE]; /* beside its place, random; "": it has none */
    struct stat seen;     /* what it is, whatever name it gets */
    bool in_place;
    bool exchanged; /* the file that was there before has the random name now */
};

static bool random_name(char name[NAME_SIZE])
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return false;
    (void)snprintf(name, NAME_SIZE, ".arv-vault.%016" PRIx64, number);
    return true;
}

/* A nameless one: gone with its descriptor, even after kill -9. Where the file system has none, one of a random name. */
static enum vp_code open_draft(const struct cli_files_item *item, struct draft *draft, struct vp_error *err)
{
    int folder = item->place->folder;
    char name[NAME_SIZE];
    if (!random_name(name))
        return io_fault(err, "can't get a random name for", item->path);
    draft->fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (draft->fd < 0) {
        draft->fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (draft->fd < 0)
            return io_fault(err, "can't write", item->path);
        memcpy(draft->name, name, sizeof name);
    }
    return VP_OK;
}

static enum vp_code fill_draft(const struct cli_files_item *item, struct draft *draft, struct vp_error *err)
{
    /* The mode before there is anything in it; the umask has had its say. */
    if (fchmod(draft->fd, item->mode) != 0)
        return io_fault(err, "can't write", item->path);
    VP_TRY(cli_files_write_all(draft->fd, vp_buf_text(item->content), item->content->len, item->path, err));
    if (fsync(draft->fd) != 0 || fstat(draft->fd, &draft->seen) != 0)
        return io_fault(err, "can't write", item->path);
    return VP_OK;
}

static bool give_name(const struct draft *draft, int folder, const char *name)
{
    char self[NAME_SIZE];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", draft->fd);
    return linkat(AT_FDCWD, self, folder, name, AT_SYMLINK_FOLLOW) == 0;
}

/* A new file gets its own name at once. For another to be replaced there must be two names for a moment. */
static enum vp_code name_draft(const struct cli_files_item *item, struct draft *draft, struct vp_error *err)
{
    const struct cli_files_place *place = item->place;
    char name[NAME_SIZE];
    if (draft->name[0] != '\0')
        return VP_OK;
    draft->in_place = give_name(draft, place->folder, place->name);
    if (draft->in_place)
        return VP_OK;
    if (!random_name(name) || !give_name(draft, place->folder, name))
        return io_fault(err, "can't write", item->path);
    memcpy(draft->name, name, sizeof name);
    return VP_OK;
}

/* With others after it that may fail, the file that is there is kept until all are in place. */
static enum vp_code move_draft(const struct cli_files_item *item, struct draft *draft, bool alone, struct vp_error *err)
{
    const struct cli_files_place *place = item->place;
    if (draft->in_place)
        return VP_OK;
    if (!alone && renameat2(place->folder, draft->name, place->folder, place->name, RENAME_EXCHANGE) == 0)
        draft->exchanged = true;
    else if (renameat(place->folder, draft->name, place->folder, place->name) == 0)
        draft->name[0] = '\0';
    else
        return io_fault(err, "can't write", item->path);
    draft->in_place = true;
    return VP_OK;
}

static void undo_draft(const struct cli_files_item *item, struct draft *draft)
{
    const struct cli_files_place *place = item->place;
    if (draft->exchanged)
        (void)renameat2(place->folder, draft->name, place->folder, place->name, RENAME_EXCHANGE);
    else if (draft->in_place)
        (void)unlinkat(place->folder, place->name, 0);
}

static void end_draft(struct cli_files_item *item, struct draft *draft, bool done)
{
    if (!done)
        undo_draft(item, draft);
    if (draft->name[0] != '\0')
        (void)unlinkat(item->place->folder, draft->name, 0);
    if (draft->fd >= 0)
        (void)close(draft->fd);
    if (done) {
        item->place->device = draft->seen.st_dev;
        item->place->inode = draft->seen.st_ino;
    }
}

static enum vp_code put_in_place(const struct cli_files_item *items, struct draft *drafts, size_t n,
                                 struct vp_error *err)
{
    for (size_t i = 0; i < n; i++) {
        VP_TRY(open_draft(&items[i], &drafts[i], err));
        VP_TRY(fill_draft(&items[i], &drafts[i], err));
    }
    for (size_t i = 0; i < n; i++)
        VP_TRY(name_draft(&items[i], &drafts[i], err));
    for (size_t i = 0; i < n; i++)
        VP_TRY(move_draft(&items[i], &drafts[i], n == 1, err));
    return VP_OK;
}

enum vp_code cli_files_write(struct cli_files_item *items, size_t n, struct vp_error *err)
{
    struct draft *drafts = calloc(n == 0 ? 1 : n, sizeof *drafts);
    if (drafts == NULL)
        return vp_fail_no_memory(err);
    for (size_t i = 0; i < n; i++)
        drafts[i].fd = -1;
    enum vp_code code = put_in_place(items, drafts, n, err);
    for (size_t i = n; i-- > 0;)
        end_draft(&items[i], &drafts[i], code == VP_OK);
    free(drafts);
    return code;
}

bool cli_files_is_others(const struct cli_files_place *place)
{
    struct stat seen;
    return fstatat(place->folder, place->name, &seen, AT_SYMLINK_NOFOLLOW) == 0 &&
           (place->inode == 0 || seen.st_dev != place->device || seen.st_ino != place->inode);
}

void cli_files_remove(const struct cli_files_place *place)
{
    if (place->inode != 0 && !cli_files_is_others(place))
        (void)unlinkat(place->folder, place->name, 0);
}

bool cli_files_same_place(const struct cli_files_place *one, const struct cli_files_place *other)
{
    struct stat first;
    struct stat second;
    return strcmp(one->name, other->name) == 0 && fstat(one->folder, &first) == 0 &&
           fstat(other->folder, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

enum vp_code cli_files_new_place(const char *source, char *ret_path, size_t size, struct vp_error *err)
{
    const char *slash = strrchr(source, '/');
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return io_fault(err, "can't get a random name for", source);
    int len =
        snprintf(ret_path, size, "%s/arv-vault.%016" PRIx64 ".%s", MEMORY, number, slash == NULL ? source : slash + 1);
    return len > 0 && (size_t)len < size ? VP_OK
                                         : vp_fail(err, VP_REASON_LOCAL_CONFIG, "the path %.200s is too long", source);
}
