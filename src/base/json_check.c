#include "json_check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

enum { KEY_SHOWN_MAX = 64 };

/* As it is written, escapes and all. */
struct key {
    const char *text; /* NULL outside of objects */
    size_t len;
};

struct checker {
    const char *start;
    const char *at;
    const char *end;
    const struct vp_json_source *source;
    struct vp_json_tally tally;
    struct vp_buf keys;  /* unescaped keys of the open objects, each NUL-terminated */
    size_t *key_offsets; /* into keys.data */
    size_t n_keys;
    size_t keys_capacity;
    struct key key; /* the innermost that the value stands under */
    struct vp_error *err;
};

static enum vp_code check_value(struct checker *c, unsigned depth);

static enum vp_code fault(struct checker *c, const char *what)
{
    return vp_fail(c->err, c->source->reason, "%s is not valid JSON: %s at byte %zu", c->source->what, what,
                   (size_t)(c->at - c->start));
}

size_t vp_utf8_len(const char *at, size_t left)
{
    static const struct {
        unsigned char lead_min, lead_max, second_min, second_max;
        size_t len;
    } FORMS[] = {
        { 0x01, 0x7F, 0, 0, 1 },       { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
        { 0xE1, 0xEC, 0x80, 0xBF, 3 }, { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
        { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };
    const unsigned char *bytes = (const unsigned char *)at;
    for (size_t i = 0; left > 0 && i < sizeof FORMS / sizeof FORMS[0]; i++) {
        if (bytes[0] < FORMS[i].lead_min || bytes[0] > FORMS[i].lead_max)
            continue;
        if (FORMS[i].len > left)
            return 0;
        if (FORMS[i].len > 1 && (bytes[1] < FORMS[i].second_min || bytes[1] > FORMS[i].second_max))
            return 0;
        for (size_t j = 2; j < FORMS[i].len; j++)
            if (bytes[j] < 0x80 || bytes[j] > 0xBF)
                return 0;
        return FORMS[i].len;
    }
    return 0;
}

static void skip_space(struct checker *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static bool next_is(struct checker *c, char wanted)
{
    if (c->at >= c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static enum vp_code count_tokens(struct checker *c, unsigned n)
{
    c->tally.n_tokens += n;
    if (c->tally.n_tokens > c->source->max_tokens)
        return vp_fail(c->err, c->source->reason,
                       "%s holds too many values: it may have %u, and an object counts as ten", c->source->what,
                       c->source->max_tokens);
    return VP_OK;
}

static unsigned tokens_of(char first)
{
    if (first == '{')
        return JSON_OBJECT_TOKENS;
    return first == '[' ? JSON_ARRAY_TOKENS : 1;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool four_hex(struct checker *c, unsigned *ret_unit)
{
    unsigned unit = 0;
    if (c->end - c->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(c->at[i]);
        if (digit < 0)
            return false;
        unit = unit * 16 + (unsigned)digit;
    }
    c->at += 4;
    *ret_unit = unit;
    return true;
}

/* `out` may be NULL. */
static void add_text(struct checker *c, struct vp_buf *out, const char *bytes, size_t len)
{
    c->tally.text_len += len;
    if (out != NULL)
        vp_buf_add(out, bytes, len);
}

static void add_code_point(struct checker *c, struct vp_buf *out, unsigned point)
{
    char bytes[4];
    size_t len;
    if (point < 0x80) {
        bytes[0] = (char)point;
        len = 1;
    } else if (point < 0x800) {
        bytes[0] = (char)(0xC0 | (point >> 6));
        bytes[1] = (char)(0x80 | (point & 0x3F));
        len = 2;
    } else if (point < 0x10000) {
        bytes[0] = (char)(0xE0 | (point >> 12));
        bytes[1] = (char)(0x80 | ((point >> 6) & 0x3F));
        bytes[2] = (char)(0x80 | (point & 0x3F));
        len = 3;
    } else {
        bytes[0] = (char)(0xF0 | (point >> 18));
        bytes[1] = (char)(0x80 | ((point >> 12) & 0x3F));
        bytes[2] = (char)(0x80 | ((point >> 6) & 0x3F));
        bytes[3] = (char)(0x80 | (point & 0x3F));
        len = 4;
    }
    add_text(c, out, bytes, len);
}

/* Behind "\u". */
static enum vp_code check_unicode_escape(struct checker *c, struct vp_buf *out)
{
    unsigned point = 0;
    if (!four_hex(c, &point))
        return fault(c, "a \\u escape without four hex digits");
    if (point == 0)
        return fault(c, "an escaped NUL");
    if (point >= 0xDC00 && point <= 0xDFFF)
        return fault(c, "a lone surrogate");
    if (point >= 0xD800 && point <= 0xDBFF) {
        unsigned low = 0;
        if (!next_is(c, '\\') || !next_is(c, 'u') || !four_hex(c, &low) || low < 0xDC00 || low > 0xDFFF)
            return fault(c, "a lone surrogate");
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    add_code_point(c, out, point);
    return VP_OK;
}

/* Behind a backslash. */
static enum vp_code check_escape(struct checker *c, struct vp_buf *out)
{
    static const char NAMES[] = "\"\\/bfnrt";
    static const char MEANINGS[] = "\"\\/\b\f\n\r\t";
    if (next_is(c, 'u'))
        return check_unicode_escape(c, out);
    const char *name = c->at < c->end && *c->at != '\0' ? strchr(NAMES, *c->at) : NULL;
    if (name == NULL)
        return fault(c, "an unknown escape");
    c->at++;
    add_text(c, out, &MEANINGS[name - NAMES], 1);
    return VP_OK;
}

/* At a quote. The unescaped text goes to `out` unless that is NULL. */
static enum vp_code check_string(struct checker *c, struct vp_buf *out)
{
    if (!next_is(c, '"'))
        return fault(c, "a text without its opening quote");
    while (c->at < c->end && *c->at != '"') {
        if (next_is(c, '\\')) {
            VP_TRY(check_escape(c, out));
            continue;
        }
        if ((unsigned char)*c->at < 0x20)
            return fault(c, "a raw control character");
        size_t len = vp_utf8_len(c->at, (size_t)(c->end - c->at));
        if (len == 0)
            return fault(c, "bytes that are not UTF-8");
        add_text(c, out, c->at, len);
        c->at += len;
    }
    if (!next_is(c, '"'))
        return fault(c, "a text without end");
    return VP_OK;
}

static bool some_digits(struct checker *c)
{
    const char *first = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > first;
}

/* Compares digit texts: no number of more digits than INT64_MAX has, nor a greater one of as many. */
static bool fits_int64(const char *digits, size_t n_digits, bool negative)
{
    static const char MAX[] = "9223372036854775807";
    static const char MIN[] = "9223372036854775808";
    if (n_digits != sizeof MAX - 1)
        return n_digits < sizeof MAX - 1;
    return memcmp(digits, negative ? MIN : MAX, n_digits) <= 0;
}

static enum vp_code fail_beyond_64_bits(struct checker *c)
{
    if ((c->source->options & VP_JSON_TELLS_KEYS) == 0 || c->key.text == NULL)
        return fault(c, "a whole number beyond 64 bits");
    return vp_fail(c->err, c->source->reason,
                   "%s has a whole number beyond 64 bits under the key \"%.*s\": store it as a string, in quotes",
                   c->source->what, (int)(c->key.len < KEY_SHOWN_MAX ? c->key.len : KEY_SHOWN_MAX), c->key.text);
}

static enum vp_code check_number(struct checker *c)
{
    bool negative = next_is(c, '-');
    const char *digits = c->at;
    if (!some_digits(c))
        return fault(c, "an unknown value");
    size_t n_digits = (size_t)(c->at - digits);
    if (n_digits > 1 && digits[0] == '0')
        return fault(c, "a number with a leading zero");
    bool whole = true;
    if (next_is(c, '.')) {
        whole = false;
        if (!some_digits(c))
            return fault(c, "a number without digits behind its point");
    }
    if (next_is(c, 'e') || next_is(c, 'E')) {
        whole = false;
        if (!next_is(c, '+'))
            (void)next_is(c, '-');
        if (!some_digits(c))
            return fault(c, "a number without digits in its exponent");
    }
    if (whole && (c->source->options & VP_JSON_ANY_NUMBER) == 0 && !fits_int64(digits, n_digits, negative))
        return fail_beyond_64_bits(c);
    return VP_OK;
}

static enum vp_code check_word(struct checker *c, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return fault(c, "an unknown value");
    c->at += len;
    return VP_OK;
}

static enum vp_code remember_key(struct checker *c, size_t offset)
{
    if (c->n_keys == c->keys_capacity) {
        size_t capacity = c->keys_capacity == 0 ? 64 : c->keys_capacity * 2;
        size_t *offsets = reallocarray(c->key_offsets, capacity, sizeof *offsets);
        if (offsets == NULL)
            return vp_fail_no_memory(c->err);
        c->key_offsets = offsets;
        c->keys_capacity = capacity;
    }
    c->key_offsets[c->n_keys++] = offset;
    return VP_OK;
}

static int compare_keys(const void *a, const void *b, void *keys)
{
    return strcmp((const char *)keys + *(const size_t *)a, (const char *)keys + *(const size_t *)b);
}

/* Sorting brings equal keys together: n log n also for an object made of thousands of keys. */
static enum vp_code check_unique(struct checker *c, size_t first_key)
{
    size_t n = c->n_keys - first_key;
    if (n < 2)
        return VP_OK;
    qsort_r(c->key_offsets + first_key, n, sizeof *c->key_offsets, compare_keys, c->keys.data);
    for (size_t i = first_key + 1; i < c->n_keys; i++)
        if (compare_keys(&c->key_offsets[i - 1], &c->key_offsets[i], c->keys.data) == 0)
            return fault(c, "a key that stands twice in the object that ends");
    return VP_OK;
}

static enum vp_code check_member(struct checker *c, unsigned depth, bool unique)
{
    skip_space(c);
    size_t offset = c->keys.len;
    struct key outer = c->key;
    const char *quoted = c->at;
    VP_TRY(count_tokens(c, 1));
    VP_TRY(check_string(c, unique ? &c->keys : NULL));
    c->key = (struct key){ quoted + 1, (size_t)(c->at - quoted) - 2 };
    if (unique) {
        vp_buf_add(&c->keys, "", 1);
        VP_TRY(vp_buf_check(&c->keys, "the list of keys", c->err));
        VP_TRY(remember_key(c, offset));
    }
    skip_space(c);
    if (!next_is(c, ':'))
        return fault(c, "a key without its colon");
    enum vp_code code = check_value(c, depth);
    c->key = outer;
    return code;
}

/* Behind '{'. */
static enum vp_code check_object(struct checker *c, unsigned depth)
{
    bool unique = c->source->unique_depth == 0 || depth <= c->source->unique_depth;
    size_t keys_mark = c->keys.len;
    size_t first_key = c->n_keys;
    skip_space(c);
    if (next_is(c, '}'))
        return VP_OK;
    do
        VP_TRY(check_member(c, depth, unique));
    while (next_is(c, ','));
    if (!next_is(c, '}'))
        return fault(c, "an object without end");
    VP_TRY(check_unique(c, first_key));
    c->n_keys = first_key;
    c->keys.len = keys_mark;
    return VP_OK;
}

/* Behind '['. */
static enum vp_code check_array(struct checker *c, unsigned depth)
{
    skip_space(c);
    if (next_is(c, ']'))
        return VP_OK;
    do
        VP_TRY(check_value(c, depth));
    while (next_is(c, ','));
    if (!next_is(c, ']'))
        return fault(c, "an array without end");
    return VP_OK;
}

static enum vp_code check_nested(struct checker *c, unsigned depth)
{
    if (depth >= c->source->max_depth)
        return fault(c, "it is nested too deeply");
    if (next_is(c, '{'))
        return check_object(c, depth + 1);
    (void)next_is(c, '[');
    return check_array(c, depth + 1);
}

/* One value with the space around it; `depth` levels are open. */
static enum vp_code check_value(struct checker *c, unsigned depth)
{
    skip_space(c);
    char first = '\0';
    if (c->at < c->end)
        first = *c->at;
    VP_TRY(count_tokens(c, tokens_of(first)));
    enum vp_code code;
    if (first == '{' || first == '[')
        code = check_nested(c, depth);
    else if (first == '"')
        code = check_string(c, NULL);
    else if (first == 't')
        code = check_word(c, "true");
    else if (first == 'f')
        code = check_word(c, "false");
    else if (first == 'n')
        code = check_word(c, "null");
    else
        code = check_number(c);
    skip_space(c);
    return code;
}

enum vp_code vp_json_check(const char *text, size_t len, const struct vp_json_source *source,
                           struct vp_json_tally *ret_tally, struct vp_error *err)
{
    if (len > source->max_bytes)
        return vp_fail(err, source->reason, "%s is larger than %zu bytes", source->what, source->max_bytes);
    struct checker c = {
        .start = text,
        .at = text,
        .end = text + len,
        .source = source,
        /* Unescaping never lengthens, and a key's quotes leave room for its terminator. */
        .keys = VP_BUF_INIT(len),
        .err = err,
    };
    enum vp_code code = check_value(&c, 0);
    if (code == VP_OK && c.at != c.end)
        code = fault(&c, "more text behind the value");
    vp_buf_clear(&c.keys);
    free(c.key_offsets);
    *ret_tally = c.tally;
    return code;
}
