/* Exit statuses: sysexits, as the CWL runner and shells know them. */
#pragma once

#include "vp/error.h"

enum client_exit {
    EXIT_USAGE = 64,
    EXIT_MISSING = 66,
    EXIT_REFUSES = 69,
    EXIT_INTERNAL = 70,
    EXIT_IO = 74,
    EXIT_AGAIN = 75,
    EXIT_FORBIDDEN = 77,
    EXIT_CONFIG = 78,
    EXIT_NOT_RUNNABLE = 126,
    EXIT_NOT_FOUND = 127,
};

/* What a failure is told to the shell as. */
int exit_status(const struct vp_error *error);

/* "arv-vault: <message> (<detail>)" on standard error. */
void exit_tell(const struct vp_error *error);

/* "arv-vault: warning: ..." unless `quiet`. */
void exit_warn(bool quiet, const char *format, ...) VP_PRINTF(2, 3);
