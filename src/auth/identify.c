#include "identify.h"

#include <string.h>

struct auth_request auth_request_of(const struct logical_call *call, const struct auth_snapshot *snapshot,
                                    const struct auth_role *role)
{
    struct auth_mount *mount = call->mount;
    return (struct auth_request){
        .snapshot = snapshot,
        .role = role,
        .clock = mount->shared->clock,
        .counters = &mount->counters,
        .request_id = call->request_id,
        .deadline_ms = auth_deadline_ms(call->mount, &snapshot->config),
        .cancel = call->cancel,
    };
}

int64_t auth_now_s(const struct auth_request *request)
{
    return request->clock->now_s(request->clock->self);
}

int64_t auth_token_end_s(const struct arv_identity *identity)
{
    return identity->token.document == NULL ? VP_TIME_NONE : identity->token.expires_at_s;
}

struct arv_credentials auth_service_credentials(const struct logical_call *call, const struct auth_config *config)
{
    return (struct arv_credentials){
        .token = config->service_token,
        .service = config->service_token != NULL,
        .request_id = call->request_id,
        .deadline_ms = auth_deadline_ms(call->mount, config),
        .cancel = call->cancel,
    };
}

struct arv_credentials auth_credentials(const struct auth_request *request, const struct vp_secret *token)
{
    const struct vp_secret *service_token = request->snapshot->config.service_token;
    return (struct arv_credentials){
        .token = service_token != NULL ? service_token : token,
        .service = service_token != NULL,
        .request_id = request->request_id,
        .deadline_ms = request->deadline_ms,
        .cancel = request->cancel,
    };
}

struct arv_link_query auth_link_query(const struct auth_config *config)
{
    return (struct arv_link_query){ .link_class = config->link_class, .owner_uuids = &config->trusted_link_owners };
}

void auth_token_clear(struct auth_token *token)
{
    vp_secret_free(token->secret);
    *token = (struct auth_token){ 0 };
}

static bool in_clusters(const char *uuid, const struct vp_texts *clusters)
{
    for (size_t i = 0; i < clusters->n; i++)
        if (arv_same_cluster(uuid, clusters->items[i]))
            return true;
    return false;
}

static enum vp_code check_token_cluster(const struct auth_snapshot *snapshot, const char *token_uuid,
                                        struct vp_error *err)
{
    if (in_clusters(token_uuid, &snapshot->config.allowed_token_clusters))
        return VP_OK;
    return vp_fail(err, VP_REASON_CLUSTER_NOT_ALLOWED, "tokens of cluster %.5s may not log in at this mount",
                   token_uuid);
}

enum vp_code auth_token_check(const struct auth_snapshot *snapshot, const struct vp_secret *given,
                              struct auth_token *ret_token, struct vp_error *err)
{
    struct auth_token token = { 0 };
    VP_TRY(arv_token_parse(given, &token.secret, &token.parts, err));
    enum vp_code code = check_token_cluster(snapshot, token.parts.uuid, err);
    if (code != VP_OK) {
        auth_token_clear(&token);
        return code;
    }
    *ret_token = token;
    return VP_OK;
}

/* ---- what must hold, each a step ---- */

static enum vp_code contradiction(const char *what, struct vp_error *err)
{
    (void)vp_fail(err, VP_REASON_UPSTREAM_BAD_ANSWER, "Arvados' answers about this token contradict each other");
    vp_error_add_detail(err, "%s", what);
    return vp_reason_code(VP_REASON_UPSTREAM_BAD_ANSWER);
}

static bool is_all(const struct vp_json *scopes)
{
    return vp_json_len(scopes) == 1 && strcmp(vp_json_text(vp_json_at(scopes, 0)), "all") == 0;
}

/* Sharing links of Arvados hold tokens of narrow scope in public: such a token is not its user. */
static enum vp_code check_token(const struct arv_token *token, const struct arv_user *user,
                                const struct auth_token *sent, struct vp_error *err)
{
    if (strcmp(token->uuid, sent->parts.uuid) != 0)
        return contradiction("the token's record has another uuid than the token sent", err);
    if (strcmp(token->owner_uuid, user->uuid) != 0)
        return contradiction("users/current is not the token's owner", err);
    if (!is_all(token->scopes))
        return vp_fail(err, VP_REASON_TOKEN_SCOPE, "the token's scopes are not [\"all\"]");
    return VP_OK;
}

/* The token is the container's own. `auth_uuid` is null only for a container that carries a token which its user brought
 * along and which outlives it. */
enum vp_code auth_check_own_token(const struct arv_container *container, const char *token_uuid,
                                  const struct auth_role *role, struct vp_error *err)
{
    if (container->auth_uuid == NULL && !role->allow_runtime_token)
        return vp_fail(err, VP_REASON_RUNTIME_TOKEN, "container %s carries a runtime token, which outlives it",
                       container->uuid);
    if (container->auth_uuid != NULL && strcmp(container->auth_uuid, token_uuid) != 0)
        return contradiction("the container's auth_uuid is another token's", err);
    return VP_OK;
}

enum vp_code auth_check_container(const struct arv_container *container, const char *user_uuid,
                                  const struct auth_role *role, struct vp_error *err)
{
    if (container->runtime_user_uuid != NULL && strcmp(container->runtime_user_uuid, user_uuid) != 0)
        return contradiction("the container's runtime_user_uuid is another user's", err);
    if (!vp_texts_has(&role->container_states, container->state))
        return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING, "container %s is %.16s", container->uuid,
                       container->state);
    if (role->deny_interactive && container->interactive_session_started)
        return vp_fail(err, VP_REASON_INTERACTIVE_SESSION, "a shell was opened in container %s", container->uuid);
    if (role->bound_container_images.n > 0 &&
        (container->container_image == NULL ||
         !vp_texts_has(&role->bound_container_images, container->container_image)))
        return vp_fail(err, VP_REASON_BOUND_IMAGE, "container %s has another image than role %.64s is bound to",
                       container->uuid, role->name);
    return VP_OK;
}

enum vp_code auth_check_user(const struct arv_user *user, const struct auth_config *config,
                             const struct auth_role *role, struct vp_error *err)
{
    if (arv_is_system_user(user->uuid) || arv_is_anonymous_user(user->uuid))
        return vp_fail(err, VP_REASON_USER_FORBIDDEN, "user %s is the system or anonymous user", user->uuid);
    if (!in_clusters(user->uuid, &config->allowed_user_clusters))
        return vp_fail(err, VP_REASON_CLUSTER_NOT_ALLOWED, "users of cluster %.5s may not log in at this mount",
                       user->uuid);
    if (!user->is_active)
        return vp_fail(err, VP_REASON_USER_INACTIVE, "user %s is not active", user->uuid);
    if (user->is_admin && !role->allow_admins)
        return vp_fail(err, VP_REASON_USER_FORBIDDEN, "user %s is an Arvados admin", user->uuid);
    if (role->bound_user_uuids.n > 0 && !vp_texts_has(&role->bound_user_uuids, user->uuid))
        return vp_fail(err, VP_REASON_BOUND_USER, "user %s is not one that role %.64s is bound to", user->uuid,
                       role->name);
    return VP_OK;
}

/* ---- the requests ---- */

/* Arvados says 401 to every token while its database is away. If the mount's own token gets one too, the login's token was
 * not judged at all. */
static enum vp_code explain_rejection(const struct auth_request *request, struct vp_error *rejection)
{
    struct arv_token token = { 0 };
    struct vp_error fault = { 0 };
    if (request->snapshot->config.service_token == NULL)
        return vp_reason_code(rejection->reason);
    struct arv_credentials service = auth_credentials(request, NULL);
    enum vp_code code = arv_token_current(request->snapshot->arvados, &service, &token, &fault);
    arv_token_clear(&token);
    if (code == VP_OK)
        return vp_reason_code(rejection->reason);
    if (fault.reason != VP_REASON_SERVICE_TOKEN) {
        *rejection = fault;
        return code;
    }
    (void)vp_fail(rejection, VP_REASON_UPSTREAM_ERROR, "Arvados refuses all tokens at the moment");
    vp_error_add_detail(rejection,
                        "401 for the login's token and for the service token: its database may be down, or the "
                        "service token is no longer valid");
    return vp_reason_code(VP_REASON_UPSTREAM_ERROR);
}

/* A usable secret could look like a salted one by chance, once in 16^40 times. */
static bool is_salted(const struct auth_request *request, const struct auth_token *token)
{
    const struct auth_config *config = &request->snapshot->config;
    return request->role->allow_salted && token->parts.salted_form && !auth_config_is_for_users(config) &&
           strcmp(request->role->salt_label, config->cluster_id) != 0;
}

static enum vp_code ask_once(const struct auth_request *request, const struct arv_credentials *credentials,
                             const struct auth_token *token, struct arv_identity *ret_identity, struct vp_error *err)
{
    struct arv_client *arvados = request->snapshot->arvados;
    if (auth_config_is_for_users(&request->snapshot->config))
        return arv_identify(arvados, credentials, ARV_ANY_TOKEN, ret_identity, err);
    if (!is_salted(request, token))
        return arv_identify(arvados, credentials, ARV_CONTAINER_TOKEN, ret_identity, err);
    if (request->snapshot->config.service_token == NULL)
        return vp_fail(err, VP_REASON_SERVICE_TOKEN_MISSING,
                       "a salted token can't ask for its container, and the mount has no service token to ask with");
    const struct arv_credentials service = auth_credentials(request, NULL);
    return arv_identify_salted(arvados, credentials, &service, request->role->salt_label, token->parts.uuid,
                               ret_identity, err);
}

static enum vp_code ask(const struct auth_request *request, const struct auth_token *token,
                        struct arv_identity *ret_identity, struct vp_error *err)
{
    const struct arv_credentials credentials = {
        .token = token->secret,
        .request_id = request->request_id,
        .deadline_ms = request->deadline_ms,
        .cancel = request->cancel,
    };
    enum vp_code code = ask_once(request, &credentials, token, ret_identity, err);
    if (code != VP_OK && err->reason == VP_REASON_TOKEN_REJECTED)
        code = ask_once(request, &credentials, token, ret_identity, err);
    if (code != VP_OK && err->reason == VP_REASON_TOKEN_REJECTED)
        return explain_rejection(request, err);
    return code;
}

static enum vp_code not_a_users(struct vp_error *err)
{
    return vp_fail(err, VP_REASON_NOT_USER_TOKEN, "the token is a container's, and this mount is for people");
}

/* The two mounts of a site are apart so that what people may write is not what containers may read. */
static enum vp_code check_user_login(const struct auth_request *request, const struct auth_token *token,
                                     const struct arv_identity *identity, struct vp_error *err)
{
    if (identity->has_container)
        return not_a_users(err);
    VP_TRY(check_token(&identity->token, &identity->user, token, err));
    return auth_check_user(&identity->user, &request->snapshot->config, request->role, err);
}

/* A runtime token belongs to no container: there the segment behind it is what named one, so it must be this one. A salted
 * one may name its container too, and then it must be right as well. */
static enum vp_code check_named_container(const struct auth_request *request, const struct auth_token *token,
                                          const struct arv_identity *identity, struct vp_error *err)
{
    const char *named = token->parts.container_uuid;
    bool same = strcmp(named, identity->container.uuid) == 0;
    if (identity->container.auth_uuid == NULL && !same)
        return contradiction("a runtime token's container is another than the token names", err);
    if (is_salted(request, token) && named[0] != '\0' && !same)
        return vp_fail(err, VP_REASON_NOT_CONTAINER_TOKEN, "the token names another container than its own, %s",
                       identity->container.uuid);
    return VP_OK;
}

static enum vp_code check_login(const struct auth_request *request, const struct auth_token *token,
                                const struct arv_identity *identity, struct vp_error *err)
{
    if (auth_config_is_for_users(&request->snapshot->config))
        return check_user_login(request, token, identity, err);
    VP_TRY(check_token(&identity->token, &identity->user, token, err));
    VP_TRY(check_named_container(request, token, identity, err));
    VP_TRY(auth_check_own_token(&identity->container, token->parts.uuid, request->role, err));
    VP_TRY(auth_check_container(&identity->container, identity->user.uuid, request->role, err));
    return auth_check_user(&identity->user, &request->snapshot->config, request->role, err);
}

enum vp_code auth_identify(const struct auth_request *request, const struct auth_token *token,
                           struct arv_identity *ret_identity, struct vp_error *err)
{
    struct arv_identity identity = { 0 };
    if (auth_config_is_for_users(&request->snapshot->config) && token->parts.container_uuid[0] != '\0')
        return not_a_users(err);
    VP_TRY(ask(request, token, &identity, err));
    enum vp_code code = check_login(request, token, &identity, err);
    if (code != VP_OK) {
        arv_identity_clear(&identity);
        return code;
    }
    *ret_identity = identity;
    return VP_OK;
}

/* After an unlock the container has another token or none: then it is not the one that logged in. */
static enum vp_code check_renewal(const struct auth_request *request, const char *token_uuid, bool runtime_token,
                                  const struct arv_identity *identity, struct vp_error *err)
{
    const char *auth_uuid = identity->container.auth_uuid;
    bool same = auth_uuid == NULL ? runtime_token : !runtime_token && strcmp(auth_uuid, token_uuid) == 0;
    if (!same)
        return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING,
                       "container %s is %.16s and no longer has the token that logged in", identity->container.uuid,
                       identity->container.state);
    VP_TRY(check_token_cluster(request->snapshot, token_uuid, err));
    VP_TRY(auth_check_own_token(&identity->container, token_uuid, request->role, err));
    VP_TRY(auth_check_container(&identity->container, identity->user.uuid, request->role, err));
    return auth_check_user(&identity->user, &request->snapshot->config, request->role, err);
}

enum vp_code auth_look_up(const struct auth_request *request, const char *container_uuid, const char *user_uuid,
                          const char *token_uuid, bool runtime_token, struct arv_identity *ret_identity,
                          struct vp_error *err)
{
    struct arv_identity identity = { 0 };
    const struct arv_credentials credentials = auth_credentials(request, NULL);
    VP_TRY(arv_look_up(request->snapshot->arvados, &credentials, container_uuid, user_uuid, &identity, err));
    enum vp_code code = check_renewal(request, token_uuid, runtime_token, &identity, err);
    if (code != VP_OK) {
        arv_identity_clear(&identity);
        return code;
    }
    *ret_identity = identity;
    return VP_OK;
}
