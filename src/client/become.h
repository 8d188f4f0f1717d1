/* Becoming another program. */
#pragma once

/* Returns only on failure: it has reported why, and returns the status that env(1) has for it, or 128 and the number of a
 * signal that came before the program began (cli_signals_came()). `shown` names the program where argv[0] may hold a
 * secret. Only without a watcher of signals. */
int cli_become_command(const char *shown, char *const *argv, char *const *environment);
