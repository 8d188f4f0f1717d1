/* What the process must be before any library starts or thread runs: limits, signals, environment, locked memory. */
#pragma once

#include <stdbool.h>

/* umask, inherited descriptors, no core, no tracing, no new privileges, signals, descriptor limit, small thread stacks.
 * Each may fail on an odd system; none of it is worth not serving for. SIGTERM is blocked from here on, in every
 * thread, and read by plugin_watch. */
void plugin_process_restrict(void);

/* Drops all variables but PATH, TZ, LANG, LC_ALL and TMPDIR, and wipes what is dropped, so that /proc shows no token of
 * the host's either. Nobody may hold a pointer got from getenv(). */
void plugin_process_purge_environment(void);

/* Locks memory if that can't break anything; false with a reason for the log otherwise. */
bool plugin_process_lock_memory(const char **ret_reason);
