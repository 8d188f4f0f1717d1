/* The private directory that holds the plugin's socket.
 *
 * Its name carries the pid namespace, the pid and the start time of the process, so that a later start can tell and
 * remove what a killed one left: gRPC removes its socket file at an orderly end only, and hosts remove nothing. */
#pragma once

#include "vp/error.h"

struct plugin_socket_dir {
    char *path;   /* the directory */
    char *socket; /* the socket's path in it; whole path at most 107 bytes, the limit of sockaddr_un */
};

/* Removes leavings of dead processes from `parent`, then makes an own directory in it, mode 0700. `parent` NULL:
 * $TMPDIR, else /tmp. VP_REASON_INTERNAL with words that name directory and cause. */
VP_MUST_USE enum vp_code plugin_socket_dir_make(const char *parent, struct plugin_socket_dir *ret_dir,
                                                struct vp_error *err);

/* Gives directory and socket to a group (name or number), after the socket was made. */
VP_MUST_USE enum vp_code plugin_socket_dir_share(const struct plugin_socket_dir *dir, const char *group,
                                                 struct vp_error *err);

/* Removes both and frees. Also of a zeroed one. */
void plugin_socket_dir_clear(struct plugin_socket_dir *dir);
