#include "help.h"

#include <string.h>

const char *logical_field_type_word(enum logical_field_type type)
{
    static const char *const WORDS[] = {
        [LOGICAL_TEXT] = "string", [LOGICAL_SECRET] = "string",    [LOGICAL_BOOL] = "boolean",
        [LOGICAL_INT] = "integer", [LOGICAL_DURATION] = "integer", [LOGICAL_TEXTS] = "array",
        [LOGICAL_MAP] = "object",
    };
    return WORDS[type];
}

static const char *help_type_word(enum logical_field_type type)
{
    if (type == LOGICAL_DURATION)
        return "duration";
    if (type == LOGICAL_MAP)
        return "map";
    return type == LOGICAL_TEXTS ? "list" : logical_field_type_word(type);
}

static void add_field(const struct logical_field *field, struct vp_buf *text)
{
    vp_buf_add_format(text, "    %s (%s", field->name, help_type_word(field->type));
    if ((field->flags & LOGICAL_REQUIRED) != 0)
        vp_buf_add_text(text, ", required");
    if (field->preset != NULL)
        vp_buf_add_format(text, ", default %s", field->preset);
    if (field->type == LOGICAL_SECRET)
        vp_buf_add_text(text, ", sensitive");
    vp_buf_add_format(text, ")\n        %s\n\n", field->help);
}

static void add_fields(const struct logical_route *route, struct vp_buf *text)
{
    if (route->fields == NULL)
        return;
    vp_buf_add_text(text, "\n## PARAMETERS\n\n");
    for (const struct logical_field *field = route->fields; field->name != NULL; field++)
        add_field(field, text);
}

static void add_operations(const struct logical_route *route, struct vp_buf *text)
{
    vp_buf_add_text(text, "\nOperations:    ");
    for (int i = LOGICAL_UNKNOWN + 1; i < LOGICAL_N_OPERATIONS; i++)
        if (route->on[i] != NULL && i != LOGICAL_RESOLVE_ROLE)
            vp_buf_add_format(text, " %s", logical_operation_word((enum logical_operation)i));
    vp_buf_add_text(text, "\n");
}

static void help_of_route(const struct logical_route *route, const char *path, struct vp_buf *text)
{
    vp_buf_add_format(text, "Request:        %.200s\nMatching Route: %s\n\n%s\n", path, route->path, route->summary);
    add_operations(route, text);
    add_fields(route, text);
    vp_buf_add_format(text, "\n## DESCRIPTION\n\n%s\n", route->help);
}

static void help_of_mount(const struct logical_backend *backend, struct vp_buf *text)
{
    vp_buf_add_format(text, "## DESCRIPTION\n\n%s\n\n## PATHS\n\n", backend->help);
    for (const struct logical_route *route = backend->routes; route->path != NULL; route++)
        vp_buf_add_format(text, "    %s\n        %s\n\n", route->path, route->summary);
}

enum vp_code logical_help(const struct logical_backend *backend, struct logical_call *call, struct vp_error *err)
{
    const char *name = NULL;
    struct vp_buf text = VP_BUF_INIT(LOGICAL_REPLY_MAX / 4);
    const struct logical_route *route = NULL;
    if (*call->path != '\0') {
        route = logical_find_route(backend, call->path, &name);
        if (route == NULL)
            return vp_fail(err, VP_REASON_NOT_FOUND, "this mount has no such path");
        help_of_route(route, call->path, &text);
    } else {
        help_of_mount(backend, &text);
    }
    struct vp_json_writer data;
    vp_json_begin(&data, &call->reply->data);
    vp_json_open_object(&data);
    vp_json_add_text(&data, "help", vp_buf_text(&text));
    vp_json_put_key(&data, "see_also");
    vp_json_put_null(&data);
    vp_json_put_key(&data, "openapi");
    logical_openapi(backend, route, &data);
    vp_json_close_object(&data);
    enum vp_code code = vp_buf_check(&text, "the help text", err);
    vp_buf_clear(&text);
    VP_TRY(code);
    return vp_buf_check(&call->reply->data, "the help answer", err);
}
