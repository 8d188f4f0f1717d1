/* Files: read whole, and written so that nobody ever sees half of one, or anybody else's. */
#pragma once

#include <sys/types.h>

#include "vp/buf.h"
#include "vp/error.h"
#include "vp/secret.h"

/* Reads a file, or standard input for "-", up to buf->max. VP_REASON_LOCAL_IO; `what` names it: "the template". */
VP_MUST_USE enum vp_code cli_files_read(const char *path, const char *what, struct vp_buf *buf, struct vp_error *err);

/* The content without the blanks and line ends around it. */
VP_MUST_USE enum vp_code cli_files_read_secret(const char *path, const char *what, struct vp_secret **ret_secret,
                                               struct vp_error *err);

/* Where a file will be: looked at before anything is fetched. */
struct cli_files_place {
    int folder;       /* descriptor */
    const char *name; /* borrowed from the path */
    bool on_disk;     /* not in memory (tmpfs) */
    dev_t device;     /* of the file that was written there */
    ino_t inode;      /* 0: none was */
};

/* Opens the folder of `path` without following a symbolic link anywhere on the way, and checks that what may be there
 * already is an ordinary file. VP_REASON_LOCAL_CONFIG with words, VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_files_place_open(const char *path, struct cli_files_place *ret_place,
                                              struct vp_error *err);
void cli_files_place_close(struct cli_files_place *place);

/* A path in memory (/dev/shm) that nothing has yet, with the name of `source` at its end. VP_REASON_LOCAL_CONFIG. */
VP_MUST_USE enum vp_code cli_files_new_place(const char *source, char *ret_path, size_t size, struct vp_error *err);

/* Whether two paths lead to one file: same folder, same name. */
bool cli_files_same_place(const struct cli_files_place *one, const struct cli_files_place *other);

struct cli_files_item {
    struct cli_files_place *place;
    const char *path; /* for messages */
    mode_t mode;
    const struct vp_buf *content;
};

/* Writes all of the files or none. Each is written and synced without a name (or, where the file system has none, with a
 * random one), and gets its own name only when all of them are whole. On failure the old ones are as they were, and nothing
 * is left behind. VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_files_write(struct cli_files_item *items, size_t n, struct vp_error *err);

/* Whether there is a file that cli_files_write() did not write there. */
bool cli_files_is_others(const struct cli_files_place *place);

/* Removes what cli_files_write() wrote; another file that has the name now stays. */
void cli_files_remove(const struct cli_files_place *place);

/* All of it, or VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_files_write_all(int fd, const void *bytes, size_t len, const char *what,
                                             struct vp_error *err);
