/* Private to the module: the route table, the handlers it names, and the structs their fields fill. */
#pragma once

#include "vp/logical.h"

extern const struct logical_route AUTH_ROUTES[];

struct auth_login_args {
    struct vp_secret *token;
    struct vp_secret *jwt; /* the same, under the name that standard agents send */
    char *role;
};

extern const struct logical_field AUTH_LOGIN_FIELDS[];

enum vp_code auth_config_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err);
enum vp_code auth_config_write(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_config_read(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_config_delete(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_config_check_read(const struct logical_call *call, struct vp_error *err);

struct auth_explain_args {
    struct vp_secret *token;
    char *user_uuid;
    char *container_uuid;
    char *request_id;
    char *role;
};

extern const struct logical_field AUTH_EXPLAIN_FIELDS[];

enum vp_code auth_explain(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_role_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err);
enum vp_code auth_role_write(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_role_read(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_role_delete(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_role_list(const struct logical_call *call, struct vp_error *err);

struct auth_role_list_args {
    char *after;
    int64_t limit;
};

extern const struct logical_field AUTH_ROLE_LIST_FIELDS[];

enum vp_code auth_login(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_login_role(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_renew(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_grants_list(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_grants_read(const struct logical_call *call, struct vp_error *err);

struct auth_refusals_args {
    char *after;
    int64_t limit;
};

extern const struct logical_field AUTH_REFUSALS_FIELDS[];

enum vp_code auth_refusals_list(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_status(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_version(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_version_client_only(const struct logical_call *call, struct vp_error *err);
