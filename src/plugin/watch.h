/* Waits for a reason to end. */
#pragma once

#include <stdbool.h>

enum plugin_end {
    PLUGIN_END_ASKED,    /* the host's Shutdown, or SIGTERM */
    PLUGIN_END_ORPHANED, /* the host is gone */
    PLUGIN_END_DEAF,     /* the socket takes no connections any more */
    PLUGIN_END_STUCK,    /* requests wait, and no thread takes them up */
};

/* `stop_fd`: an eventfd that Shutdown writes to. `is_stuck` is asked about once a second. SIGTERM must be blocked. */
enum plugin_end plugin_watch(int stop_fd, const char *socket_path, bool (*is_stuck)(void *context), void *context);
