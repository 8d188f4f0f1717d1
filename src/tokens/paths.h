/* Private to the module: the route table, the handlers it names, and the structs their fields fill. */
#pragma once

#include "vp/logical.h"

extern const struct logical_route TOKENS_ROUTES[];

enum vp_code tokens_config_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err);
enum vp_code tokens_config_write(const struct logical_call *call, struct vp_error *err);
enum vp_code tokens_config_read(const struct logical_call *call, struct vp_error *err);
enum vp_code tokens_config_delete(const struct logical_call *call, struct vp_error *err);

enum vp_code tokens_check_read(const struct logical_call *call, struct vp_error *err);

enum vp_code tokens_rotate_root(const struct logical_call *call, struct vp_error *err);

struct tokens_list_args {
    char *after;
    int64_t limit;
};

extern const struct logical_field TOKENS_ROLE_LIST_FIELDS[];

enum vp_code tokens_role_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err);
enum vp_code tokens_role_write(const struct logical_call *call, struct vp_error *err);
enum vp_code tokens_role_read(const struct logical_call *call, struct vp_error *err);
enum vp_code tokens_role_delete(const struct logical_call *call, struct vp_error *err);
enum vp_code tokens_role_list(const struct logical_call *call, struct vp_error *err);

enum vp_code tokens_creds(const struct logical_call *call, struct vp_error *err);

struct tokens_login_args {
    char *role;
    int64_t ttl_s;
};

extern const struct logical_field TOKENS_LOGIN_FIELDS[];

enum vp_code tokens_login(const struct logical_call *call, struct vp_error *err);

struct tokens_revoke_args {
    struct vp_secret *user_token;
};

extern const struct logical_field TOKENS_REVOKE_FIELDS[];

enum vp_code tokens_revoke_write(const struct logical_call *call, struct vp_error *err);

enum vp_code tokens_status(const struct logical_call *call, struct vp_error *err);

enum vp_code tokens_version(const struct logical_call *call, struct vp_error *err);
enum vp_code tokens_version_client_only(const struct logical_call *call, struct vp_error *err);
