/* Becoming another program. */
#pragma once

/* Comes back only if it failed: then it has told why, and gives the status that env(1) has for it. `shown` names the program
 * where argv[0] may hold a secret. */
int cli_become_command(const char *shown, char *const *argv, char *const *environment);
