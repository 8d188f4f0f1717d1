/* Private to the room: slots for secrets in pages that are never swapped out, dumped or inherited.
 *
 * Small on purpose: 256 KiB are within what any process may lock, and locking more breaks things (threads could not be
 * created with all memory locked and a limit in force). It is made at the first use, as much of it is locked as the limit
 * lets, from its start, and slots are taken from its start. Thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { VP_ARENA_SLOT = 512, VP_ARENA_SLOTS = 512 };

/* `len` zeroed bytes, at most VP_ARENA_SLOT; NULL when no slot is left, or no arena is to be had. */
void *vp_arena_take(size_t len);

bool vp_arena_has(const void *memory);

/* Wipes the slot. */
void vp_arena_give_back(void *slot);

/* For tests. */
size_t vp_arena_used(void);
size_t vp_arena_locked(void); /* bytes */
