/* The JSON parser: checks a document against RFC 8259 and the limits of its source, and builds json-c's objects in the
 * same pass.
 *
 * json-c's own parser (json_tokener) is not used: it accepts more than RFC 8259 does, its versions differ in what they
 * refuse, and some of them hide failed allocations. tests/fuzz/fuzz_json.c compares both. */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "vp/json.h"
#include "vp/secret.h"

#include "json_nul.h"
#include "utf8.h"

/* How many tokens a value counts that holds others, and what a token takes. json-c 0.16 and 0.18 spend some 80 bytes on a
 * string or a number, 790 on an object without members, 150 on an array without items. */
enum { OBJECT_TOKENS = 10, ARRAY_TOKENS = 2, TOKEN_BYTES = 80 };

enum {
    KEY_SHOWN_MAX = 64,
    ARRAY_SLOTS = 4, /* the array doubles them when they are full */
};

/* As it is written, escapes and all. */
struct key {
    const char *text; /* NULL outside of objects */
    size_t len;
};

struct parser {
    const char *start;
    const char *at;
    const char *end;
    const struct vp_json_source *source;
    const struct vp_json_sparse *sparse; /* NULL: all is built */
    size_t n_tokens;
    /* A stack of unescaped strings: the keys of the open objects, each NUL-terminated, then what is being read. */
    struct vp_buf scratch;
    struct key key; /* the innermost key around the value */
    bool may_be_nul; /* in the string that is being read */
    unsigned sparse_depth; /* of the object that is built in part; 0: none is open */
    bool skips;            /* values are checked and not built */
    struct vp_error *err;
};

static enum vp_code parse_value(struct parser *p, unsigned depth, struct json_object **ret_object);

static enum vp_code fault(struct parser *p, const char *what)
{
    return vp_fail(p->err, p->source->reason, "%s is not valid JSON: %s at byte %zu", p->source->what, what,
                   (size_t)(p->at - p->start));
}

/* ---- freeing ---- */

static void wipe(struct json_object *object)
{
    switch (json_object_get_type(object)) {
    case json_type_string: {
        const char *text = json_object_get_string(object);
        vp_wipe((void *)(uintptr_t)text, (size_t)json_object_get_string_len(object));
        break;
    }
    case json_type_int:
        json_object_set_int64(object, 0);
        break;
    case json_type_double: {
        char *text = json_object_get_userdata(object);
        vp_wipe(text, strlen(text));
        break;
    }
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(object); i++)
            wipe(json_object_array_get_idx(object, i));
        break;
    case json_type_object: {
        json_object_object_foreach(object, key, value)
        {
            (void)key;
            wipe(value);
        }
        break;
    }
    default:
        break;
    }
}

static void wipe_and_put(struct json_object **object)
{
    wipe(*object);
    json_object_put(*object);
}

void vp_json_free(struct vp_json *document)
{
    struct json_object *object = (struct json_object *)document;
    wipe_and_put(&object);
}

void vp_json_freep(struct vp_json **document)
{
    vp_json_free(*document);
    *document = NULL;
}

/* ---- characters ---- */

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

static bool next_is(struct parser *p, char wanted)
{
    if (p->at >= p->end || *p->at != wanted)
        return false;
    p->at++;
    return true;
}

static bool some_digits(struct parser *p)
{
    const char *first = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    return p->at > first;
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

static bool four_hex(struct parser *p, unsigned *ret_unit)
{
    unsigned unit = 0;
    if (p->end - p->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p->at[i]);
        if (digit < 0)
            return false;
        unit = unit * 16 + (unsigned)digit;
    }
    p->at += 4;
    *ret_unit = unit;
    return true;
}

static void add_code_point(struct vp_buf *buf, unsigned point)
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
    vp_buf_add(buf, bytes, len);
}

/* ---- strings ---- */

/* Behind a backslash. */
static enum vp_code parse_escape(struct parser *p)
{
    static const char NAMES[] = "\"\\/bfnrt";
    static const char MEANINGS[] = "\"\\/\b\f\n\r\t";
    if (!next_is(p, 'u')) {
        const char *name = p->at < p->end && *p->at != '\0' ? strchr(NAMES, *p->at) : NULL;
        if (name == NULL)
            return fault(p, "an unknown escape");
        p->at++;
        vp_buf_add(&p->scratch, &MEANINGS[name - NAMES], 1);
        return VP_OK;
    }
    unsigned point = 0;
    if (!four_hex(p, &point))
        return fault(p, "a \\u escape without four hex digits");
    if (point == 0 && !p->may_be_nul)
        return fault(p, "an escaped NUL");
    if (point >= 0xDC00 && point <= 0xDFFF)
        return fault(p, "a lone surrogate");
    if (point >= 0xD800 && point <= 0xDBFF) {
        unsigned low = 0;
        if (!next_is(p, '\\') || !next_is(p, 'u') || !four_hex(p, &low) || low < 0xDC00 || low > 0xDFFF)
            return fault(p, "a lone surrogate");
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    add_code_point(&p->scratch, point);
    return VP_OK;
}

/* Of ASCII characters that stand for themselves: nearly all there are, so they are added at once. */
static size_t plain_len(const struct parser *p)
{
    const char *at = p->at;
    while (at < p->end && (unsigned char)*at >= ' ' && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return (size_t)(at - p->at);
}

/* At a quote. Pushes the unescaped string. */
static enum vp_code parse_quoted(struct parser *p)
{
    if (!next_is(p, '"'))
        return fault(p, "a string without its opening quote");
    for (;;) {
        size_t len = plain_len(p);
        vp_buf_add(&p->scratch, p->at, len);
        p->at += len;
        if (p->at >= p->end)
            return fault(p, "a string without end");
        if (next_is(p, '"'))
            break;
        if (next_is(p, '\\')) {
            VP_TRY(parse_escape(p));
            continue;
        }
        if ((unsigned char)*p->at < ' ')
            return fault(p, "a raw control character");
        len = vp_utf8_len(p->at, (size_t)(p->end - p->at));
        if (len == 0)
            return fault(p, "bytes that are not UTF-8");
        vp_buf_add(&p->scratch, p->at, len);
        p->at += len;
    }
    return p->scratch.failed ? vp_fail_no_memory(p->err) : VP_OK;
}

/* ---- values ---- */

static enum vp_code made(struct parser *p, struct json_object *object, struct json_object **ret_object)
{
    if (object == NULL)
        return vp_fail_no_memory(p->err);
    *ret_object = object;
    return VP_OK;
}

static enum vp_code parse_string(struct parser *p, struct json_object **ret_object)
{
    size_t mark = p->scratch.len;
    p->may_be_nul = (p->source->options & VP_JSON_PASSES_ON) != 0;
    VP_TRY(parse_quoted(p));
    p->may_be_nul = false;
    size_t len = p->scratch.len - mark;
    const char *text = vp_buf_text(&p->scratch) + mark;
    p->scratch.len = mark;
    if (p->skips)
        return VP_OK;
    VP_TRY(made(p, json_object_new_string_len(text, (int)len), ret_object));
    if (memchr(text, '\0', len) != NULL)
        json_object_set_userdata(*ret_object, (void *)(uintptr_t)&JSON_HAS_NUL, NULL);
    return VP_OK;
}

static enum vp_code fail_beyond_64_bits(struct parser *p)
{
    if ((p->source->options & VP_JSON_TELLS_KEYS) == 0 || p->key.text == NULL)
        return fault(p, "a whole number beyond 64 bits");
    return vp_fail(p->err, p->source->reason,
                   "%s has a whole number beyond 64 bits under the key \"%.*s\": store it as a string, in quotes",
                   p->source->what, (int)(p->key.len < KEY_SHOWN_MAX ? p->key.len : KEY_SHOWN_MAX), p->key.text);
}

static enum vp_code parse_number(struct parser *p, struct json_object **ret_object)
{
    const char *first = p->at;
    (void)next_is(p, '-');
    const char *digits = p->at;
    if (!some_digits(p))
        return fault(p, "an unknown value");
    if (p->at - digits > 1 && digits[0] == '0')
        return fault(p, "a number with a leading zero");
    bool whole = true;
    if (next_is(p, '.')) {
        whole = false;
        if (!some_digits(p))
            return fault(p, "a number without digits behind its point");
    }
    if (next_is(p, 'e') || next_is(p, 'E')) {
        whole = false;
        if (!next_is(p, '+'))
            (void)next_is(p, '-');
        if (!some_digits(p))
            return fault(p, "a number without digits in its exponent");
    }

    if (p->skips)
        return VP_OK;
    size_t mark = p->scratch.len;
    vp_buf_add(&p->scratch, first, (size_t)(p->at - first));
    if (p->scratch.failed)
        return vp_fail_no_memory(p->err);
    p->scratch.len = mark;
    const char *text = vp_buf_text(&p->scratch) + mark;
    if (!whole || ((p->source->options & VP_JSON_PASSES_ON) != 0 && strcmp(text, "-0") == 0))
        return made(p, json_object_new_double_s(strtod(text, NULL), text), ret_object);
    errno = 0;
    int64_t number = strtoll(text, NULL, 10); /* beyond 64 bits: the nearest */
    if (errno == ERANGE && (p->source->options & VP_JSON_ANY_NUMBER) == 0)
        return fail_beyond_64_bits(p);
    return made(p, json_object_new_int64(number), ret_object);
}

static enum vp_code parse_word(struct parser *p, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
        return fault(p, "an unknown value");
    p->at += len;
    return VP_OK;
}

static enum vp_code count_tokens(struct parser *p, unsigned n)
{
    p->n_tokens += p->skips ? 0 : n;
    if (p->n_tokens > p->source->max_tokens)
        return vp_fail(p->err, p->source->reason,
                       "%s holds too many values: it may have %u, and an object counts as ten", p->source->what,
                       p->source->max_tokens);
    return VP_OK;
}

/* ---- parts that are not built ---- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(*words, text) == 0)
            return true;
    return false;
}

/* Looks at the key of a member in an object at level `depth`. */
static void choose_member(struct parser *p, unsigned depth, const char *key)
{
    const struct vp_json_sparse *sparse = p->sparse;
    if (sparse == NULL || p->skips)
        return;
    if (p->sparse_depth == 0 && depth == sparse->depth && strcmp(key, sparse->key) == 0)
        p->sparse_depth = depth + 1;
    else if (p->sparse_depth != 0)
        p->skips = depth > p->sparse_depth || !is_one_of(key, sparse->members);
}

/* ---- objects and arrays ---- */

/* Pushes the key, NUL-terminated. */
static enum vp_code parse_key(struct parser *p)
{
    skip_space(p);
    const char *quoted = p->at;
    VP_TRY(parse_quoted(p));
    p->key = (struct key){ quoted + 1, (size_t)(p->at - quoted) - 2 };
    vp_buf_add(&p->scratch, "", 1);
    if (p->scratch.failed)
        return vp_fail_no_memory(p->err);
    skip_space(p);
    return next_is(p, ':') ? VP_OK : fault(p, "a key without its colon");
}

static enum vp_code add_member(struct parser *p, unsigned depth, struct json_object *object, size_t mark)
{
    unsigned how = JSON_C_OBJECT_ADD_KEY_IS_NEW;
    struct json_object *earlier = NULL;
    if (json_object_object_get_ex(object, vp_buf_text(&p->scratch) + mark, &earlier)) {
        if (p->source->unique_depth == 0 || depth <= p->source->unique_depth)
            return fault(p, "a duplicate key");
        wipe(earlier);
        how = 0; /* the last one wins */
    }
    VP_AUTO(wipe_and_put) struct json_object *value = NULL;
    VP_TRY(parse_value(p, depth, &value));
    if (json_object_object_add_ex(object, vp_buf_text(&p->scratch) + mark, value, how) != 0)
        return vp_fail_no_memory(p->err);
    value = NULL;
    return VP_OK;
}

static enum vp_code parse_member(struct parser *p, unsigned depth, struct json_object *object)
{
    size_t mark = p->scratch.len;
    struct json_object *nothing = NULL;
    const struct key outer = p->key;
    const unsigned outer_sparse_depth = p->sparse_depth;
    const bool outer_skips = p->skips;
    VP_TRY(parse_key(p));
    choose_member(p, depth, vp_buf_text(&p->scratch) + mark);
    VP_TRY(count_tokens(p, 1));
    VP_TRY(p->skips ? parse_value(p, depth, &nothing) : add_member(p, depth, object, mark));
    p->scratch.len = mark;
    p->key = outer;
    p->sparse_depth = outer_sparse_depth;
    p->skips = outer_skips;
    return VP_OK;
}

/* Behind '{'. */
static enum vp_code parse_object(struct parser *p, unsigned depth, struct json_object **ret_object)
{
    VP_AUTO(wipe_and_put) struct json_object *object = NULL;
    if (!p->skips)
        VP_TRY(made(p, json_object_new_object(), &object));
    skip_space(p);
    if (!next_is(p, '}')) {
        do
            VP_TRY(parse_member(p, depth, object));
        while (next_is(p, ','));
        if (!next_is(p, '}'))
            return fault(p, "an object without end");
    }
    *ret_object = VP_TAKE(object);
    return VP_OK;
}

static enum vp_code parse_item(struct parser *p, unsigned depth, struct json_object *array)
{
    VP_AUTO(wipe_and_put) struct json_object *item = NULL;
    VP_TRY(parse_value(p, depth, &item));
    if (p->skips)
        return VP_OK;
    if (json_object_array_add(array, item) != 0)
        return vp_fail_no_memory(p->err);
    item = NULL;
    return VP_OK;
}

/* Behind '['. */
static enum vp_code parse_array(struct parser *p, unsigned depth, struct json_object **ret_object)
{
    VP_AUTO(wipe_and_put) struct json_object *array = NULL;
    const bool outer_skips = p->skips;
    if (!p->skips)
        VP_TRY(made(p, json_object_new_array_ext(ARRAY_SLOTS), &array));
    p->skips = p->skips || p->sparse_depth != 0;
    skip_space(p);
    if (!next_is(p, ']')) {
        do
            VP_TRY(parse_item(p, depth, array));
        while (next_is(p, ','));
        if (!next_is(p, ']'))
            return fault(p, "an array without end");
    }
    p->skips = outer_skips;
    *ret_object = VP_TAKE(array);
    return VP_OK;
}

/* One value with the space around it; `depth` levels are open. For null *ret_object stays as it is, NULL. */
static enum vp_code parse_value(struct parser *p, unsigned depth, struct json_object **ret_object)
{
    skip_space(p);
    char first = p->at < p->end ? *p->at : '\0';
    VP_TRY(count_tokens(p, first == '{' ? OBJECT_TOKENS : first == '[' ? ARRAY_TOKENS : 1));
    if ((first == '{' || first == '[') && depth >= p->source->max_depth)
        return fault(p, "it is nested too deeply");
    switch (first) {
    case '{':
        p->at++;
        VP_TRY(parse_object(p, depth + 1, ret_object));
        break;
    case '[':
        p->at++;
        VP_TRY(parse_array(p, depth + 1, ret_object));
        break;
    case '"':
        VP_TRY(parse_string(p, ret_object));
        break;
    case 't':
    case 'f':
        VP_TRY(parse_word(p, first == 't' ? "true" : "false"));
        if (!p->skips)
            VP_TRY(made(p, json_object_new_boolean(first == 't'), ret_object));
        break;
    case 'n':
        VP_TRY(parse_word(p, "null"));
        break;
    default:
        VP_TRY(parse_number(p, ret_object));
        break;
    }
    skip_space(p);
    return VP_OK;
}

enum vp_code vp_json_parse(const char *text, size_t len, const struct vp_json_source *source,
                           struct vp_json **ret_document, struct vp_error *err)
{
    return vp_json_parse_sparse(text, len, source, NULL, ret_document, err);
}

enum vp_code vp_json_parse_sparse(const char *text, size_t len, const struct vp_json_source *source,
                                  const struct vp_json_sparse *sparse, struct vp_json **ret_document,
                                  struct vp_error *err)
{
    assert(source->max_bytes <= INT32_MAX);
    if (len > source->max_bytes)
        return vp_fail(err, source->reason, "%s is larger than %zu bytes", source->what, source->max_bytes);
    struct parser p = {
        .start = text,
        .at = text,
        .end = text + len,
        .source = source,
        .sparse = sparse,
        /* Unescaping never lengthens, and a key's quotes leave room for its terminator. */
        .scratch = VP_BUF_INIT(len),
        .err = err,
    };
    VP_AUTO(wipe_and_put) struct json_object *object = NULL;
    enum vp_code code = parse_value(&p, 0, &object);
    if (code == VP_OK && p.at != p.end)
        code = fault(&p, "more text behind the value");
    vp_buf_clear(&p.scratch);
    if (code == VP_OK)
        *ret_document = (struct vp_json *)VP_TAKE(object);
    return code;
}

/* ---- size ---- */

static size_t memory(struct json_object *object)
{
    size_t n = TOKEN_BYTES;
    switch (json_object_get_type(object)) {
    case json_type_string:
        return n + (size_t)json_object_get_string_len(object);
    case json_type_array:
        n *= ARRAY_TOKENS;
        for (size_t i = 0; i < json_object_array_length(object); i++)
            n += memory(json_object_array_get_idx(object, i));
        return n;
    case json_type_object: {
        n *= OBJECT_TOKENS;
        json_object_object_foreach(object, key, value)
        {
            n += TOKEN_BYTES + strlen(key) + memory(value);
        }
        return n;
    }
    default:
        return n;
    }
}

size_t vp_json_memory(const struct vp_json *document)
{
    return memory((struct json_object *)(uintptr_t)document);
}
