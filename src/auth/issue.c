#include "issue.h"

#include <stdlib.h>
#include <string.h>

#include "lease.h"

/* Values that mean something to templated policies or to a log reader stay out. */
static bool is_plain(const char *text)
{
    static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@:+-";
    return text != NULL && *text != '\0' && strspn(text, ALLOWED) == strlen(text);
}

static enum vp_code add_metadata(const struct auth_request *request, const struct auth_identity *identity,
                                 struct logical_auth *auth, struct vp_error *err)
{
    const char *cluster_id = auth_request_config(request)->site.cluster_id;
    const struct arv_identity *records = &identity->records;
    const struct {
        const char *key;
        const char *value;
    } VALUES[] = {
        { "user_uuid", records->user.uuid },
        { "username", records->user.username },
        { "container_uuid", records->container.uuid },
        { "container_image", records->container.container_image },
        { "token_uuid", identity->token_uuid },
        { "cluster_id", cluster_id },
        { "role", request->role->name },
        { "request_id", request->request_id },
    };
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++)
        if (is_plain(VALUES[i].value))
            VP_TRY(logical_pairs_add(&auth->metadata, VALUES[i].key, VALUES[i].value, err));
    /* Shared by all tokens of this user, so nothing of one container may stand there. */
    VP_TRY(logical_pairs_add(&auth->alias_metadata, "user_uuid", records->user.uuid, err));
    return logical_pairs_add(&auth->alias_metadata, "cluster_id", cluster_id, err);
}

static enum vp_code add_names(const struct arv_user *user, struct logical_auth *auth, struct vp_error *err)
{
    auth->display_name = strdup(is_plain(user->username) ? user->username : user->uuid);
    auth->alias_name = strdup(user->uuid);
    return auth->display_name == NULL || auth->alias_name == NULL ? vp_fail_no_memory(err) : VP_OK;
}

enum vp_code auth_issue(const struct auth_request *request, struct auth_decision *decision, struct logical_reply *reply,
                        struct vp_error *err)
{
    const struct auth_role *role = request->role;
    const struct auth_terms *terms = &decision->terms;
    struct logical_auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        return vp_fail_no_memory(err);
    reply->auth = auth;
    auth->ttl_s = terms->ttl_s;
    auth->max_ttl_s = terms->max_ttl_s;
    auth->explicit_max_ttl_s = terms->explicit_max_ttl_s;
    auth->period_s = terms->period_s;
    auth->num_uses = role->token_num_uses;
    auth->token_type = auth_role_token_type(role);
    auth->no_default_policy = role->token_no_default_policy;
    auth->renewable = !auth_config_is_for_users(auth_request_config(request));
    VP_TRY(vp_texts_add_all(&auth->policies, &decision->policies, err));
    /* Where the token may be used from: the role's networks, or just where this login came from. */
    if (role->token_strictly_bind_ip)
        VP_TRY(vp_texts_add(&auth->bound_cidrs, request->call->remote_addr, err));
    else
        VP_TRY(vp_texts_add_all(&auth->bound_cidrs, &role->token_bound_cidrs, err));
    VP_TRY(add_names(&decision->identity.records.user, auth, err));
    VP_TRY(add_metadata(request, &decision->identity, auth, err));
    VP_TRY(auth_grants_aliases(request, &decision->grants, &auth->group_aliases, err));
    VP_TRY(auth_lease_write(request, decision, &auth->internal_data, err));
    VP_TRY(vp_texts_add_all(&reply->warnings, &decision->warnings, err));
    return auth_grants_warn(request, &decision->grants, &reply->warnings, err);
}
