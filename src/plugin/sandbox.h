/* Narrows the process down for good: what it may call (seccomp) and which files it may reach (Landlock). */
#pragma once

#include <stdbool.h>

struct plugin_sandbox {
    int landlock; /* the kernel's version of it; 0: not there, or not to be had */
    bool calls;   /* the list of refused system calls is in force */
};

/* Before any thread, after plugin_process_restrict() (both want no_new_privs). `socket_dir` is there already;
 * the socket in it can still be made and removed, and so can the directory itself. A kernel that has neither is served
 * without: the host's own limits still hold. */
void plugin_sandbox_enter(const char *socket_dir, struct plugin_sandbox *ret_sandbox);
