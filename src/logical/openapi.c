/* The OpenAPI document that the host merges into its own (under /auth/<mount> or /<mount>). */

#include <string.h>

#include "field_value.h"
#include "help.h"

/* A default has its field's type, as a read would show it. */
static void add_preset(const struct logical_field *field, struct vp_json_writer *writer)
{
    struct vp_error fault = { 0 };
    union {
        char *text;
        bool boolean;
        int64_t number;
        struct vp_texts list;
        struct logical_pairs map;
    } value = { 0 };
    struct logical_field alone[] = { *field, { 0 } };
    alone[0].offset = 0;
    if (field->preset == NULL || field->type == LOGICAL_SECRET)
        return;
    if (logical_fields_init(alone, &value, &fault) == VP_OK) {
        vp_json_put_key(writer, "default");
        logical_field_write(alone, &value, writer);
    } else {
        writer->buf->failed = true; /* for want of memory: presets themselves are good */
    }
    logical_fields_clear(alone, &value);
}

static void add_schema(const struct logical_field *field, struct vp_json_writer *writer)
{
    vp_json_put_key(writer, field->name);
    vp_json_open_object(writer);
    vp_json_add_text(writer, "type", logical_field_type_word(field->type));
    vp_json_add_text(writer, "description", field->help);
    if (field->type == LOGICAL_DURATION)
        vp_json_add_text(writer, "format", "seconds");
    if (field->type == LOGICAL_TEXTS) {
        vp_json_put_key(writer, "items");
        vp_json_open_object(writer);
        vp_json_add_text(writer, "type", "string");
        vp_json_close_object(writer);
    }
    if (field->type == LOGICAL_MAP) {
        vp_json_put_key(writer, "additionalProperties");
        vp_json_open_object(writer);
        vp_json_add_text(writer, "type", "string");
        vp_json_close_object(writer);
    }
    add_preset(field, writer);
    if (field->type == LOGICAL_SECRET) {
        vp_json_put_key(writer, "x-vault-displayAttrs");
        vp_json_open_object(writer);
        vp_json_add_bool(writer, "sensitive", true);
        vp_json_close_object(writer);
    }
    vp_json_close_object(writer);
}

static void add_required(const struct logical_field *fields, struct vp_json_writer *writer)
{
    bool any = false;
    for (const struct logical_field *field = fields; field->name != NULL; field++) {
        if ((field->flags & LOGICAL_REQUIRED) == 0)
            continue;
        if (!any) {
            vp_json_put_key(writer, "required");
            vp_json_open_array(writer);
        }
        any = true;
        vp_json_put_text(writer, field->name);
    }
    if (any)
        vp_json_close_array(writer);
}

static void add_body(const struct logical_field *fields, struct vp_json_writer *writer)
{
    vp_json_put_key(writer, "requestBody");
    vp_json_open_object(writer);
    vp_json_put_key(writer, "content");
    vp_json_open_object(writer);
    vp_json_put_key(writer, "application/json");
    vp_json_open_object(writer);
    vp_json_put_key(writer, "schema");
    vp_json_open_object(writer);
    vp_json_add_text(writer, "type", "object");
    vp_json_put_key(writer, "properties");
    vp_json_open_object(writer);
    for (const struct logical_field *field = fields; field->name != NULL; field++)
        add_schema(field, writer);
    vp_json_close_object(writer);
    add_required(fields, writer);
    for (int level = 0; level < 4; level++)
        vp_json_close_object(writer);
}

static void add_parameter(const char *name, const char *place, const char *type, bool required, const char *help,
                          struct vp_json_writer *writer)
{
    vp_json_open_object(writer);
    vp_json_add_text(writer, "name", name);
    vp_json_add_text(writer, "in", place);
    if (help != NULL)
        vp_json_add_text(writer, "description", help);
    if (required)
        vp_json_add_bool(writer, "required", true);
    vp_json_put_key(writer, "schema");
    vp_json_open_object(writer);
    vp_json_add_text(writer, "type", type);
    vp_json_close_object(writer);
    vp_json_close_object(writer);
}

/* What stands in the path. */
static void add_path_parameter(const char *name, struct vp_json_writer *writer)
{
    vp_json_put_key(writer, "parameters");
    vp_json_open_array(writer);
    add_parameter(name, "path", "string", true, NULL, writer);
    vp_json_close_array(writer);
}

/* A list is asked for with list=true; its fields come in the query as well. */
static void add_list_parameters(const struct logical_field *fields, struct vp_json_writer *writer)
{
    vp_json_put_key(writer, "parameters");
    vp_json_open_array(writer);
    add_parameter("list", "query", "string", true, NULL, writer);
    for (const struct logical_field *field = fields; field != NULL && field->name != NULL; field++)
        add_parameter(field->name, "query", logical_field_type_word(field->type), false, field->help, writer);
    vp_json_close_array(writer);
}

static const char *tag_of(const struct logical_backend *backend)
{
    return backend->kind == LOGICAL_SECRETS_ENGINE ? "secrets" : "auth";
}

static void add_method(const struct logical_backend *backend, const struct logical_route *route, const char *method,
                       const char *status, bool body, bool list, struct vp_json_writer *writer)
{
    vp_json_put_key(writer, method);
    vp_json_open_object(writer);
    vp_json_add_text(writer, "summary", route->summary);
    vp_json_put_key(writer, "tags");
    vp_json_open_array(writer);
    vp_json_put_text(writer, tag_of(backend));
    vp_json_close_array(writer);
    if (list)
        add_list_parameters(route->fields, writer);
    if (body && route->fields != NULL)
        add_body(route->fields, writer);
    vp_json_put_key(writer, "responses");
    vp_json_open_object(writer);
    vp_json_put_key(writer, status);
    vp_json_open_object(writer);
    vp_json_add_text(writer, "description", strcmp(status, "204") == 0 ? "empty body" : "OK");
    vp_json_close_object(writer);
    vp_json_close_object(writer);
    vp_json_close_object(writer);
}

/* "role/+" -> "/role/{name}"; a list path ends in '/'. */
static void add_path_key(const struct logical_route *route, struct vp_json_writer *writer)
{
    struct vp_buf key = VP_BUF_INIT(512);
    vp_buf_add_text(&key, "/");
    for (const char *at = route->path; *at != '\0'; at++) {
        if (*at == '+')
            vp_buf_add_format(&key, "{%s}", route->parameter);
        else
            vp_buf_add(&key, at, 1);
    }
    if (route->on[LOGICAL_LIST] != NULL)
        vp_buf_add_text(&key, "/");
    /* Without memory the answer fails as a whole, where its buffer is checked. */
    writer->buf->failed = writer->buf->failed || key.failed;
    vp_json_put_key(writer, vp_buf_text(&key));
    vp_buf_clear(&key);
}

static void add_path(const struct logical_backend *backend, const struct logical_route *route,
                     struct vp_json_writer *writer)
{
    add_path_key(route, writer);
    vp_json_open_object(writer);
    vp_json_add_text(writer, "description", route->help);
    if (route->parameter != NULL)
        add_path_parameter(route->parameter, writer);
    if (route->unauthenticated)
        vp_json_add_bool(writer, "x-vault-unauthenticated", true);
    if (route->exists != NULL)
        vp_json_add_bool(writer, "x-vault-createSupported", true);
    if (route->on[LOGICAL_READ] != NULL)
        add_method(backend, route, "get", "200", false, false, writer);
    if (route->on[LOGICAL_LIST] != NULL)
        add_method(backend, route, "get", "200", false, true, writer);
    if (route->on[LOGICAL_UPDATE] != NULL)
        add_method(backend, route, "post", "200", true, false, writer);
    if (route->on[LOGICAL_DELETE] != NULL)
        add_method(backend, route, "delete", "204", false, false, writer);
    vp_json_close_object(writer);
}

void logical_openapi(const struct logical_backend *backend, const struct logical_route *route,
                     struct vp_json_writer *writer)
{
    vp_json_open_object(writer);
    vp_json_add_text(writer, "openapi", "3.0.2");
    vp_json_put_key(writer, "info");
    vp_json_open_object(writer);
    vp_json_add_text(writer, "title", backend->name);
    vp_json_add_text(writer, "description", backend->help);
    vp_json_add_text(writer, "version", backend->version);
    vp_json_close_object(writer);
    vp_json_put_key(writer, "paths");
    vp_json_open_object(writer);
    if (route != NULL)
        add_path(backend, route, writer);
    for (const struct logical_route *each = backend->routes; route == NULL && each->path != NULL; each++)
        add_path(backend, each, writer);
    vp_json_close_object(writer);
    vp_json_close_object(writer);
}
