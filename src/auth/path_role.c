/* The paths role/<name> and role. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mount.h"
#include "paths.h"
#include "role.h"
#include "rules.h"

static enum vp_code check_name(const struct logical_call *call, struct vp_error *err)
{
    if (mount_is_role_name(call->name))
        return VP_OK;
    return vp_fail(err, VP_REASON_BAD_REQUEST,
                   "a role's name is 1 to 128 lower-case letters, digits and . _ - and starts with a letter or digit");
}

/* The mount's config, for holding a role to it; *ret_found false while there is none. */
static enum vp_code load_config(const struct logical_call *call, struct auth_config *ret_config, bool *ret_found,
                                struct vp_error *err)
{
    struct vp_buf record = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    enum vp_code code = auth_config_load(call, ret_config, &record, ret_found, err);
    vp_buf_clear(&record);
    return code;
}

/* The stored role, or a new one with the presets. */
static enum vp_code load_or_new(const struct logical_call *call, struct auth_role *role, struct vp_error *err)
{
    bool found = false;
    VP_TRY(auth_role_load(call, call->name, role, &found, err));
    if (found)
        return VP_OK;
    role->name = strdup(call->name);
    return role->name == NULL ? vp_fail_no_memory(err) : logical_fields_init(AUTH_ROLE_FIELDS, role, err);
}

/* Bindings, and whether the request cleared them: an unset shell variable in bound_group_uuids="$X" opens the role. */
static enum vp_code warn_of_empty_bindings(const struct logical_call *call, const struct auth_role *role,
                                           struct vp_error *err)
{
    const struct {
        const char *field;
        const struct vp_texts *value;
    } ROWS[] = {
        { "bound_user_uuids", &role->bound_user_uuids },
        { "bound_group_uuids", &role->bound_group_uuids },
        { "bound_container_images", &role->bound_container_images },
        { "token_bound_cidrs", &role->token_bound_cidrs },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char text[100];
        if (ROWS[i].value->n > 0 || !logical_field_given(call->data, ROWS[i].field))
            continue;
        (void)snprintf(text, sizeof text, "field \"%s\" is empty, so it restricts nothing", ROWS[i].field);
        VP_TRY(vp_texts_add(&call->reply->warnings, text, err));
    }
    return VP_OK;
}

/* What would surprise the administrator at the first login. */
static enum vp_code add_warnings(const struct logical_call *call, const struct auth_role *role,
                                 const struct auth_config *config, struct vp_error *err)
{
    if (config->service_token != NULL || (role->bound_group_uuids.n == 0 && !role->allow_salted))
        return VP_OK;
    return vp_texts_add(&call->reply->warnings,
                        "bound_group_uuids and allow_salted need a service_token in the mount's config, which has "
                        "none: such logins are refused until it is set",
                        err);
}

static enum vp_code apply(const struct logical_call *call, struct auth_role *role, struct vp_error *err)
{
    struct auth_config config = { 0 };
    bool configured = false;
    VP_TRY(load_or_new(call, role, err));
    VP_TRY(logical_fields_update(AUTH_ROLE_FIELDS, call->data, true, role, err));
    VP_TRY(warn_of_empty_bindings(call, role, err));
    VP_TRY(load_config(call, &config, &configured, err));
    enum vp_code code = auth_role_check(role, configured ? &config : NULL, err);
    if (code == VP_OK && configured)
        code = add_warnings(call, role, &config, err);
    auth_config_clear(&config);
    return code;
}

enum vp_code auth_role_write(const struct logical_call *call, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    struct auth_role role = { 0 };
    VP_TRY(check_name(call, err));
    /* Held over the host's storage on purpose, as for the config: reading, changing and writing are one step. */
    pthread_mutex_lock(&mount->core.write_lock);
    enum vp_code code = apply(call, &role, err);
    if (code == VP_OK)
        code = auth_role_store(call, &role, err);
    pthread_mutex_unlock(&mount->core.write_lock);
    auth_role_clear(&role);
    return code;
}

enum vp_code auth_role_read(const struct logical_call *call, struct vp_error *err)
{
    struct auth_role role = { 0 };
    struct vp_json_writer writer;
    bool found = false;
    VP_TRY(check_name(call, err));
    VP_TRY(auth_role_load(call, call->name, &role, &found, err));
    if (!found)
        return vp_fail(err, VP_REASON_NOT_FOUND, "no such role");
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    logical_fields_show(AUTH_ROLE_FIELDS, &role, &writer);
    vp_json_close_object(&writer);
    auth_role_clear(&role);
    return vp_buf_check(&call->reply->data, "the role", err);
}

enum vp_code auth_role_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    struct auth_role role = { 0 };
    VP_TRY(check_name(call, err));
    enum vp_code code = auth_role_load(call, call->name, &role, ret_exists, err);
    auth_role_clear(&role);
    return code;
}

enum vp_code auth_role_delete(const struct logical_call *call, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    struct vp_buf key = VP_BUF_INIT(256);
    VP_TRY(check_name(call, err));
    vp_buf_add_format(&key, AUTH_ROLE_PREFIX "%s", call->name);
    enum vp_code code = vp_buf_check(&key, "the role's name", err);
    pthread_mutex_lock(&mount->core.write_lock); /* or a write under way would bring it back */
    if (code == VP_OK)
        code = mount_record_remove(call, vp_buf_text(&key), err);
    pthread_mutex_unlock(&mount->core.write_lock);
    vp_buf_clear(&key);
    return code;
}

/* ---- list ---- */

const struct logical_field AUTH_ROLE_LIST_FIELDS[] = {
    { "after", LOGICAL_TEXT, offsetof(struct auth_role_list_args, after), 0, NULL, 0, 0,
      "Return names after this one." },
    { "limit", LOGICAL_INT, offsetof(struct auth_role_list_args, limit), 0, "0", INT64_MIN, INT64_MAX,
      "Maximum number of names. 0 or less: all." },
    { 0 },
};

enum vp_code auth_role_list(const struct logical_call *call, struct vp_error *err)
{
    const struct auth_role_list_args *args = call->args;
    return mount_list_keys(call, AUTH_ROLE_PREFIX, args->after, args->limit, err);
}
