#include "failing.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool on;
    unsigned paused;
    unsigned calls;
    unsigned nth;
    bool and_later;
    unsigned chance;
    uint32_t dice;
    const char *last;
} failing = { .last = "" };

void failing_nth(unsigned n)
{
    failing.on = true;
    failing.calls = 0;
    failing.nth = n;
    failing.and_later = false;
    failing.chance = 0;
    failing.last = "";
}

void failing_from(unsigned n)
{
    failing_nth(n);
    failing.and_later = true;
}

void failing_dice(uint32_t seed, unsigned chance)
{
    failing_nth(0);
    failing.dice = seed | 1;
    failing.chance = chance;
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

static bool fails(const char *symbol)
{
    if (!failing.on || failing.paused > 0)
        return false;
    failing.calls++;
    failing.dice = failing.dice * 1664525u + 1013904223u;
    bool hit = failing.calls == failing.nth || (failing.and_later && failing.calls > failing.nth);
    if (!hit && failing.dice >> 16 >= failing.chance)
        return false;
    failing.last = symbol;
    errno = ENOMEM;
    return true;
}

/* Each in the form that the linker's --wrap wants. */
#define WRAPPED(type, symbol, parameters, arguments)              \
    type __real_##symbol parameters;                              \
    type __wrap_##symbol parameters;                              \
    type __wrap_##symbol parameters                               \
    {                                                             \
        return fails(#symbol) ? NULL : __real_##symbol arguments; \
    }

WRAPPED(void *, malloc, (size_t size), (size))
WRAPPED(void *, calloc, (size_t n, size_t size), (n, size))
WRAPPED(void *, reallocarray, (void *old, size_t n, size_t size), (old, n, size))
WRAPPED(char *, strdup, (const char *text), (text))
WRAPPED(char *, strndup, (const char *text, size_t len), (text, len))
WRAPPED(struct json_tokener *, json_tokener_new_ex, (int depth), (depth))
WRAPPED(struct json_object *, json_tokener_parse_ex, (struct json_tokener * tokener, const char *text, int len),
        (tokener, text, len))
