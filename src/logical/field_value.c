#include "field_value.h"

#include <stdlib.h>
#include <string.h>

#include "vp/duration.h"

enum {
    DURATION_MAX_S = 10 * 366 * 24 * 3600, /* sums of a few stay far from the end of int64_t, in nanoseconds too */
    PAIRS_MAX = 10000,                     /* each is compared with all before it; a stored record can't hold as many */
};

static enum vp_code wrong(const struct logical_field *field, const char *wanted, struct vp_error *err)
{
    return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"%s\" must be %s", field->name, wanted);
}

static enum vp_code set_text(const char *text, void *target, struct vp_error *err)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return vp_fail_no_memory(err);
    free(*(char **)target);
    *(char **)target = copy;
    return VP_OK;
}

static enum vp_code set_secret(const char *text, void *target, struct vp_error *err)
{
    struct vp_secret *secret = NULL;
    if (*text != '\0') {
        secret = vp_secret_new(text, strlen(text));
        if (secret == NULL)
            return vp_fail_no_memory(err);
    }
    vp_secret_free(*(struct vp_secret **)target);
    *(struct vp_secret **)target = secret;
    return VP_OK;
}

/* Adds text[0..len) without the blanks around it; nothing when only blanks are left. */
static enum vp_code add_trimmed(struct vp_texts *list, const char *text, size_t len, struct vp_error *err)
{
    vp_trim(&text, &len);
    if (len == 0)
        return VP_OK;
    char *item = strndup(text, len);
    if (item == NULL)
        return vp_fail_no_memory(err);
    enum vp_code code = vp_texts_add(list, item, err);
    free(item);
    return code;
}

static enum vp_code split_commas(const char *text, struct vp_texts *list, struct vp_error *err)
{
    for (;;) {
        size_t len = strcspn(text, ",");
        VP_TRY(add_trimmed(list, text, len, err));
        if (text[len] == '\0')
            return VP_OK;
        text += len + 1;
    }
}

static enum vp_code read_list(const struct logical_field *field, const struct vp_json *value, struct vp_texts *list,
                              struct vp_error *err)
{
    if (vp_json_type(value) == VP_JSON_TEXT)
        return split_commas(vp_json_text(value), list, err);
    for (size_t i = 0; i < vp_json_len(value); i++) {
        const struct vp_json *item = vp_json_at(value, i);
        if (vp_json_type(item) != VP_JSON_TEXT)
            return wrong(field, "a list of texts", err);
        const char *text = vp_json_text(item);
        VP_TRY(add_trimmed(list, text, strlen(text), err));
    }
    return VP_OK;
}

static enum vp_code set_list(const struct logical_field *field, const struct vp_json *value, void *target,
                             struct vp_error *err)
{
    struct vp_texts list = { 0 };
    enum vp_code code = read_list(field, value, &list, err);
    /* "" and [] empty a list, which for some means "any"; blanks were meant to be something. */
    bool blank = vp_json_type(value) == VP_JSON_TEXT ? *vp_json_text(value) != '\0' : vp_json_len(value) > 0;
    if (code == VP_OK && list.n == 0 && blank)
        code = wrong(field, "empty, or a list with something in it", err);
    if (code != VP_OK) {
        vp_texts_clear(&list);
        return code;
    }
    vp_texts_clear(target);
    *(struct vp_texts *)target = list;
    return VP_OK;
}

/* ---- maps ---- */

static enum vp_code add_pair(const struct logical_field *field, const char *key, const char *value,
                             struct logical_pairs *pairs, struct vp_error *err)
{
    if (*key == '\0' || *value == '\0')
        return wrong(field, "a map with neither empty keys nor empty values", err);
    if (pairs->n >= PAIRS_MAX)
        return wrong(field, "a map of 10000 keys at the most", err);
    if (logical_pairs_get(pairs, key) != NULL)
        return wrong(field, "a map that has each key once", err);
    return logical_pairs_add(pairs, key, value, err);
}

struct map {
    const struct logical_field *field;
    struct logical_pairs pairs;
};

static enum vp_code add_member(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct map *map = context;
    if (vp_json_type(value) != VP_JSON_TEXT)
        return wrong(map->field, "a map of texts", err);
    return add_pair(map->field, key, vp_json_text(value), &map->pairs, err);
}

/* "key=value", where the value may hold further "=". */
static enum vp_code add_assignment(struct map *map, char *text, struct vp_error *err)
{
    char *equals = strchr(text, '=');
    if (equals == NULL)
        return wrong(map->field, "a map: an object, or texts of the form key=value", err);
    *equals = '\0';
    return add_pair(map->field, text, equals + 1, &map->pairs, err);
}

static enum vp_code read_assignments(const struct vp_json *value, struct map *map, struct vp_error *err)
{
    struct vp_texts list = { 0 };
    enum vp_code code = read_list(map->field, value, &list, err);
    for (size_t i = 0; code == VP_OK && i < list.n; i++)
        code = add_assignment(map, list.items[i], err);
    vp_texts_clear(&list);
    return code;
}

static enum vp_code set_map(const struct logical_field *field, const struct vp_json *value, void *target,
                            struct vp_error *err)
{
    struct map map = { .field = field };
    enum vp_code code = vp_json_type(value) == VP_JSON_OBJECT ? vp_json_each(value, add_member, &map, err)
                                                              : read_assignments(value, &map, err);
    if (code != VP_OK) {
        logical_pairs_clear(&map.pairs);
        return code;
    }
    logical_pairs_clear(target);
    *(struct logical_pairs *)target = map.pairs;
    return VP_OK;
}

/* ---- numbers and flags ---- */

static bool parse_digits(const char **at, int64_t *ret_number)
{
    const char *first = *at;
    int64_t number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, **at - '0', &number))
            return false;
    *ret_number = number;
    return *at > first;
}

static bool parse_int(const char *text, int64_t *ret_number)
{
    bool negative = *text == '-';
    if (negative)
        text++;
    int64_t number = 0;
    if (!parse_digits(&text, &number) || *text != '\0')
        return false;
    *ret_number = negative ? -number : number;
    return true;
}

static enum vp_code set_number(const struct logical_field *field, int64_t number, void *target, struct vp_error *err)
{
    bool bounded = field->min != 0 || field->max != 0;
    const char *unit = field->type == LOGICAL_DURATION ? " seconds" : "";
    if (bounded && (number < field->min || number > field->max))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"%s\" must be between %lld and %lld%s", field->name,
                       (long long)field->min, (long long)field->max, unit);
    if (!bounded && number < 0)
        return wrong(field, "zero or more", err);
    if (!bounded && field->type == LOGICAL_DURATION && number > DURATION_MAX_S)
        return wrong(field, "ten years at the most", err);
    *(int64_t *)target = number;
    return VP_OK;
}

static enum vp_code set_bool(const struct logical_field *field, const struct vp_json *value, void *target,
                             struct vp_error *err)
{
    static const struct {
        const char *word;
        bool value;
    } WORDS[] = { { "true", true }, { "false", false }, { "1", true }, { "0", false } };
    if (vp_json_type(value) == VP_JSON_BOOL) {
        *(bool *)target = vp_json_bool(value);
        return VP_OK;
    }
    if (vp_json_type(value) == VP_JSON_INT && (vp_json_int(value) == 0 || vp_json_int(value) == 1)) {
        *(bool *)target = vp_json_int(value) == 1;
        return VP_OK;
    }
    for (size_t i = 0; vp_json_type(value) == VP_JSON_TEXT && i < VP_LEN(WORDS); i++) {
        if (strcmp(vp_json_text(value), WORDS[i].word) == 0) {
            *(bool *)target = WORDS[i].value;
            return VP_OK;
        }
    }
    return wrong(field, "true or false", err);
}

static enum vp_code read_number(const struct logical_field *field, const struct vp_json *value, void *target,
                                struct vp_error *err)
{
    bool duration = field->type == LOGICAL_DURATION;
    int64_t number = 0;
    bool good = false;
    if (vp_json_type(value) == VP_JSON_INT) {
        number = vp_json_int(value);
        good = true;
    } else if (vp_json_type(value) == VP_JSON_TEXT) {
        const char *text = vp_json_text(value);
        good = duration ? vp_duration_parse(text, &number) : parse_int(text, &number);
    }
    if (!good)
        return wrong(field,
                     duration ? "a duration: seconds, or a string such as \"90s\", \"10m\", \"1h30m\" or \"1d\""
                              : "a whole number",
                     err);
    return set_number(field, number, target, err);
}

enum vp_code logical_field_read(const struct logical_field *field, const struct vp_json *value, void *target,
                                struct vp_error *err)
{
    enum vp_json_type type = vp_json_type(value);
    switch (field->type) {
    case LOGICAL_TEXT:
        return type == VP_JSON_TEXT ? set_text(vp_json_text(value), target, err) : wrong(field, "a text", err);
    case LOGICAL_SECRET:
        return type == VP_JSON_TEXT ? set_secret(vp_json_text(value), target, err) : wrong(field, "a text", err);
    case LOGICAL_BOOL:
        return set_bool(field, value, target, err);
    case LOGICAL_INT:
    case LOGICAL_DURATION:
        return read_number(field, value, target, err);
    case LOGICAL_TEXTS:
        if (type != VP_JSON_TEXT && type != VP_JSON_ARRAY)
            return wrong(field, "a list of texts, or one text with commas", err);
        return set_list(field, value, target, err);
    case LOGICAL_MAP:
        if (type != VP_JSON_OBJECT && type != VP_JSON_TEXT && type != VP_JSON_ARRAY)
            return wrong(field, "a map: an object, or texts of the form key=value", err);
        return set_map(field, value, target, err);
    }
    return vp_fail(err, VP_REASON_INTERNAL, "field \"%s\" has no type", field->name);
}

enum vp_code logical_field_read_text(const struct logical_field *field, const char *text, void *target,
                                     struct vp_error *err)
{
    static const struct vp_json_source PRESET = { "a preset", VP_REASON_INTERNAL, 4096, 1, 1, 0, 0 };
    struct vp_buf quoted = VP_BUF_INIT(4096);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &quoted);
    vp_json_put_text(&writer, text);
    VP_AUTO(vp_json_freep) struct vp_json *value = NULL;
    enum vp_code code = vp_buf_check(&quoted, "a preset", err);
    if (code == VP_OK)
        code = vp_json_parse(vp_buf_text(&quoted), quoted.len, &PRESET, &value, err);
    vp_buf_clear(&quoted);
    VP_TRY(code);
    return logical_field_read(field, value, target, err);
}

static void write_map(const struct logical_pairs *pairs, struct vp_json_writer *writer)
{
    vp_json_open_object(writer);
    for (size_t i = 0; i < pairs->n; i++)
        vp_json_add_text(writer, pairs->items[i].key, pairs->items[i].value);
    vp_json_close_object(writer);
}

void logical_field_write(const struct logical_field *field, const void *target, struct vp_json_writer *writer)
{
    const char *at = (const char *)target + field->offset;
    switch (field->type) {
    case LOGICAL_TEXT: {
        const char *text = *(char *const *)at;
        vp_json_put_text(writer, text == NULL ? "" : text);
        break;
    }
    case LOGICAL_SECRET: {
        const struct vp_secret *secret = *(struct vp_secret *const *)at;
        vp_json_put_text(writer, secret == NULL ? "" : vp_secret_reveal(secret));
        break;
    }
    case LOGICAL_BOOL:
        vp_json_put_bool(writer, *(const bool *)at);
        break;
    case LOGICAL_INT:
    case LOGICAL_DURATION:
        vp_json_put_int(writer, *(const int64_t *)at);
        break;
    case LOGICAL_TEXTS:
        vp_json_put_texts(writer, (const struct vp_texts *)at);
        break;
    case LOGICAL_MAP:
        write_map((const struct logical_pairs *)at, writer);
        break;
    }
}
