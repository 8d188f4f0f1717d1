#include "spec.h"

#include <stdlib.h>
#include <string.h>

#include "vp/json.h"

enum { SPEC_MAX = 1024 * 1024, TEXT_LIMIT = 4095 };

static const struct vp_json_source SPEC = {
    .what = "the spec",
    .reason = VP_REASON_LOCAL_CONFIG,
    .max_bytes = SPEC_MAX,
    .max_depth = 8,
    .max_tokens = 20000,
};

/* One entry of env, files or templates. */
struct entry {
    const char *path;
    const char *ref;
    const char *template;
    const char *kind;
    const char *mode;
    bool optional;
};

enum { OPTIONAL_FIELD = VP_JSON_OR_NULL | VP_JSON_OR_MISSING };
#define AT(member) offsetof(struct entry, member)

static const struct vp_json_field ENV_FIELDS[] = {
    { "ref", VP_JSON_TO_TEXT, AT(ref), 0, TEXT_LIMIT },
    { "optional", VP_JSON_TO_BOOL, AT(optional), VP_JSON_OR_MISSING, 0 },
    { 0 },
};
static const struct vp_json_field FILE_FIELDS[] = {
    { "path", VP_JSON_TO_TEXT, AT(path), 0, TEXT_LIMIT },
    { "ref", VP_JSON_TO_TEXT, AT(ref), 0, TEXT_LIMIT },
    { "mode", VP_JSON_TO_TEXT, AT(mode), OPTIONAL_FIELD, 8 },
    { "optional", VP_JSON_TO_BOOL, AT(optional), VP_JSON_OR_MISSING, 0 },
    { 0 },
};
static const struct vp_json_field TEMPLATE_FIELDS[] = {
    { "path", VP_JSON_TO_TEXT, AT(path), 0, TEXT_LIMIT },
    { "template", VP_JSON_TO_TEXT, AT(template), 0, TEXT_LIMIT },
    { "kind", VP_JSON_TO_TEXT, AT(kind), OPTIONAL_FIELD, 8 },
    { "mode", VP_JSON_TO_TEXT, AT(mode), OPTIONAL_FIELD, 8 },
    { 0 },
};

/* A mistyped "optional" must not make a secret required without a word, nor the other way round. */
static enum vp_code refuse_unknown(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    (void)value;
    for (const struct vp_json_field *field = context; field->key != NULL; field++)
        if (strcmp(field->key, key) == 0)
            return VP_OK;
    return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the spec has a key \"%.60s\" that is not known there", key);
}

static enum vp_code decode_entry(const struct vp_json *value, const struct vp_json_field *fields,
                                 struct entry *ret_entry, struct vp_error *err)
{
    struct entry entry = { 0 };
    if (vp_json_type(value) != VP_JSON_OBJECT)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "an entry of the spec is no object");
    VP_TRY(vp_json_each(value, refuse_unknown, (void *)(uintptr_t)fields, err));
    VP_TRY(vp_json_decode(value, fields, &SPEC, &entry, err));
    *ret_entry = entry;
    return VP_OK;
}

/* The reference as the command line has it. */
static void add_ref(struct vp_buf *text, const struct entry *entry)
{
    if (entry->optional && entry->ref[0] != '?')
        vp_buf_add_text(text, "?");
    vp_buf_add_text(text, entry->ref);
}

/* "NAME": "REF" or "NAME": {"ref": "REF", "optional": true}. */
static enum vp_code take_env(void *context, const char *name, const struct vp_json *value, struct vp_error *err)
{
    struct vp_buf ref = VP_BUF_INIT(TEXT_LIMIT + 1);
    struct entry entry = { 0 };
    if (vp_json_type(value) == VP_JSON_TEXT)
        entry.ref = vp_json_text(value);
    else
        VP_TRY(decode_entry(value, ENV_FIELDS, &entry, err));
    add_ref(&ref, &entry);
    enum vp_code code = cli_plan_add_env(context, name, vp_buf_text(&ref), err);
    vp_buf_clear(&ref);
    return code;
}

static enum vp_code take_file(struct cli_plan *plan, const struct vp_json *value, struct vp_error *err)
{
    struct vp_buf ref = VP_BUF_INIT(TEXT_LIMIT + 1);
    struct entry entry;
    VP_TRY(decode_entry(value, FILE_FIELDS, &entry, err));
    add_ref(&ref, &entry);
    enum vp_code code = cli_plan_add_file(plan, entry.path, vp_buf_text(&ref), entry.mode, err);
    vp_buf_clear(&ref);
    return code;
}

static enum vp_code take_template(struct cli_plan *plan, const struct vp_json *value, struct vp_error *err)
{
    struct entry entry;
    VP_TRY(decode_entry(value, TEMPLATE_FIELDS, &entry, err));
    return cli_plan_add_template(plan, entry.path, entry.template, entry.kind, entry.mode, err);
}

struct top {
    const struct vp_json *env;
    const struct vp_json *files;
    const struct vp_json *templates;
    const char *mount;
    const char *role;
    const char *schema;
};

static const struct vp_json_field TOP_FIELDS[] = {
    { "env", VP_JSON_TO_OBJECT, offsetof(struct top, env), VP_JSON_OR_MISSING, 0 },
    { "files", VP_JSON_TO_ARRAY, offsetof(struct top, files), VP_JSON_OR_MISSING, 0 },
    { "templates", VP_JSON_TO_ARRAY, offsetof(struct top, templates), VP_JSON_OR_MISSING, 0 },
    { "mount", VP_JSON_TO_TEXT, offsetof(struct top, mount), OPTIONAL_FIELD, 255 },
    { "role", VP_JSON_TO_TEXT, offsetof(struct top, role), OPTIONAL_FIELD, 255 },
    { "$schema", VP_JSON_TO_TEXT, offsetof(struct top, schema), OPTIONAL_FIELD, TEXT_LIMIT }, /* for editors */
    { 0 },
};

static enum vp_code copy_text(const char *text, char **ret_copy, struct vp_error *err)
{
    *ret_copy = text == NULL ? NULL : strdup(text);
    return text != NULL && *ret_copy == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code read_document(const struct vp_json *document, struct cli_plan *plan, struct vp_error *err)
{
    struct top top = { 0 };
    if (vp_json_type(document) != VP_JSON_OBJECT)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the spec is no JSON object");
    VP_TRY(vp_json_each(document, refuse_unknown, (void *)(uintptr_t)TOP_FIELDS, err));
    VP_TRY(vp_json_decode(document, TOP_FIELDS, &SPEC, &top, err));
    VP_TRY(copy_text(top.mount, &plan->mount, err));
    VP_TRY(copy_text(top.role, &plan->role, err));
    if (top.env != NULL)
        VP_TRY(vp_json_each(top.env, take_env, plan, err));
    for (size_t i = 0; i < vp_json_len(top.files); i++)
        VP_TRY(take_file(plan, vp_json_at(top.files, i), err));
    for (size_t i = 0; i < vp_json_len(top.templates); i++)
        VP_TRY(take_template(plan, vp_json_at(top.templates, i), err));
    return VP_OK;
}

enum vp_code cli_spec_read(const char *file, struct cli_plan *plan, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf text = VP_BUF_INIT(SPEC_MAX);
    enum vp_code code = cli_files_read(file, "the spec", &text, err);
    if (code == VP_OK)
        code = vp_json_parse(vp_buf_text(&text), text.len, &SPEC, &document, err);
    vp_buf_clear(&text);
    return code == VP_OK ? read_document(document, plan, err) : code;
}
