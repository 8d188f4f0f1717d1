/* Writing to file descriptors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Writes all of it, over interruptions and short writes. False with errno set: some of it may have been written. */
bool vp_write_all(int fd, const void *bytes, size_t len);
