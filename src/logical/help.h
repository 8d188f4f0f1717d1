/* Private to the room: help and OpenAPI out of the route and field tables. */
#pragma once

#include "vp/logical.h"

/* *ret_name is borrowed from `path`. NULL: no such route. */
const struct logical_route *logical_find_route(const struct logical_backend *backend, const char *path,
                                               const char **ret_name);

/* Answers the operation help: for one path, or the whole mount when the path is empty. */
VP_MUST_USE enum vp_code logical_help(const struct logical_backend *backend, struct logical_call *call,
                                      struct vp_error *err);

/* The OpenAPI document of one route, or of all when `route` is NULL, as one value. */
void logical_openapi(const struct logical_backend *backend, const struct logical_route *route,
                     struct vp_json_writer *writer);

/* How OpenAPI and help name a field's type: "string", "boolean", "integer", "array". */
const char *logical_field_type_word(enum logical_field_type type);
