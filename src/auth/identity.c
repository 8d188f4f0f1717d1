#include "identity.h"

#include <string.h>

#include "lease.h"
#include "refused.h"

void auth_token_clear(struct auth_token *token)
{
    vp_secret_free(token->secret);
    *token = (struct auth_token){ 0 };
}

void auth_identity_clear(struct auth_identity *identity)
{
    arv_identity_clear(&identity->records);
    auth_user_release(&identity->user);
    auth_grant_table_release(&identity->table);
    *identity = (struct auth_identity){ 0 };
}

/* ---- with the token that was sent ---- */

/* A usable secret could look like a salted one by chance, once in 16^40 times. */
static const char *salt_label_of(const struct auth_request *request, const struct auth_token *token)
{
    const struct auth_config *config = auth_request_config(request);
    const struct auth_role *role = request->role;
    bool salted = role->allow_salted && token->parts.salted_form && !auth_config_is_for_users(config) &&
                  strcmp(role->salt_label, config->site.cluster_id) != 0;
    return salted ? role->salt_label : NULL;
}

/* Arvados answers 401 to every token while its database is away. If the service token gets one too, the token that was sent
 * was not judged at all. */
static enum vp_code judge_rejection(const struct auth_request *request, struct vp_error *rejection)
{
    VP_AUTO(arv_token_clear) struct arv_token token = { 0 };
    struct vp_error fault = { 0 };
    if (auth_request_config(request)->service_token == NULL)
        return vp_reason_code(rejection->reason);
    const struct arv_credentials service = auth_credentials(request, NULL);
    if (arv_token_current(request->snapshot->arvados, &service, &token, &fault) == VP_OK)
        return vp_reason_code(rejection->reason);
    if (fault.reason != VP_REASON_SERVICE_TOKEN) {
        *rejection = fault;
        return vp_reason_code(fault.reason);
    }
    (void)vp_fail(rejection, VP_REASON_UPSTREAM_ERROR, "Arvados refuses all tokens at the moment");
    vp_error_add_detail(rejection,
                        "401 for the login's token and for the service token: Arvados' database may be down, or "
                        "the service token is no longer valid");
    return vp_reason_code(VP_REASON_UPSTREAM_ERROR);
}

/* An empty list from Arvados says nothing where the service token's user is no administrator: then everything is empty. A call
 * that only an administrator may make says which it is; on success the refusal stands. */
static enum vp_code judge_absence(const struct auth_request *request, struct vp_error *absence)
{
    struct vp_error fault = { 0 };
    const struct arv_credentials service = auth_credentials(request, NULL);
    if (arv_prove_administrator(request->snapshot->arvados, &service, auth_request_config(request)->site.cluster_id,
                                &fault) == VP_OK)
        return vp_reason_code(absence->reason);
    *absence = fault;
    return vp_reason_code(fault.reason);
}

static enum vp_code ask_with_token(const struct auth_request *request, const struct auth_token *token,
                                   struct auth_identity *identity, struct vp_error *err)
{
    struct arv_client *arvados = request->snapshot->arvados;
    const struct auth_config *config = auth_request_config(request);
    const struct arv_credentials own = auth_credentials_of(request, token->secret);
    if (identity->salt_label == NULL)
        return arv_identify(arvados, &own, auth_config_is_for_users(config) ? ARV_ANY_TOKEN : ARV_CONTAINER_TOKEN,
                            &identity->records, err);
    if (config->service_token == NULL)
        return vp_fail(err, VP_REASON_SERVICE_TOKEN_MISSING,
                       "a salted token can't read its container, and the mount has no service token to read it with");
    const struct arv_credentials service = auth_credentials(request, NULL);
    return arv_identify_salted(arvados, &own, &service, identity->salt_label, token->parts.uuid, &identity->records,
                               err);
}

/* ---- one call ---- */

/* May the container's record stand for the token's and the user's? Only a container's own token makes containers/current
 * answer with that token's uuid as auth_uuid, and neither it nor its user can change runtime_user_uuid (tried on Arvados
 * 3.2.1). The rest comes from the cache. */
static bool can_use_one_call(const struct auth_request *request, const struct auth_identity *identity)
{
    const struct auth_config *config = auth_request_config(request);
    return config->service_token != NULL && config->cache_ttl_s > 0 && !auth_config_is_for_users(config) &&
           identity->salt_label == NULL;
}

/* The user's record is the cache's: borrowed from identity->user. */
static enum vp_code look_up_user(const struct auth_request *request, const char *user_uuid,
                                 struct auth_identity *identity, struct vp_error *err)
{
    VP_TRY(auth_grant_cache_table(request, request->age, &identity->table, err));
    VP_TRY(auth_grant_cache_user(request, request->age, identity->table, user_uuid, &identity->user, err));
    identity->records.user = identity->user->facts.user;
    identity->records.user.document = NULL;
    return VP_OK;
}

/* *ret_complete false: the container's record does not say enough, or Arvados has no such user (accounts were merged); then
 * the token has to be asked about in three calls. */
static enum vp_code ask_container(const struct auth_request *request, const struct auth_token *token,
                                  struct auth_refused_visit *visit, struct auth_identity *identity, bool *ret_complete,
                                  struct vp_error *err)
{
    const struct arv_credentials own = auth_credentials_of(request, token->secret);
    struct arv_container *container = &identity->records.container;
    *ret_complete = false;
    VP_TRY(arv_container_current(request->snapshot->arvados, &own, container, err));
    auth_refused_leave(request, visit, VP_REASON_NONE); /* what follows does not depend on the token */
    identity->records.has_container = true;
    if (container->auth_uuid == NULL || container->runtime_user_uuid == NULL ||
        vp_json_len(container->runtime_auth_scopes) == 0 || strcmp(container->auth_uuid, token->parts.uuid) != 0)
        return VP_OK;
    enum vp_code code = look_up_user(request, container->runtime_user_uuid, identity, err);
    if (code != VP_OK && err->reason == VP_REASON_USER_INACTIVE)
        return VP_OK;
    VP_TRY(code);
    identity->token_uuid = container->auth_uuid;
    identity->token_owner_uuid = container->runtime_user_uuid;
    identity->token_scopes = container->runtime_auth_scopes;
    *ret_complete = true;
    return VP_OK;
}

/* ---- three calls ---- */

static enum vp_code ask_three(const struct auth_request *request, const struct auth_token *token,
                              struct auth_identity *identity, struct vp_error *err)
{
    VP_TRY(ask_with_token(request, token, identity, err));
    identity->token_uuid = identity->records.token.uuid;
    identity->token_owner_uuid = identity->records.token.owner_uuid;
    identity->token_scopes = identity->records.token.scopes;
    identity->token_expires_at_s = identity->records.token.expires_at_s;
    return VP_OK;
}

static enum vp_code ask(const struct auth_request *request, const struct auth_token *token,
                        struct auth_refused_visit *visit, struct auth_identity *identity, struct vp_error *err)
{
    bool complete = false;
    if (can_use_one_call(request, identity))
        VP_TRY(ask_container(request, token, visit, identity, &complete, err));
    if (complete)
        return VP_OK;
    const char *salt_label = identity->salt_label; /* the role's */
    auth_identity_clear(identity);
    identity->token_expires_at_s = VP_TIME_NONE;
    identity->salt_label = salt_label;
    return ask_three(request, token, identity, err);
}

static enum vp_code ask_until_sure(const struct auth_request *request, const struct auth_token *token,
                                   struct auth_refused_visit *visit, struct auth_identity *identity,
                                   struct vp_error *err)
{
    enum vp_code code = ask(request, token, visit, identity, err);
    if (code != VP_OK && err->reason == VP_REASON_TOKEN_REJECTED)
        code = ask(request, token, visit, identity, err);
    if (code != VP_OK && err->reason == VP_REASON_TOKEN_REJECTED)
        return judge_rejection(request, err);
    if (code != VP_OK && err->reason == VP_REASON_NOT_CONTAINER_TOKEN && identity->salt_label != NULL)
        return judge_absence(request, err);
    return code;
}

static enum vp_code from_token(const struct auth_request *request, const struct auth_token *token,
                               struct auth_identity *identity, struct vp_error *err)
{
    struct auth_refused_visit visit;
    struct vp_error failure = { 0 };
    identity->salt_label = salt_label_of(request, token);
    VP_TRY(auth_refused_enter(request, token, identity->salt_label, &visit, err));
    enum vp_code code = ask_until_sure(request, token, &visit, identity, &failure);
    auth_refused_leave(request, &visit, failure.reason);
    if (code != VP_OK) {
        *err = failure;
        return code;
    }
    identity->has_user = true;
    return VP_OK;
}

/* ---- with the service token ---- */

/* The user's record is one that only an administrator may read this way, so its answer vouches for the container's. */
static enum vp_code from_lease(const struct auth_request *request, struct auth_identity *identity, struct vp_error *err)
{
    const struct arv_credentials service = auth_credentials(request, NULL);
    VP_TRY(arv_look_up(request->snapshot->arvados, &service, request->lease->container_uuid, request->lease->user_uuid,
                       &identity->records, err));
    identity->has_user = true;
    return VP_OK;
}

static enum vp_code from_user(const struct auth_request *request, const char *user_uuid, struct auth_identity *identity,
                              struct vp_error *err)
{
    const struct arv_credentials service = auth_credentials(request, NULL);
    VP_TRY(arv_find_user(request->snapshot->arvados, &service, user_uuid, &identity->records.user, err));
    identity->has_user = true;
    return VP_OK;
}

static enum vp_code from_container(const struct auth_request *request, struct auth_identity *identity,
                                   struct vp_error *err)
{
    struct arv_container *container = &identity->records.container;
    const struct arv_credentials service = auth_credentials(request, NULL);
    const char *cluster_id = auth_request_config(request)->site.cluster_id;
    /* Arvados would pass the question on to the other cluster, with this mount's service token. */
    if (!arv_same_cluster(request->container_uuid, cluster_id))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "container %s is not of this mount's cluster, %s",
                       request->container_uuid, cluster_id);
    enum vp_code code =
        arv_find_container(request->snapshot->arvados, &service, request->container_uuid, container, err);
    if (code != VP_OK && err->reason == VP_REASON_CONTAINER_NOT_RUNNING)
        return judge_absence(request, err);
    VP_TRY(code);
    identity->records.has_container = true;
    if (container->runtime_user_uuid == NULL)
        return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING, "container %s is %.16s and has no runtime user",
                       container->uuid, container->state);
    return from_user(request, container->runtime_user_uuid, identity, err);
}

enum vp_code auth_identity_obtain(const struct auth_request *request, const struct auth_token *token,
                                  struct auth_identity *identity, struct vp_error *err)
{
    identity->token_expires_at_s = VP_TIME_NONE;
    if (token->secret != NULL)
        return from_token(request, token, identity, err);
    if (request->lease != NULL)
        return from_lease(request, identity, err);
    if (vp_text_is_set(request->container_uuid))
        return from_container(request, identity, err);
    return from_user(request, request->user_uuid, identity, err);
}
