#include "become.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit.h"
#include "signals.h"

enum { SIGNALLED = 128 };

/* Where a signal of the last moment leads: back, so that files and tokens go. After execve() it is the command's. */
static sigjmp_buf back;
static volatile sig_atomic_t came;

static void go_back(int number)
{
    came = number;
    siglongjmp(back, 1);
}

int cli_become_command(const char *shown, char *const *argv, char *const *environment)
{
    char why[128];
    if (sigsetjmp(back, 1) != 0) {
        cli_signals_shut();
        cli_signals_note(came);
        return SIGNALLED + came;
    }
    cli_signals_open(go_back);
    (void)execvpe(argv[0], argv, environment);
    int fault = errno;
    cli_signals_shut();
    (void)fprintf(stderr, "arv-vault: %.200s: %s\n", shown, strerror_r(fault, why, sizeof why));
    return fault == ENOENT ? CLI_EXIT_NOT_FOUND : CLI_EXIT_NOT_RUNNABLE;
}
