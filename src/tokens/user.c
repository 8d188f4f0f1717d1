#include "user.h"

#include <stdio.h>
#include <string.h>

static enum vp_code check_uuid(const struct tokens_config *config, const char *uuid, struct vp_error *err)
{
    if (!arv_same_cluster(uuid, config->site.cluster_id))
        return vp_fail(err, VP_REASON_CLUSTER_NOT_ALLOWED, "user %s is of another cluster than %s", uuid,
                       config->site.cluster_id);
    if (arv_is_system_user(uuid) || arv_is_anonymous_user(uuid))
        return vp_fail(err, VP_REASON_USER_FORBIDDEN, "the system and anonymous users get no tokens");
    return VP_OK;
}

enum vp_code tokens_user_check(const struct tokens_config *config, const struct arv_user *user, bool admins_allowed,
                               struct vp_error *err)
{
    VP_TRY(check_uuid(config, user->uuid, err));
    if (!user->is_active)
        return vp_fail(err, VP_REASON_USER_INACTIVE, "user %s is not active", user->uuid);
    if (user->is_admin && !admins_allowed)
        return vp_fail(err, VP_REASON_USER_FORBIDDEN,
                       "user %s is an Arvados administrator; only a role of this user with allow_admins mints for them",
                       user->uuid);
    return VP_OK;
}

enum vp_code tokens_user_find(const struct logical_call *call, const struct tokens_snapshot *snapshot, const char *user,
                              bool admins_allowed, struct arv_user *ret_user, struct vp_error *err)
{
    const struct arv_credentials admin = tokens_admin(call, snapshot);
    struct arv_user found = { 0 };
    enum vp_code code;
    if (arv_is_user_uuid(user)) {
        VP_TRY(check_uuid(&snapshot->config, user, err)); /* before anything is asked */
        code = arv_find_user(snapshot->arvados, &admin, user, &found, err);
    } else if (arv_is_username(user)) {
        code = arv_find_user_named(snapshot->arvados, &admin, user, &found, err);
    } else {
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"user\": must be a user uuid or a username");
    }
    VP_TRY(tokens_admin_fault(code, err));
    code = tokens_user_check(&snapshot->config, &found, admins_allowed, err);
    if (code != VP_OK) {
        arv_user_clear(&found);
        return code;
    }
    *ret_user = found;
    return VP_OK;
}

/* Exactly one alias under the accessor, and it is a user's uuid. */
static enum vp_code take_alias(const struct logical_entity *entity, const char *accessor,
                               char ret_uuid[ARV_UUID_LEN + 1], struct vp_error *err)
{
    const char *name = NULL;
    if (entity->disabled)
        return vp_fail(err, VP_REASON_NO_ALIAS, "the caller's entity is disabled");
    for (size_t i = 0; i < entity->aliases.n; i++) {
        if (strcmp(entity->aliases.items[i].key, accessor) != 0)
            continue;
        if (name != NULL)
            return vp_fail(err, VP_REASON_NO_ALIAS, "the caller's entity has several aliases under auth_accessor");
        name = entity->aliases.items[i].value;
    }
    if (name == NULL)
        return vp_fail(err, VP_REASON_NO_ALIAS,
                       "the caller's entity has no alias under auth_accessor: log in at that auth mount");
    if (!arv_is_user_uuid(name))
        return vp_fail(err, VP_REASON_NO_ALIAS,
                       "the alias under auth_accessor is not an Arvados user uuid: auth_accessor must be an Arvados "
                       "auth mount's");
    (void)snprintf(ret_uuid, ARV_UUID_LEN + 1, "%s", name);
    return VP_OK;
}

enum vp_code tokens_user_self(const struct logical_call *call, const struct tokens_config *config,
                              char ret_uuid[ARV_UUID_LEN + 1], struct vp_error *err)
{
    struct logical_entity entity = { 0 };
    if (!vp_text_is_set(config->auth_accessor))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "this role is for the caller's own user, which needs \"auth_accessor\" in the mount's config");
    if (!vp_text_is_set(call->entity_id))
        return vp_fail(err, VP_REASON_NO_ALIAS, "this role is for the caller's own user, and the token has no entity");
    enum vp_code code = call->system->entity(call->system->self, call->entity_id, call->cancel, &entity, err);
    if (code == VP_ERR_NOT_FOUND)
        return vp_fail(err, VP_REASON_NO_ALIAS, "the caller's entity does not exist");
    VP_TRY(code);
    code = take_alias(&entity, config->auth_accessor, ret_uuid, err);
    logical_entity_clear(&entity);
    return code;
}
