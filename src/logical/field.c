/* What all uses of a field table share: presets, requests, reads, stored records. */
#include <stdlib.h>
#include <string.h>

#include "vp/logical.h"

#include "field_value.h"

static const struct logical_field *find_field(const struct logical_field *fields, const char *name)
{
    for (const struct logical_field *field = fields; field->name != NULL; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

/* The fields that older auth methods have without "token_" in front: policies, ttl, period, ... */
static const struct logical_field *find_token_field(const struct logical_field *fields, const char *name)
{
    static const char PREFIX[] = "token_";
    for (const struct logical_field *field = fields; field->name != NULL; field++)
        if (strncmp(field->name, PREFIX, strlen(PREFIX)) == 0 && strcmp(field->name + strlen(PREFIX), name) == 0)
            return field;
    return NULL;
}

static void *place(const struct logical_field *field, void *target)
{
    return (char *)target + field->offset;
}

enum vp_code logical_fields_init(const struct logical_field *fields, void *target, struct vp_error *err)
{
    for (const struct logical_field *field = fields; field->name != NULL; field++)
        if (field->preset != NULL)
            VP_TRY(logical_field_read_text(field, field->preset, place(field, target), err));
    return VP_OK;
}

struct update {
    const struct logical_field *fields;
    void *target;
    bool strict;
    bool takes_null; /* as "not given" */
};

static enum vp_code update_member(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct update *update = context;
    const struct logical_field *field = find_field(update->fields, key);
    if (field == NULL && update->strict && find_token_field(update->fields, key) != NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "unknown field \"%s\": did you mean \"token_%s\"?", key, key);
    if (field == NULL && update->strict)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "unknown field \"%.64s\"; fields are listed by path-help, and a mistyped one would bind nothing",
                       strchr(key, '/') == NULL ? key : "...");
    if (field == NULL)
        return VP_OK;
    if (update->takes_null && vp_json_type(value) == VP_JSON_NULL)
        return VP_OK;
    return logical_field_read(field, value, place(field, update->target), err);
}

enum vp_code logical_fields_update(const struct logical_field *fields, const struct vp_json *data, bool strict,
                                   void *target, struct vp_error *err)
{
    struct update update = { fields, target, strict, true };
    return vp_json_each(data, update_member, &update, err);
}

bool logical_field_given(const struct vp_json *data, const char *name)
{
    return vp_json_type(vp_json_get(data, name)) != VP_JSON_NULL;
}

void logical_fields_show(const struct logical_field *fields, const void *target, struct vp_json_writer *writer)
{
    for (const struct logical_field *field = fields; field->name != NULL; field++) {
        if (field->type == LOGICAL_SECRET)
            continue;
        vp_json_put_key(writer, field->name);
        logical_field_write(field, target, writer);
    }
}

void logical_fields_save(const struct logical_field *fields, const void *target, struct vp_json_writer *writer)
{
    for (const struct logical_field *field = fields; field->name != NULL; field++) {
        vp_json_put_key(writer, field->name);
        logical_field_write(field, target, writer);
    }
}

enum vp_code logical_fields_load(const struct logical_field *fields, const struct vp_json *record, void *target,
                                 struct vp_error *err)
{
    struct vp_error fault = { 0 };
    struct update update = { fields, target, true, false };
    if (vp_json_type(record) != VP_JSON_OBJECT)
        return vp_fail(err, VP_REASON_CONFIG_UNREADABLE, "the stored record is not a JSON object");
    enum vp_code code = vp_json_each(record, update_member, &update, &fault);
    if (code != VP_ERR_INPUT) {
        if (code != VP_OK)
            *err = fault;
        return code;
    }
    (void)vp_fail(err, VP_REASON_CONFIG_UNREADABLE, "the stored record can't be read; write it again");
    vp_error_add_detail(err, "%s", fault.message);
    return vp_reason_code(VP_REASON_CONFIG_UNREADABLE);
}

void logical_fields_clear(const struct logical_field *fields, void *target)
{
    for (const struct logical_field *field = fields; field->name != NULL; field++) {
        void *at = place(field, target);
        switch (field->type) {
        case LOGICAL_TEXT:
            free(*(char **)at);
            *(char **)at = NULL;
            break;
        case LOGICAL_SECRET:
            vp_secret_freep(at);
            break;
        case LOGICAL_TEXTS:
            vp_texts_clear(at);
            break;
        case LOGICAL_MAP:
            logical_pairs_clear(at);
            break;
        case LOGICAL_BOOL:
            *(bool *)at = false;
            break;
        case LOGICAL_INT:
        case LOGICAL_DURATION:
            *(int64_t *)at = 0;
            break;
        }
    }
}
