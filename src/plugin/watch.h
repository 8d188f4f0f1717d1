/* Waits for a reason to end. */
#pragma once

enum plugin_end {
    PLUGIN_END_ASKED,    /* the host's Shutdown, or SIGTERM */
    PLUGIN_END_ORPHANED, /* the host is gone */
    PLUGIN_END_DEAF,     /* the socket takes no connections any more */
};

/* `stop_fd`: an eventfd that Shutdown writes to. SIGTERM must be blocked. */
enum plugin_end plugin_watch(int stop_fd, const char *socket_path);
