/* Exit statuses: sysexits, as the CWL runner and shells know them. */
#pragma once

#include "vp/error.h"

enum cli_exit {
    CLI_EXIT_USAGE = 64,
    CLI_EXIT_MISSING = 66,
    CLI_EXIT_REFUSES = 69,
    CLI_EXIT_INTERNAL = 70,
    CLI_EXIT_IO = 74,
    CLI_EXIT_AGAIN = 75,
    CLI_EXIT_FORBIDDEN = 77,
    CLI_EXIT_CONFIG = 78,
    CLI_EXIT_NOT_RUNNABLE = 126,
    CLI_EXIT_NOT_FOUND = 127,
};

/* What a failure is told to the shell as. */
int cli_exit_status(const struct vp_error *error);

/* "arv-vault: <message> (<detail>)" on standard error. */
void cli_exit_tell(const struct vp_error *error);

/* "arv-vault: warning: ..." unless `quiet`. */
void cli_exit_warn(bool quiet, const char *format, ...) VP_PRINTF(2, 3);
