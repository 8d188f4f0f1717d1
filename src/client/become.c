#include "become.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit.h"

int cli_become_command(const char *shown, char *const *argv, char *const *environment)
{
    char why[128];
    (void)execvpe(argv[0], argv, environment);
    int status = errno == ENOENT ? CLI_EXIT_NOT_FOUND : CLI_EXIT_NOT_RUNNABLE;
    (void)fprintf(stderr, "arv-vault: %.200s: %s\n", shown, strerror_r(errno, why, sizeof why));
    return status;
}
