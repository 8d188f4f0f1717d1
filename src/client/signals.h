/* Signals that would end this process, held back while there are files that nobody else would remove. */
#pragma once

#include <signal.h>
#include <stdbool.h>

struct cli_signals {
    sigset_t held;
    sigset_t before; /* the mask of whoever called us, and of the command */
};

/* Adds those that end a process which does not ask for them, sent by others or by a timer, and are no fault of its own. */
void cli_signals_add_ending(sigset_t *signals);

/* Those that are ignored or blocked already end nobody, and stay as they are. */
void cli_signals_hold(struct cli_signals *ret_signals);

/* Whether one came meanwhile. */
bool cli_signals_came(const struct cli_signals *signals);

/* What came while they were held was for a command that has ended: forgets it. */
void cli_signals_forget(const sigset_t *signals);

/* Back to the mask of before: what came ends us here. */
void cli_signals_release(const struct cli_signals *signals);
