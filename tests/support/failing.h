/* Makes the n-th call that can fail do so: once, or by dice. For programs linked with failing_wrap() of
 * tests/support/CMakeLists.txt, which sends the calls of our own code, and of no library, through here. Threads may share
 * one count; which of them meets the failure is then up to the scheduler. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Counts from 1 on; the n-th call fails. 0: none does. */
void failing_nth(unsigned n);

/* The n-th call and all later ones fail. */
void failing_from(unsigned n);

/* Each call fails with this chance in 65536, by dice that start from `seed`. */
void failing_dice(uint32_t seed, unsigned chance);

/* Calls so far; from now on none fails. */
unsigned failing_stop(void);

/* What failed last: the symbol, "" for nothing. */
const char *failing_last(void);

/* For what is wrapped elsewhere: shall this call fail? */
bool failing_hit(const char *symbol);

/* In between, nothing fails or counts: for the test's own work. Nests. */
void failing_pause(void);
void failing_resume(void);
