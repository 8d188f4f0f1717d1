#include "roles.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"

struct auth_roles {
    pthread_mutex_t lock; /* guards the tree; what hangs in it never changes */
    void *tree;           /* struct auth_role by name */
};

enum vp_code auth_roles_new(struct auth_roles **ret_roles, struct vp_error *err)
{
    struct auth_roles *roles = calloc(1, sizeof *roles);
    if (roles == NULL)
        return vp_fail_no_memory(err);
    pthread_mutex_init(&roles->lock, NULL);
    *ret_roles = roles;
    return VP_OK;
}

static void free_role(void *object)
{
    struct auth_role *role = object;
    if (role != NULL)
        auth_role_clear(role);
    free(role);
}

void auth_roles_free(struct auth_roles *roles)
{
    if (roles == NULL)
        return;
    tdestroy(roles->tree, free_role);
    pthread_mutex_destroy(&roles->lock);
    free(roles);
}

static int compare(const void *a, const void *b)
{
    const struct auth_role *left = a;
    const struct auth_role *right = b;
    return strcmp(left->name, right->name);
}

static const struct auth_role *lookup(struct auth_roles *roles, const char *name)
{
    const struct auth_role wanted = { .name = (char *)(uintptr_t)name }; /* only read */
    pthread_mutex_lock(&roles->lock);
    void *const *found = tfind(&wanted, &roles->tree, compare);
    const struct auth_role *role = found == NULL ? NULL : *found;
    pthread_mutex_unlock(&roles->lock);
    return role;
}

/* Takes the role. Whoever was first with that name stays. */
static enum vp_code insert(struct auth_roles *roles, struct auth_role *role, const struct auth_role **ret_role,
                           struct vp_error *err)
{
    pthread_mutex_lock(&roles->lock);
    void *const *found = tsearch(role, &roles->tree, compare);
    const struct auth_role *stored = found == NULL ? NULL : *found;
    pthread_mutex_unlock(&roles->lock);
    if (stored != role)
        free_role(role);
    if (stored == NULL)
        return vp_fail_no_memory(err);
    *ret_role = stored;
    return VP_OK;
}

static enum vp_code load_defaults(const struct auth_snapshot *snapshot, struct auth_role *role, struct vp_error *err)
{
    /* Roles bind; leaving the role out must not escape them. */
    if (snapshot->has_roles)
        return vp_fail(err, VP_REASON_ROLE_REQUIRED, "this mount has roles, so a login must name one");
    return auth_role_defaults(role, err);
}

static enum vp_code load(const struct logical_call *call, const struct auth_snapshot *snapshot, const char *name,
                         struct auth_role *role, struct vp_error *err)
{
    bool found = false;
    if (*name == '\0')
        return load_defaults(snapshot, role, err);
    /* A name that no role can have is not looked up: storage keys are paths. */
    if (mount_is_role_name(name))
        VP_TRY(auth_role_load(call, name, role, &found, err));
    return found ? VP_OK : vp_fail(err, VP_REASON_ROLE_UNKNOWN, "role \"%.64s\" is not known", mount_quotable(name));
}

enum vp_code auth_role_for(const struct logical_call *call, const struct auth_snapshot *snapshot, const char *name,
                           const struct auth_role **ret_role, struct vp_error *err)
{
    const char *key = name == NULL ? "" : name;
    *ret_role = lookup(snapshot->roles, key);
    if (*ret_role != NULL)
        return VP_OK;
    struct auth_role *role = calloc(1, sizeof *role);
    if (role == NULL)
        return vp_fail_no_memory(err);
    enum vp_code code = load(call, snapshot, key, role, err);
    if (code != VP_OK) {
        free_role(role);
        return code;
    }
    return insert(snapshot->roles, role, ret_role, err);
}
