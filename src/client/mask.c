/* Search for many strings at once after Wu and Manber: the last bytes of a window as long as the shortest pattern say how far
 * it can move without missing one, mostly by six bytes. */
#include "mask.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vp/secret.h"

#include "encodings.h"

enum {
    BLOCK = 3,
    SHIFT_BITS = 15,
    N_SHIFTS = 1 << SHIFT_BITS,
    SHIFT_MAX = CLI_MASK_MIN - BLOCK + 1,
    NONE = -1,
    PATTERNS_MAX = 100000,
};

struct pattern {
    char *bytes;
    size_t len;
    int next; /* of those whose window ends alike, longest first */
};

/* What streams look at: never changed once it is there. */
struct index {
    struct index *older;
    struct pattern *patterns; /* their bytes are the mask's */
    size_t n;
    int first[N_SHIFTS];
    uint8_t shifts[N_SHIFTS];
    bool begins[UINT8_MAX + 1]; /* whether a pattern begins with that byte */
};

struct cli_mask {
    struct pattern *patterns;
    size_t n;
    _Atomic(struct index *) index;
};

enum vp_code cli_mask_new(struct cli_mask **ret_mask, struct vp_error *err)
{
    *ret_mask = calloc(1, sizeof **ret_mask);
    return *ret_mask == NULL ? vp_fail_no_memory(err) : VP_OK;
}

void cli_mask_free(struct cli_mask *mask)
{
    if (mask == NULL)
        return;
    for (size_t i = 0; i < mask->n; i++) {
        vp_wipe(mask->patterns[i].bytes, mask->patterns[i].len);
        free(mask->patterns[i].bytes);
    }
    free(mask->patterns);
    for (struct index *index = mask->index; index != NULL;) {
        struct index *older = index->older;
        free(index->patterns);
        free(index);
        index = older;
    }
    free(mask);
}

void cli_mask_freep(struct cli_mask **mask)
{
    cli_mask_free(*mask);
}

/* ---- patterns ---- */

static enum vp_code add_pattern(void *context, const char *bytes, size_t len, struct vp_error *err)
{
    struct cli_mask *mask = context;
    if (len < CLI_MASK_MIN)
        return VP_OK;
    for (size_t i = 0; i < mask->n; i++)
        if (mask->patterns[i].len == len && memcmp(mask->patterns[i].bytes, bytes, len) == 0)
            return VP_OK;
    struct pattern *patterns = reallocarray(mask->patterns, mask->n + 1, sizeof *patterns);
    char *copy = patterns == NULL ? NULL : malloc(len);
    if (patterns != NULL)
        mask->patterns = patterns;
    if (copy == NULL)
        return vp_fail_no_memory(err);
    memcpy(copy, bytes, len);
    patterns[mask->n++] = (struct pattern){ .bytes = copy, .len = len };
    return VP_OK;
}

static enum vp_code add_one(struct cli_mask *mask, const char *value, size_t len, struct vp_error *err)
{
    if (len < CLI_MASK_MIN)
        return VP_OK;
    VP_TRY(add_pattern(mask, value, len, err));
    return cli_encodings_each(value, len, add_pattern, mask, err);
}

/* A file of several lines is mostly shown line by line; the frame of a PEM file is no secret. */
enum vp_code cli_mask_add(struct cli_mask *mask, const char *value, struct vp_error *err)
{
    static const char FRAME[] = "-----";
    size_t len = strlen(value);
    while (len > 0 && (value[len - 1] == '\n' || value[len - 1] == '\r'))
        len--;
    VP_TRY(add_one(mask, value, len, err));
    if (memchr(value, '\n', len) == NULL)
        return VP_OK;
    for (size_t at = 0; at < len;) {
        size_t line = strcspn(value + at, "\r\n");
        if (strncmp(value + at, FRAME, strlen(FRAME)) != 0)
            VP_TRY(add_one(mask, value + at, line, err));
        at += line + 1;
    }
    return VP_OK;
}

static size_t hash(const char *block)
{
    const unsigned char *bytes = (const unsigned char *)block;
    uint32_t number = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
    return (number * 2654435761U) >> (32 - SHIFT_BITS);
}

static int longer_first(const void *left, const void *right)
{
    const struct pattern *one = left;
    const struct pattern *other = right;
    return one->len < other->len ? 1 : one->len > other->len ? -1 : 0;
}

static void fill_index(struct index *index)
{
    qsort(index->patterns, index->n, sizeof *index->patterns, longer_first);
    memset(index->shifts, SHIFT_MAX, sizeof index->shifts);
    for (size_t i = 0; i < N_SHIFTS; i++)
        index->first[i] = NONE;
    for (size_t i = index->n; i-- > 0;) {
        struct pattern *pattern = &index->patterns[i];
        index->begins[(unsigned char)pattern->bytes[0]] = true;
        for (size_t at = 0; at <= CLI_MASK_MIN - BLOCK; at++) {
            size_t block = hash(pattern->bytes + at);
            uint8_t shift = (uint8_t)(CLI_MASK_MIN - BLOCK - at);
            if (shift < index->shifts[block])
                index->shifts[block] = shift;
        }
        size_t last = hash(pattern->bytes + CLI_MASK_MIN - BLOCK);
        pattern->next = index->first[last];
        index->first[last] = (int)i;
    }
}

enum vp_code cli_mask_ready(struct cli_mask *mask, struct vp_error *err)
{
    if (mask->n > PATTERNS_MAX)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "--mask: too many values");
    struct index *index = calloc(1, sizeof *index);
    struct pattern *patterns = calloc(mask->n + 1, sizeof *patterns);
    if (index == NULL || patterns == NULL) {
        free(index);
        free(patterns);
        return vp_fail_no_memory(err);
    }
    if (mask->n > 0)
        memcpy(patterns, mask->patterns, mask->n * sizeof *patterns);
    index->patterns = patterns;
    index->n = mask->n;
    index->older = mask->index;
    fill_index(index);
    atomic_store(&mask->index, index);
    return VP_OK;
}

/* ---- streams ---- */

void cli_mask_stream_clear(struct cli_mask_stream *stream)
{
    if (stream->data != NULL)
        vp_wipe(stream->data, stream->capacity);
    free(stream->data);
    *stream = (struct cli_mask_stream){ 0 };
}

bool cli_mask_stream_reserve(struct cli_mask_stream *stream, size_t len)
{
    if (stream->capacity - stream->len >= len)
        return true;
    size_t capacity = 2 * stream->capacity + len;
    char *data = malloc(capacity);
    if (data == NULL)
        return false;
    if (stream->len > 0)
        memcpy(data, stream->data, stream->len);
    struct cli_mask_stream before = *stream;
    *stream = (struct cli_mask_stream){ data, before.len, capacity };
    cli_mask_stream_clear(&before);
    return true;
}

enum match { NO_MATCH, WHOLE, UNFINISHED };

/* The longest pattern that stands there; UNFINISHED when a longer one may, but the stream does not say yet. */
static enum match match_at(const struct index *index, const char *at, size_t left, bool last, size_t *ret_len)
{
    for (int i = index->first[hash(at + CLI_MASK_MIN - BLOCK)]; i != NONE; i = index->patterns[i].next) {
        const struct pattern *pattern = &index->patterns[i];
        size_t len = pattern->len < left ? pattern->len : left;
        if (memcmp(pattern->bytes, at, len) != 0)
            continue;
        if (len == pattern->len) {
            *ret_len = len;
            return WHOLE;
        }
        if (!last)
            return UNFINISHED;
    }
    return NO_MATCH;
}

/* Fewer bytes than any pattern has: whether one begins so. */
static bool may_begin(const struct index *index, const char *at, size_t left)
{
    if (!index->begins[(unsigned char)*at])
        return false;
    for (size_t i = 0; i < index->n; i++)
        if (memcmp(index->patterns[i].bytes, at, left) == 0)
            return true;
    return false;
}

bool cli_mask_flush(struct cli_mask *mask, struct cli_mask_stream *stream, bool last, cli_mask_write write,
                    void *context)
{
    static const char MASKED[] = "***";
    const struct index *index = atomic_load(&mask->index);
    const char *data = stream->data;
    size_t written = 0;
    size_t at = 0;
    bool good = true;
    bool waits = false;
    while (good && !waits && at + CLI_MASK_MIN <= stream->len) {
        size_t len = 0;
        size_t shift = index->shifts[hash(data + at + CLI_MASK_MIN - BLOCK)];
        if (shift > 0) {
            at += shift;
            continue;
        }
        switch (match_at(index, data + at, stream->len - at, last, &len)) {
        case NO_MATCH:
            at++;
            break;
        case UNFINISHED:
            waits = true;
            break;
        case WHOLE:
            good = (at == written || write(context, data + written, at - written)) &&
                   write(context, MASKED, strlen(MASKED));
            at += len;
            written = at;
            break;
        }
    }
    while (!waits && !last && at < stream->len && !may_begin(index, data + at, stream->len - at))
        at++;
    if (last)
        at = stream->len;
    good = good && (at == written || write(context, data + written, at - written));
    if (stream->len > at)
        memmove(stream->data, stream->data + at, stream->len - at);
    stream->len -= at;
    return good;
}
