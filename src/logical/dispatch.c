/* Path and operation -> handler. By table and by type: an operation that a route does not name is refused, whatever the
 * path says, since the host asks some questions (resolve-path) before it has authenticated anybody. */
#include <assert.h>
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
static enum vp_code find_for_call(const struct logical_backend *backend, struct logical_call *call,
                                  const struct logical_route **ret_route, struct vp_error *err)
{
    char without_slash[512];
    const char *path = call->path;
    size_t len = strlen(path);
    if (call->operation == LOGICAL_LIST && len > 0 && len < sizeof without_slash && path[len - 1] == '/') {
        memcpy(without_slash, path, len - 1);
        without_slash[len - 1] = '\0';
        path = without_slash;
    }
    const char *name = NULL;
    const struct logical_route *route = logical_find_route(backend, path, &name);
    if (route == NULL)
        return vp_fail(err, VP_REASON_NOT_FOUND, "this mount has no such path");
    call->route = route->path;
    /* The name is the last segment of call->path itself, so that it outlives this function. */
    call->name = name == NULL ? NULL : call->path + (name - path);
    *ret_route = route;
    return VP_OK;
}

/* The operations that the host sends to a mount as a whole. */
static logical_handler handler_of_mount(const struct logical_backend *backend, enum logical_operation operation)
{
    if (operation == LOGICAL_REVOKE)
        return backend->revoke;
    return operation == LOGICAL_RENEW ? backend->renew : backend->rollback;
}

static bool is_of_mount(enum logical_operation operation)
{
    return operation == LOGICAL_RENEW || operation == LOGICAL_REVOKE || operation == LOGICAL_ROLLBACK;
}

static enum vp_code run_of_mount(const struct logical_backend *backend, struct logical_call *call, struct vp_error *err)
{
    logical_handler handler = handler_of_mount(backend, call->operation);
    if (handler == NULL)
        return vp_fail(err, VP_REASON_UNSUPPORTED_OPERATION, "unsupported operation");
    return handler(call, err);
}

enum vp_code logical_dispatch(const struct logical_backend *backend, struct logical_call *call, struct vp_error *err)
{
    if (call->operation == LOGICAL_HELP)
        return logical_help(backend, call, err);
    if (is_of_mount(call->operation))
        return run_of_mount(backend, call, err);
    if (call->operation == LOGICAL_UNKNOWN)
        return vp_fail(err, VP_REASON_UNSUPPORTED_OPERATION, "unsupported operation");
    const struct logical_route *route = NULL;
    VP_TRY(find_for_call(backend, call, &route, err));
    logical_handler handler = route->on[call->operation];
    if (handler == NULL)
        return vp_fail(err, VP_REASON_UNSUPPORTED_OPERATION, "\"%s\" has no operation %s", route->path,
                       OPERATION_WORDS[call->operation]);
    return handler(call, err);
}

enum vp_code logical_exists(const struct logical_backend *backend, struct logical_call *call, bool *ret_known,
                            bool *ret_exists, struct vp_error *err)
{
    const char *name = NULL;
    const struct logical_route *route = logical_find_route(backend, call->path, &name);
    call->name = name;
    *ret_exists = false;
    *ret_known = route != NULL && route->exists != NULL;
    if (!*ret_known)
        return VP_OK;
    return route->exists(call, ret_exists, err);
}

bool logical_is_quick(const struct logical_backend *backend, enum logical_operation operation, const char *path)
{
    const char *name = NULL;
    switch (operation) {
    case LOGICAL_UNKNOWN:
    case LOGICAL_HELP:
    case LOGICAL_RESOLVE_ROLE:
        return true;
    case LOGICAL_RENEW:
    case LOGICAL_REVOKE:
    case LOGICAL_ROLLBACK:
        return handler_of_mount(backend, operation) == NULL;
    case LOGICAL_LIST:
        return false;
    case LOGICAL_CREATE:
    case LOGICAL_READ:
    case LOGICAL_UPDATE:
    case LOGICAL_DELETE:
    case LOGICAL_N_OPERATIONS:
        break;
    }
    const struct logical_route *route = logical_find_route(backend, path, &name);
    return route == NULL || route->on[operation] == NULL;
}

bool logical_exists_is_quick(const struct logical_backend *backend, const char *path)
{
    const char *name = NULL;
    const struct logical_route *route = logical_find_route(backend, path, &name);
    return route == NULL || route->exists == NULL;
}

bool logical_is_login(const struct logical_backend *backend, enum logical_operation operation, const char *path)
{
    const char *name = NULL;
    if (operation == LOGICAL_RENEW || operation == LOGICAL_REVOKE)
        return true;
    const struct logical_route *route = logical_find_route(backend, path, &name);
    return route != NULL && (route->unauthenticated || route->frequent);
}
