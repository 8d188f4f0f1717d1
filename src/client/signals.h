/* Signals that would end this process. They are blocked from the first line of the program, because the kernel drops them
 * for process 1 of a container while their action is the default one. A watcher thread takes them instead: it ends the
 * process, or, while something would be left behind, cancels the requests that are under way so that main can clean up.
 *
 * The state is the process's own: one set of functions, no object. All are for the main thread. */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "vp/cancel.h"

/* Blocks them. Those that the caller ignored or blocked end nobody and stay as they are. First thing in main(). */
void cli_signals_block(void);

/* Starts the watcher; false without a thread. Between the two calls below nothing else waits for the signals. */
bool cli_signals_watch(void);

/* Ends the watcher: from here on they are pending, until they are watched again or somebody else waits for them. */
void cli_signals_unwatch(void);

/* While held a signal does not end the process at once. Calls nest. */
void cli_signals_hold(void);
void cli_signals_release(void);

/* The first signal that came and has not been forgotten; 0: none. */
int cli_signals_came(void);

/* Set when one comes: for requests that are of no use any more. */
struct vp_cancel *cli_signals_cancel(void);

/* Set some seconds after it, or by another signal: for requests that give back what was obtained, and for those whose
 * answer holds what would have to be given back. */
struct vp_cancel *cli_signals_goodbye(void);

/* Adds the signals that end a process which does not handle them, sent by others or by a timer. */
void cli_signals_add_ending(sigset_t *signals);

/* Drops pending ones of these: they were for a command that has ended. */
void cli_signals_forget(const sigset_t *signals);

/* Lets them through, as the caller of this program had them, around execve(). They reach `handler`, which execve() undoes.
 * Only without a watcher. */
void cli_signals_open(void (*handler)(int number));
void cli_signals_shut(void);
void cli_signals_note(int number); /* what the handler got */

/* The last call of main(): if a signal came, ends the process by it, or as process 1 gives 128 and its number. */
int cli_signals_end(int status);
