#include "failing.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct {
    atomic_bool on;
    atomic_uint paused;
    atomic_uint calls;
    unsigned nth; /* this and the next three: set before it is on */
    bool and_later;
    unsigned chance;
    atomic_uint dice;
    _Atomic(const char *) last;
} failing = { .last = "" };

static void begin(unsigned n, bool and_later, uint32_t seed, unsigned chance)
{
    failing.calls = 0;
    failing.nth = n;
    failing.and_later = and_later;
    failing.dice = seed | 1;
    failing.chance = chance;
    failing.last = "";
    failing.on = true;
}

void failing_nth(unsigned n)
{
    begin(n, false, 1, 0);
}

void failing_from(unsigned n)
{
    begin(n, true, 1, 0);
}

void failing_dice(uint32_t seed, unsigned chance)
{
    begin(0, false, seed, chance);
}

unsigned failing_stop(void)
{
    failing.on = false;
    return failing.calls;
}

const char *failing_last(void)
{
    return failing.last;
}

void failing_pause(void)
{
    failing.paused++;
}

void failing_resume(void)
{
    failing.paused--;
}

bool failing_hit(const char *symbol)
{
    if (!failing.on || failing.paused > 0)
        return false;
    unsigned call = atomic_fetch_add(&failing.calls, 1) + 1;
    failing.dice = failing.dice * 1664525u + 1013904223u;
    bool hit = call == failing.nth || (failing.and_later && call > failing.nth);
    if (!hit && failing.dice >> 16 >= failing.chance)
        return false;
    failing.last = symbol;
    errno = ENOMEM;
    return true;
}

/* Each in the form that the linker's --wrap wants. */
#define WRAPPED(type, symbol, parameters, arguments)                    \
    type __real_##symbol parameters;                                    \
    type __wrap_##symbol parameters;                                    \
    type __wrap_##symbol parameters                                     \
    {                                                                   \
        return failing_hit(#symbol) ? NULL : __real_##symbol arguments; \
    }

WRAPPED(void *, malloc, (size_t size), (size))
WRAPPED(void *, calloc, (size_t n, size_t size), (n, size))
WRAPPED(void *, reallocarray, (void *old, size_t n, size_t size), (old, n, size))
WRAPPED(char *, strdup, (const char *text), (text))
WRAPPED(char *, strndup, (const char *text, size_t len), (text, len))
WRAPPED(struct json_tokener *, json_tokener_new_ex, (int depth), (depth))
WRAPPED(struct json_object *, json_tokener_parse_ex, (struct json_tokener * tokener, const char *text, int len),
        (tokener, text, len))
