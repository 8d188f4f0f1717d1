/* Path and operation -> handler. By table and by type: an operation that a route does not name is refused, whatever the
 * path says, since the server sends some operations (resolve-path) before it has authenticated the caller. */
#include <stdlib.h>
#include <string.h>

#include "vp/logical.h"

#include "help.h"

static const char *const OPERATION_WORDS[LOGICAL_N_OPERATIONS] = {
    [LOGICAL_UNKNOWN] = "unknown",
    [LOGICAL_CREATE] = "create",
    [LOGICAL_READ] = "read",
    [LOGICAL_UPDATE] = "update",
    [LOGICAL_DELETE] = "delete",
    [LOGICAL_LIST] = "list",
    [LOGICAL_HELP] = "help",
    [LOGICAL_RENEW] = "renew",
    [LOGICAL_REVOKE] = "revoke",
    [LOGICAL_ROLLBACK] = "rollback",
    [LOGICAL_RESOLVE_ROLE] = "resolve-role",
};

enum logical_operation logical_operation_of(const char *word)
{
    for (int i = LOGICAL_UNKNOWN + 1; i < LOGICAL_N_OPERATIONS; i++)
        if (strcmp(word, OPERATION_WORDS[i]) == 0)
            return (enum logical_operation)i;
    return LOGICAL_UNKNOWN;
}

const char *logical_operation_word(enum logical_operation operation)
{
    return OPERATION_WORDS[operation];
}

/* Segment by segment; *ret_name is set to where "+" stood. Lists come with a slash at the end, which is not a segment. */
static bool path_matches(const char *pattern, const char *path, const char **ret_name)
{
    const char *name = NULL;
    for (;;) {
        size_t pattern_len = strcspn(pattern, "/");
        size_t path_len = strcspn(path, "/");
        if (pattern_len == 1 && *pattern == '+') {
            if (path_len == 0)
                return false;
            name = path;
        } else if (pattern_len != path_len || strncmp(pattern, path, pattern_len) != 0) {
            return false;
        }
        pattern += pattern_len;
        path += path_len;
        if (*pattern == '\0')
            break;
        if (*path != '/')
            return false;
        pattern++;
        path++;
    }
    *ret_name = name;
    return *path == '\0';
}

const struct logical_route *logical_find_route(const struct logical_backend *backend, const char *path,
                                               const char **ret_name)
{
    for (const struct logical_route *route = backend->routes; route->path != NULL; route++)
        if (path_matches(route->path, path, ret_name))
            return route;
    return NULL;
}

/* A list of "role/" is the list operation of the route "role". */
static const struct logical_route *find_list_route(const struct logical_backend *backend, const char *path,
                                                   const char **ret_name)
{
    char without_slash[512];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof without_slash || path[len - 1] != '/')
        return logical_find_route(backend, path, ret_name);
    memcpy(without_slash, path, len - 1);
    without_slash[len - 1] = '\0';
    const char *name = NULL;
    const struct logical_route *route = logical_find_route(backend, without_slash, &name);
    *ret_name = name == NULL ? NULL : path + (name - without_slash);
    return route;
}

/* The operations that the server sends to a mount as a whole. */
static bool is_of_mount(enum logical_operation operation)
{
    return operation == LOGICAL_RENEW || operation == LOGICAL_REVOKE || operation == LOGICAL_ROLLBACK;
}

static logical_handler handler_of_mount(const struct logical_backend *backend, enum logical_operation operation)
{
    if (operation == LOGICAL_REVOKE)
        return backend->revoke;
    return operation == LOGICAL_RENEW ? backend->renew : backend->rollback;
}

struct logical_match logical_find(const struct logical_backend *backend, enum logical_operation operation,
                                  const char *path)
{
    struct logical_match match = { .quick = true };
    if (operation == LOGICAL_UNKNOWN || operation == LOGICAL_HELP)
        return match;
    if (is_of_mount(operation)) {
        /* The path of a renewal is that of the login or of the secret: for the log. */
        match.route = logical_find_route(backend, path, &match.name);
        match.handler = handler_of_mount(backend, operation);
        match.quick = match.handler == NULL;
        match.login = operation != LOGICAL_ROLLBACK;
        return match;
    }
    match.route = operation == LOGICAL_LIST ? find_list_route(backend, path, &match.name)
                                            : logical_find_route(backend, path, &match.name);
    if (match.route == NULL)
        return match;
    match.handler = match.route->on[operation];
    match.quick = match.handler == NULL;
    match.login = match.route->unauthenticated || match.route->frequent;
    match.has_exists = match.route->exists != NULL;
    return match;
}

/* ---- errors ---- */

#define FORWARD "please forward to the active node"

enum vp_code logical_forward(struct vp_error *err)
{
    return vp_fail(err, VP_REASON_HOST, FORWARD);
}

/* The server forwards a request on these two messages, and only on them. */
static bool makes_server_forward(const struct vp_error *err)
{
    return strstr(err->message, FORWARD) != NULL || strstr(err->message, "cannot write to readonly storage") != NULL;
}

static bool is_public(const struct logical_backend *backend, enum vp_reason reason)
{
    for (const enum vp_reason *at = backend->public_reasons; at != NULL && *at != VP_REASON_NONE; at++)
        if (*at == reason)
            return true;
    return false;
}

/* An unauthenticated caller reads the class of a failure and the request id. So an unknown, an expired and a finished
 * token look the same, and the server's own messages stay in the log. */
static enum vp_code mask(const struct logical_backend *backend, const struct logical_call *call, struct vp_error *err)
{
    const struct vp_error full = *err;
    enum vp_code code = vp_reason_code(full.reason);
    if (code == VP_ERR_INPUT || code == VP_ERR_NOT_FOUND || code == VP_ERR_OPERATION)
        return code;
    if ((code == VP_ERR_HOST && makes_server_forward(&full)) || is_public(backend, full.reason))
        return code;
    if (code == VP_ERR_HOST)
        code = VP_ERR_INTERNAL;
    const char *message = backend->public_messages[code];
    (void)vp_fail(err, full.reason == VP_REASON_HOST ? VP_REASON_INTERNAL : full.reason,
                  "%s (an administrator can read the reason: write %.128s%s request_id=%.64s)",
                  message == NULL ? "the request failed" : message, call->mount_point, backend->reason_path,
                  call->request_id);
    vp_error_add_detail(err, "%s", full.message);
    if (full.detail[0] != '\0')
        vp_error_add_detail(err, "%s", full.detail);
    return code;
}

/* ---- calls ---- */

static enum vp_code run(const struct logical_match *match, struct logical_call *call, void *args, struct vp_error *err)
{
    const struct logical_route *route = match->route;
    if (route->args_size > 0) {
        VP_TRY(logical_fields_init(route->fields, args, err));
        VP_TRY(logical_fields_update(route->fields, call->data, !route->ignores_unknown, args, err));
    }
    call->args = args;
    enum vp_code code = match->handler(call, err);
    call->args = NULL;
    return code;
}

static bool is_write(enum logical_operation operation)
{
    return operation == LOGICAL_CREATE || operation == LOGICAL_UPDATE || operation == LOGICAL_DELETE;
}

enum vp_code logical_dispatch(const struct logical_backend *backend, const struct logical_match *match,
                              struct logical_call *call, struct vp_error *err)
{
    const struct logical_route *route = match->route;
    call->route = route == NULL ? NULL : route->path;
    call->name = match->name;
    if (call->operation == LOGICAL_HELP)
        return logical_help(backend, call, err);
    if (call->operation == LOGICAL_UNKNOWN || (is_of_mount(call->operation) && match->handler == NULL))
        return vp_fail(err, VP_REASON_UNSUPPORTED_OPERATION, "unsupported operation");
    if (is_of_mount(call->operation))
        return match->handler(call, err);
    if (route == NULL)
        return vp_fail(err, VP_REASON_NOT_FOUND, "this mount has no such path");
    if (match->handler == NULL)
        return vp_fail(err, VP_REASON_UNSUPPORTED_OPERATION, "\"%s\" has no operation %s", route->path,
                       OPERATION_WORDS[call->operation]);
    if (call->standby && route->stores && is_write(call->operation))
        return logical_forward(err);
    void *args = route->args_size == 0 ? NULL : calloc(1, route->args_size);
    if (route->args_size > 0 && args == NULL)
        return vp_fail_no_memory(err);
    enum vp_code code = run(match, call, args, err);
    if (args != NULL)
        logical_fields_clear(route->fields, args);
    free(args);
    return code != VP_OK && route->unauthenticated ? mask(backend, call, err) : code;
}

enum vp_code logical_exists(const struct logical_match *match, struct logical_call *call, bool *ret_exists,
                            struct vp_error *err)
{
    call->name = match->name;
    return match->route->exists(call, ret_exists, err);
}
