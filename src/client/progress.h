/* Tells a person at a terminal what is being waited for; says nothing elsewhere, and nothing while things go fast. */
#pragma once

#include <stdbool.h>

struct progress;

/* `what` is borrowed until the end. NULL when there is nobody to tell. */
struct progress *progress_begin(const char *what, bool quiet);
void progress_end(struct progress *progress);
