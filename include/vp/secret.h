/* Bytes that must not be seen: opaque, wiped when freed, revealed by one function only (grep reveal is the audit).
 *
 * Log functions take none. A secret is immutable after it was made, so threads may share it while it lives. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vp/error.h"

struct vp_secret;

/* A copy of the bytes; NULL without memory. The caller wipes its own copy. */
struct vp_secret *vp_secret_new(const void *bytes, size_t len);
struct vp_secret *vp_secret_copy(const struct vp_secret *secret); /* NULL for NULL, and without memory */

/* NUL-terminated, borrowed while the secret lives. */
const char *vp_secret_reveal(const struct vp_secret *secret);
size_t vp_secret_len(const struct vp_secret *secret);

/* In constant time for secrets of the same length. Two NULLs are equal. */
bool vp_secret_equal(const struct vp_secret *a, const struct vp_secret *b);

void vp_secret_free(struct vp_secret *secret);
void vp_secret_freep(struct vp_secret **secret);

/* Wipes memory in a way that the compiler keeps. NULL with len 0 is fine. */
void vp_wipe(void *memory, size_t len);

/* Wipes and frees a heap string. NULL is fine. */
void vp_wipe_text(char *text);
