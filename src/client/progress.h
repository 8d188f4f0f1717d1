/* Tells a person at a terminal what is being waited for; says nothing elsewhere, and nothing while things go fast. */
#pragma once

#include <stdbool.h>

struct cli_progress;

/* `what` is borrowed until the end. NULL when there is nobody to tell. */
struct cli_progress *cli_progress_begin(const char *what, bool quiet);
void cli_progress_end(struct cli_progress *progress);
