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

/* Writes the file at once: a nameless one (or, where the file system has none, one of a random name) of that mode, synced,
 * then put in its place. On failure the old one is untouched and nothing is left behind. A signal that would end us meanwhile
 * does so afterwards. */
VP_MUST_USE enum vp_code cli_files_write(struct cli_files_place *place, const char *path, mode_t mode,
                                         const struct vp_buf *content, struct vp_error *err);

/* Removes what cli_files_write() wrote; somebody else's file that has the name by now stays. */
void cli_files_remove(const struct cli_files_place *place);

/* All of it, or VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_files_write_all(int fd, const void *bytes, size_t len, const char *what,
                                             struct vp_error *err);
