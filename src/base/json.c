/* Reading what json_parse.c made: by type, never coerced. */
#include "vp/json.h"

#include <assert.h>
#include <json-c/json.h>
#include <string.h>

#include "vp/clock.h"

#include "json_nul.h"

const char JSON_HAS_NUL;

/* json-c has no object for null; this address stands for one. */
static const char NULL_VALUE;

static const struct vp_json *wrap(const struct json_object *object)
{
    return object == NULL ? (const struct vp_json *)&NULL_VALUE : (const struct vp_json *)object;
}

/* json-c's readers take non-const pointers but don't write through them (for the types that we ask for). */
static struct json_object *unwrap(const struct vp_json *value)
{
    if (value == NULL || value == (const struct vp_json *)&NULL_VALUE)
        return NULL;
    return (struct json_object *)(uintptr_t)value;
}

enum vp_json_type vp_json_type(const struct vp_json *value)
{
    static const enum vp_json_type TYPES[] = {
        [json_type_null] = VP_JSON_NULL,   [json_type_boolean] = VP_JSON_BOOL,  [json_type_double] = VP_JSON_NUMBER,
        [json_type_int] = VP_JSON_INT,     [json_type_object] = VP_JSON_OBJECT, [json_type_array] = VP_JSON_ARRAY,
        [json_type_string] = VP_JSON_TEXT,
    };
    enum vp_json_type type = TYPES[json_object_get_type(unwrap(value))];
    bool has_nul = type == VP_JSON_TEXT && json_object_get_userdata(unwrap(value)) == &JSON_HAS_NUL;
    return has_nul ? VP_JSON_NUL_TEXT : type;
}

const struct vp_json *vp_json_get(const struct vp_json *object, const char *key)
{
    struct json_object *value = NULL;
    if (vp_json_type(object) != VP_JSON_OBJECT || !json_object_object_get_ex(unwrap(object), key, &value))
        return NULL;
    return wrap(value);
}

const char *vp_json_text(const struct vp_json *text)
{
    assert(vp_json_type(text) == VP_JSON_TEXT);
    return json_object_get_string(unwrap(text));
}

int64_t vp_json_int(const struct vp_json *number)
{
    assert(vp_json_type(number) == VP_JSON_INT);
    return json_object_get_int64(unwrap(number));
}

/* The parser keeps the text: json_object_new_double_s(). */
const char *vp_json_number(const struct vp_json *number)
{
    assert(vp_json_type(number) == VP_JSON_NUMBER);
    return json_object_get_userdata(unwrap(number));
}

bool vp_json_bool(const struct vp_json *boolean)
{
    assert(vp_json_type(boolean) == VP_JSON_BOOL);
    return json_object_get_boolean(unwrap(boolean)) != 0;
}

const char *json_nul_text(const struct vp_json *text, size_t *ret_len)
{
    assert(vp_json_type(text) == VP_JSON_NUL_TEXT);
    *ret_len = (size_t)json_object_get_string_len(unwrap(text));
    return json_object_get_string(unwrap(text));
}

size_t vp_json_len(const struct vp_json *array_or_object)
{
    switch (vp_json_type(array_or_object)) {
    case VP_JSON_ARRAY:
        return json_object_array_length(unwrap(array_or_object));
    case VP_JSON_OBJECT:
        return (size_t)json_object_object_length(unwrap(array_or_object));
    default:
        return 0;
    }
}

const struct vp_json *vp_json_at(const struct vp_json *array, size_t i)
{
    if (vp_json_type(array) != VP_JSON_ARRAY || i >= vp_json_len(array))
        return NULL;
    return wrap(json_object_array_get_idx(unwrap(array), i));
}

enum vp_code vp_json_each(const struct vp_json *object, vp_json_visit visit, void *context, struct vp_error *err)
{
    if (vp_json_type(object) != VP_JSON_OBJECT)
        return VP_OK;
    json_object_object_foreach(unwrap(object), key, value)
    {
        VP_TRY(visit(context, key, wrap(value), err));
    }
    return VP_OK;
}

static bool take_text(const struct vp_json *value, const struct vp_json_field *field, void *target)
{
    size_t max_len = field->max_len == 0 ? VP_JSON_TEXT_MAX : field->max_len;
    const char *text = vp_json_text(value);
    size_t len = strlen(text);
    if (len > max_len || (len == 0 && (field->flags & VP_JSON_OR_NULL) == 0))
        return false;
    *(const char **)target = len == 0 ? NULL : text;
    return true;
}

static bool take_time(const struct vp_json *value, const struct vp_json_field *field, void *target)
{
    const char *text = vp_json_text(value);
    if (*text == '\0' && (field->flags & VP_JSON_OR_NULL) != 0) {
        *(int64_t *)target = VP_TIME_NONE;
        return true;
    }
    return vp_time_parse(text, target);
}

static bool is_texts(const struct vp_json *array)
{
    for (size_t i = 0; i < vp_json_len(array); i++)
        if (vp_json_type(vp_json_at(array, i)) != VP_JSON_TEXT)
            return false;
    return true;
}

static void take_null(const struct vp_json_field *field, void *target)
{
    switch (field->target) {
    case VP_JSON_TO_BOOL:
        *(bool *)target = false;
        break;
    case VP_JSON_TO_INT:
        *(int64_t *)target = 0;
        break;
    case VP_JSON_TO_TIME:
        *(int64_t *)target = VP_TIME_NONE;
        break;
    case VP_JSON_TO_TEXT:
    case VP_JSON_TO_TEXTS:
    case VP_JSON_TO_ARRAY:
    case VP_JSON_TO_OBJECT:
        *(const void **)target = NULL;
        break;
    }
}

/* False: the value is not what the field wants. */
static bool take_value(const struct vp_json *value, const struct vp_json_field *field, void *target)
{
    static const enum vp_json_type WANTED[] = {
        [VP_JSON_TO_TEXT] = VP_JSON_TEXT,     [VP_JSON_TO_BOOL] = VP_JSON_BOOL,   [VP_JSON_TO_INT] = VP_JSON_INT,
        [VP_JSON_TO_TIME] = VP_JSON_TEXT,     [VP_JSON_TO_TEXTS] = VP_JSON_ARRAY, [VP_JSON_TO_ARRAY] = VP_JSON_ARRAY,
        [VP_JSON_TO_OBJECT] = VP_JSON_OBJECT,
    };
    if (vp_json_type(value) == VP_JSON_NULL && (field->flags & VP_JSON_OR_NULL) != 0) {
        take_null(field, target);
        return true;
    }
    if (vp_json_type(value) != WANTED[field->target])
        return false;
    switch (field->target) {
    case VP_JSON_TO_TEXT:
        return take_text(value, field, target);
    case VP_JSON_TO_TIME:
        return take_time(value, field, target);
    case VP_JSON_TO_BOOL:
        *(bool *)target = vp_json_bool(value);
        return true;
    case VP_JSON_TO_INT:
        *(int64_t *)target = vp_json_int(value);
        return true;
    case VP_JSON_TO_TEXTS:
        if (!is_texts(value))
            return false;
        break;
    case VP_JSON_TO_ARRAY:
    case VP_JSON_TO_OBJECT:
        break;
    }
    *(const struct vp_json **)target = value;
    return true;
}

enum vp_code vp_json_decode(const struct vp_json *object, const struct vp_json_field *fields,
                            const struct vp_json_source *source, void *target, struct vp_error *err)
{
    if (vp_json_type(object) != VP_JSON_OBJECT)
        return vp_fail(err, source->reason, "%s is not a JSON object", source->what);
    for (const struct vp_json_field *field = fields; field->key != NULL; field++) {
        const struct vp_json *value = vp_json_get(object, field->key);
        if (value == NULL && (field->flags & VP_JSON_OR_MISSING) != 0)
            continue;
        if (value == NULL)
            return vp_fail(err, source->reason, "%s lacks \"%s\"", source->what, field->key);
        if (!take_value(value, field, (char *)target + field->offset))
            return vp_fail(err, source->reason, "%s has an unusable \"%s\"", source->what, field->key);
    }
    return VP_OK;
}
