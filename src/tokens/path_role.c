/* The paths role/<name> and role. */
#include <string.h>

#include "mount.h"
#include "paths.h"
#include "role.h"

static enum vp_code load_or_new(const struct logical_call *call, struct tokens_role *role, struct vp_error *err)
{
    bool found = false;
    VP_TRY(tokens_role_load(call, call->name, role, &found, err));
    return found ? VP_OK : logical_fields_init(TOKENS_ROLE_FIELDS, role, err);
}

/* What would surprise the administrator later. */
static enum vp_code add_warnings(const struct logical_call *call, const struct tokens_role *role, struct vp_error *err)
{
    static const char TOKENS_PATH[] = " /arvados/v1/api_client_authorizations";
    for (size_t i = 0; i < role->scopes.n; i++) {
        const char *path = strchr(role->scopes.items[i], ' ');
        if (path != NULL && strncmp(path, TOKENS_PATH, sizeof TOKENS_PATH - 1) == 0 &&
            strncmp(role->scopes.items[i], "GET ", 4) != 0)
            VP_TRY(vp_texts_add(&call->reply->warnings,
                                "a token with these scopes can make or change tokens of its user, which no lease ends",
                                err));
    }
    if (!role->allow_admins)
        return VP_OK;
    return vp_texts_add(&call->reply->warnings,
                        "with allow_admins this role mints tokens that can do anything at Arvados", err);
}

static enum vp_code write_role(const struct logical_call *call, struct tokens_role *role, struct vp_error *err)
{
    VP_TRY(load_or_new(call, role, err));
    VP_TRY(logical_fields_update(TOKENS_ROLE_FIELDS, call->data, true, role, err));
    VP_TRY(tokens_role_check(role, err));
    VP_TRY(tokens_role_store(call, call->name, role, err));
    return add_warnings(call, role, err);
}

enum vp_code tokens_role_write(const struct logical_call *call, struct vp_error *err)
{
    struct mount_core *core = call->mount;
    struct tokens_role role = { 0 };
    /* Held over the host's storage on purpose: reading, changing and writing are one step. */
    pthread_mutex_lock(&core->write_lock);
    enum vp_code code = write_role(call, &role, err);
    pthread_mutex_unlock(&core->write_lock);
    tokens_role_clear(&role);
    return code;
}

static enum vp_code show(const struct logical_call *call, const struct tokens_role *role, struct vp_error *err)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    logical_fields_show(TOKENS_ROLE_FIELDS, role, &writer);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the role", err);
}

enum vp_code tokens_role_read(const struct logical_call *call, struct vp_error *err)
{
    struct tokens_role role = { 0 };
    bool found = false;
    enum vp_code code = tokens_role_load(call, call->name, &role, &found, err);
    if (code == VP_OK)
        code = found ? show(call, &role, err) : vp_fail(err, VP_REASON_NOT_FOUND, "no such role");
    tokens_role_clear(&role);
    return code;
}

enum vp_code tokens_role_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    struct tokens_role role = { 0 };
    enum vp_code code = tokens_role_load(call, call->name, &role, ret_exists, err);
    tokens_role_clear(&role);
    return code;
}

enum vp_code tokens_role_delete(const struct logical_call *call, struct vp_error *err)
{
    struct mount_core *core = call->mount;
    pthread_mutex_lock(&core->write_lock); /* or a write under way would bring it back */
    enum vp_code code = tokens_role_remove(call, call->name, err);
    pthread_mutex_unlock(&core->write_lock);
    return code;
}

/* ---- list ---- */

const struct logical_field TOKENS_ROLE_LIST_FIELDS[] = {
    { "after", LOGICAL_TEXT, offsetof(struct tokens_list_args, after), 0, NULL, 0, 0, "Return names after this one." },
    { "limit", LOGICAL_INT, offsetof(struct tokens_list_args, limit), 0, "0", INT64_MIN, INT64_MAX,
      "Maximum number of names. 0 or less: all." },
    { 0 },
};

enum vp_code tokens_role_list(const struct logical_call *call, struct vp_error *err)
{
    const struct tokens_list_args *args = call->args;
    return mount_list_keys(call, TOKENS_ROLE_PREFIX, args->after, args->limit, err);
}
