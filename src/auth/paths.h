/* Private to the room: the route table and the handlers it names. */
#pragma once

#include "vp/logical.h"

extern const struct logical_route AUTH_ROUTES[];

extern const struct logical_field AUTH_LOGIN_FIELDS[];

enum vp_code auth_config_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err);
enum vp_code auth_config_write(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_config_read(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_config_delete(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_config_check_read(const struct logical_call *call, struct vp_error *err);

extern const struct logical_field AUTH_EXPLAIN_FIELDS[];

enum vp_code auth_explain(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_role_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err);
enum vp_code auth_role_write(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_role_read(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_role_delete(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_role_list(const struct logical_call *call, struct vp_error *err);

extern const struct logical_field AUTH_ROLE_LIST_FIELDS[];

enum vp_code auth_login(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_login_role(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_renew(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_grants_list(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_grants_read(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_status(const struct logical_call *call, struct vp_error *err);

enum vp_code auth_version(const struct logical_call *call, struct vp_error *err);
enum vp_code auth_version_client_only(const struct logical_call *call, struct vp_error *err);
