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
#define WRAPPED(type, failure, symbol, parameters, arguments)                \
    type __real_##symbol parameters;                                         \
    type __wrap_##symbol parameters;                                         \
    type __wrap_##symbol parameters                                          \
    {                                                                        \
        return failing_hit(#symbol) ? (failure) : __real_##symbol arguments; \
    }

WRAPPED(void *, NULL, malloc, (size_t size), (size))
WRAPPED(void *, NULL, calloc, (size_t n, size_t size), (n, size))
WRAPPED(void *, NULL, reallocarray, (void *old, size_t n, size_t size), (old, n, size))
WRAPPED(char *, NULL, strdup, (const char *text), (text))
WRAPPED(char *, NULL, strndup, (const char *text, size_t len), (text, len))
WRAPPED(struct json_object *, NULL, json_object_new_object, (void), ())
WRAPPED(struct json_object *, NULL, json_object_new_array_ext, (int n), (n))
WRAPPED(struct json_object *, NULL, json_object_new_string_len, (const char *text, int len), (text, len))
WRAPPED(struct json_object *, NULL, json_object_new_double_s, (double number, const char *text), (number, text))
WRAPPED(struct json_object *, NULL, json_object_new_int64, (int64_t number), (number))
WRAPPED(struct json_object *, NULL, json_object_new_boolean, (json_bool boolean), (boolean))
WRAPPED(int, -1, json_object_array_add, (struct json_object * array, struct json_object *item), (array, item))
WRAPPED(int, -1, json_object_object_add_ex,
        (struct json_object * object, const char *key, struct json_object *value, unsigned options),
        (object, key, value, options))
