/* Who is it: the records of a container, its user and its token. */
#include <stdio.h>
#include <string.h>

#include "api.h"

#define CONTAINER_SELECT                                                                          \
    "[\"uuid\",\"state\",\"auth_uuid\",\"runtime_user_uuid\",\"container_image\",\"started_at\"," \
    "\"interactive_session_started\",\"runtime_auth_scopes\"]"
#define USER_SELECT "[\"uuid\",\"is_active\",\"is_admin\",\"username\"]"
#define TOKEN_SELECT "[\"uuid\",\"owner_uuid\",\"scopes\",\"expires_at\"]"

enum { CONTAINER, USER, TOKEN, N_RECORDS };
enum { USERNAME_MAX = 128, FILTERS_SIZE = USERNAME_MAX + 64 };

/* ---- decoding ---- */

static const struct vp_json_field CONTAINER_FIELDS[] = {
    { "uuid", VP_JSON_TO_TEXT, offsetof(struct arv_container, uuid), 0, ARV_UUID_LEN },
    { "state", VP_JSON_TO_TEXT, offsetof(struct arv_container, state), 0, 16 },
    { "auth_uuid", VP_JSON_TO_TEXT, offsetof(struct arv_container, auth_uuid), VP_JSON_OR_NULL, ARV_UUID_LEN },
    { "runtime_user_uuid", VP_JSON_TO_TEXT, offsetof(struct arv_container, runtime_user_uuid), VP_JSON_OR_NULL,
      ARV_UUID_LEN },
    { "container_image", VP_JSON_TO_TEXT, offsetof(struct arv_container, container_image), VP_JSON_OR_NULL, 0 },
    { "started_at", VP_JSON_TO_TIME, offsetof(struct arv_container, started_at_s), VP_JSON_OR_NULL, 0 },
    { "interactive_session_started", VP_JSON_TO_BOOL, offsetof(struct arv_container, interactive_session_started), 0,
      0 },
    { "runtime_auth_scopes", VP_JSON_TO_TEXTS, offsetof(struct arv_container, runtime_auth_scopes),
      VP_JSON_OR_NULL | VP_JSON_OR_MISSING, 0 },
    { 0 },
};

static const struct vp_json_field USER_FIELDS[] = {
    { "uuid", VP_JSON_TO_TEXT, offsetof(struct arv_user, uuid), 0, ARV_UUID_LEN },
    { "username", VP_JSON_TO_TEXT, offsetof(struct arv_user, username), VP_JSON_OR_NULL, 255 },
    { "is_active", VP_JSON_TO_BOOL, offsetof(struct arv_user, is_active), 0, 0 },
    { "is_admin", VP_JSON_TO_BOOL, offsetof(struct arv_user, is_admin), 0, 0 },
    { 0 },
};

static const struct vp_json_field TOKEN_FIELDS[] = {
    { "uuid", VP_JSON_TO_TEXT, offsetof(struct arv_token, uuid), 0, ARV_UUID_LEN },
    { "owner_uuid", VP_JSON_TO_TEXT, offsetof(struct arv_token, owner_uuid), 0, ARV_UUID_LEN },
    { "scopes", VP_JSON_TO_TEXTS, offsetof(struct arv_token, scopes), 0, 0 },
    { "expires_at", VP_JSON_TO_TIME, offsetof(struct arv_token, expires_at_s), VP_JSON_OR_NULL, 0 },
    { 0 },
};

static bool is_uuid_or_null(const char *text, const char *infix)
{
    return text == NULL || arv_is_uuid(text, infix);
}

static enum vp_code decode_container(const struct vp_json *record, const char *call, struct arv_container *container,
                                     struct vp_error *err)
{
    VP_TRY(arv_decode(record, CONTAINER_FIELDS, call, container, err));
    if (!arv_is_uuid(container->uuid, "dz642"))
        return arv_bad_answer(err, call, "uuid is no container's");
    if (!is_uuid_or_null(container->auth_uuid, "gj3su"))
        return arv_bad_answer(err, call, "auth_uuid is no token's");
    if (!is_uuid_or_null(container->runtime_user_uuid, "tpzed"))
        return arv_bad_answer(err, call, "runtime_user_uuid is no user's");
    /* Old records and test data name images in other ways; those match no binding. */
    if (container->container_image != NULL && !arv_is_portable_data_hash(container->container_image))
        container->container_image = NULL;
    return VP_OK;
}

static enum vp_code decode_user(const struct vp_json *record, const char *call, struct arv_user *user,
                                struct vp_error *err)
{
    VP_TRY(arv_decode(record, USER_FIELDS, call, user, err));
    return arv_is_uuid(user->uuid, "tpzed") ? VP_OK : arv_bad_answer(err, call, "uuid is no user's");
}

static enum vp_code decode_token(const struct vp_json *record, const char *call, struct arv_token *token,
                                 struct vp_error *err)
{
    VP_TRY(arv_decode(record, TOKEN_FIELDS, call, token, err));
    if (!arv_is_uuid(token->uuid, "gj3su"))
        return arv_bad_answer(err, call, "uuid is no token's");
    return arv_is_uuid(token->owner_uuid, "tpzed") ? VP_OK : arv_bad_answer(err, call, "owner_uuid is no user's");
}

void arv_token_clear(struct arv_token *token)
{
    vp_json_free(token->document);
    *token = (struct arv_token){ 0 };
}

void arv_identity_clear(struct arv_identity *identity)
{
    vp_json_free(identity->container.document);
    vp_json_free(identity->user.document);
    arv_token_clear(&identity->token);
    *identity = (struct arv_identity){ 0 };
}

/* ---- by the token itself ---- */

/* `label`: of a salted token; NULL: the token is not one. */
static struct arv_request current(const char *name, const char *path, const char *select, enum vp_reason not_found,
                                  const char *label)
{
    struct arv_request request = { .name = name, .target = VP_BUF_INIT(ARV_TARGET_MAX), .not_found = not_found };
    arv_target_build(&request.target, path,
                     (const char *const[]){ "select", select, label == NULL ? NULL : "remote", label, NULL });
    return request;
}

static struct arv_request token_request(const char *label)
{
    return current("api_client_authorizations/current", "/arvados/v1/api_client_authorizations/current", TOKEN_SELECT,
                   VP_REASON_NONE, label);
}

static struct arv_request container_request(void)
{
    return current("containers/current", "/arvados/v1/containers/current", CONTAINER_SELECT,
                   VP_REASON_NOT_CONTAINER_TOKEN, NULL);
}

static struct arv_request user_request(const char *label)
{
    return current("users/current", "/arvados/v1/users/current", USER_SELECT, VP_REASON_NONE, label);
}

/* The user and the token, of a round about one token. */
static enum vp_code take_owner(struct arv_request *requests, struct arv_identity *identity, struct vp_error *err)
{
    identity->user.document = VP_TAKE(requests[USER].document);
    identity->token.document = VP_TAKE(requests[TOKEN].document);
    VP_TRY(decode_user(identity->user.document, requests[USER].name, &identity->user, err));
    return decode_token(identity->token.document, requests[TOKEN].name, &identity->token, err);
}

enum vp_code arv_identify(struct arv_client *client, const struct arv_credentials *credentials,
                          enum arv_token_kind wanted, struct arv_identity *ret_identity, struct vp_error *err)
{
    VP_AUTO(arv_identity_clear) struct arv_identity identity = { 0 };
    VP_AUTO(arv_round_clear)
    struct arv_round round = {
        .requests = { [CONTAINER] = container_request(), [USER] = user_request(NULL), [TOKEN] = token_request(NULL) }
    };
    struct arv_request *container = &round.requests[CONTAINER];
    if (wanted == ARV_ANY_TOKEN) {
        container->not_found = VP_REASON_NONE;
        container->may_be_missing = true;
        container->missing_word = "container"; /* "Token is not associated with a container." */
    }
    VP_TRY(arv_send(client, credentials, round.requests, N_RECORDS, err));
    identity.container.document = VP_TAKE(container->document);
    identity.has_container = !container->missing;
    if (identity.has_container)
        VP_TRY(decode_container(identity.container.document, container->name, &identity.container, err));
    VP_TRY(take_owner(round.requests, &identity, err));
    *ret_identity = VP_MOVE(identity);
    return VP_OK;
}

void arv_container_clear(struct arv_container *container)
{
    vp_json_free(container->document);
    *container = (struct arv_container){ 0 };
}

enum vp_code arv_container_current(struct arv_client *client, const struct arv_credentials *credentials,
                                   struct arv_container *ret_container, struct vp_error *err)
{
    VP_AUTO(arv_request_clear) struct arv_request request = container_request();
    VP_AUTO(arv_container_clear) struct arv_container container = { 0 };
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    container.document = VP_TAKE(request.document);
    VP_TRY(decode_container(container.document, request.name, &container, err));
    *ret_container = VP_MOVE(container);
    return VP_OK;
}

bool arv_scopes_are_all(const struct vp_json *scopes)
{
    return vp_json_len(scopes) == 1 && strcmp(vp_json_text(vp_json_at(scopes, 0)), "all") == 0;
}

enum vp_code arv_token_current(struct arv_client *client, const struct arv_credentials *credentials,
                               struct arv_token *ret_token, struct vp_error *err)
{
    VP_AUTO(arv_request_clear) struct arv_request request = token_request(NULL);
    VP_AUTO(arv_token_clear) struct arv_token token = { 0 };
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    token.document = VP_TAKE(request.document);
    VP_TRY(decode_token(token.document, request.name, &token, err));
    *ret_token = VP_MOVE(token);
    return VP_OK;
}

/* ---- by one attribute, with the service token ---- */

struct list {
    const struct vp_json *items;
};

static const struct vp_json_field LIST_FIELDS[] = {
    { "items", VP_JSON_TO_ARRAY, offsetof(struct list, items), 0, 0 },
    { 0 },
};

/* `option`, which is set to true, ends the query; NULL for none. */
static struct arv_request find(const char *name, const char *path, const char *select, const char *attribute,
                               const char *value, const char *option)
{
    struct arv_request request = { .name = name, .target = VP_BUF_INIT(ARV_TARGET_MAX) };
    char filters[FILTERS_SIZE]; /* the value's form was checked: nothing to escape */
    (void)snprintf(filters, sizeof filters, "[[\"%s\",\"=\",\"%.*s\"]]", attribute, USERNAME_MAX, value);
    arv_target_build(&request.target, path,
                     (const char *const[]){ "filters", filters, "select", select, "count", "none", "limit", "2", option,
                                            "true", NULL });
    return request;
}

static struct arv_request find_container(const char *attribute, const char *uuid)
{
    return find("containers", "/arvados/v1/containers", CONTAINER_SELECT, attribute, uuid, NULL);
}

/* On a satellite a user list would go to the login cluster, which does not know our token. */
static struct arv_request find_user(const char *attribute, const char *value)
{
    return find("users", "/arvados/v1/users", USER_SELECT, attribute, value, "bypass_federation");
}

struct arv_request arv_user_request(const char *uuid)
{
    return find_user("uuid", uuid);
}

/* The list's one record; NULL when there is none. It is part of *document, which is the caller's. */
static enum vp_code take_single(struct arv_request *request, struct vp_json **document,
                                const struct vp_json **ret_record, struct vp_error *err)
{
    struct list list = { 0 };
    *document = VP_TAKE(request->document);
    VP_TRY(arv_decode(*document, LIST_FIELDS, request->name, &list, err));
    if (vp_json_len(list.items) > 1)
        return arv_bad_answer(err, request->name, "several records for one uuid");
    *ret_record = vp_json_at(list.items, 0);
    return VP_OK;
}

/* The container with this uuid, or the one with this token: the other one is NULL. */
static enum vp_code take_container(struct arv_request *request, const char *uuid, const char *auth_uuid,
                                   struct arv_container *container, struct vp_error *err)
{
    const struct vp_json *record = NULL;
    VP_TRY(take_single(request, &container->document, &record, err));
    if (record == NULL && uuid == NULL)
        return vp_fail(err, VP_REASON_NOT_CONTAINER_TOKEN, "the token is not a container's");
    if (record == NULL)
        return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING, "Arvados knows no such container any more");
    VP_TRY(decode_container(record, request->name, container, err));
    bool asked = uuid != NULL ? strcmp(container->uuid, uuid) == 0
                              : container->auth_uuid != NULL && strcmp(container->auth_uuid, auth_uuid) == 0;
    return asked ? VP_OK : arv_bad_answer(err, request->name, "another container than asked for");
}

enum vp_code arv_user_take(struct arv_request *request, const char *uuid, struct arv_user *user, struct vp_error *err)
{
    const struct vp_json *record = NULL;
    VP_TRY(take_single(request, &user->document, &record, err));
    if (record == NULL)
        return vp_fail(err, VP_REASON_USER_INACTIVE, "Arvados knows no such user any more");
    VP_TRY(decode_user(record, request->name, user, err));
    return strcmp(user->uuid, uuid) == 0 ? VP_OK : arv_bad_answer(err, request->name, "another user than asked for");
}

/* When both fail, an invalid answer is not hidden behind a container that is missing. */
enum vp_code arv_look_up(struct arv_client *client, const struct arv_credentials *credentials,
                         const char *container_uuid, const char *user_uuid, struct arv_identity *ret_identity,
                         struct vp_error *err)
{
    VP_AUTO(arv_identity_clear) struct arv_identity identity = { .has_container = true };
    VP_AUTO(arv_round_clear)
    struct arv_round round = {
        .requests = { [CONTAINER] = find_container("uuid", container_uuid), [USER] = arv_user_request(user_uuid) }
    };
    struct vp_error fault = { 0 };
    VP_TRY(arv_send(client, credentials, round.requests, 2, err));
    enum vp_code container = take_container(&round.requests[CONTAINER], container_uuid, NULL, &identity.container, err);
    enum vp_code user = arv_user_take(&round.requests[USER], user_uuid, &identity.user, &fault);
    if (user != VP_OK && (container == VP_OK || (container == VP_ERR_DENIED && user == VP_ERR_UPSTREAM))) {
        *err = fault;
        return user;
    }
    VP_TRY(container);
    *ret_identity = VP_MOVE(identity);
    return VP_OK;
}

enum vp_code arv_find_container(struct arv_client *client, const struct arv_credentials *credentials,
                                const char *container_uuid, struct arv_container *ret_container, struct vp_error *err)
{
    VP_AUTO(arv_request_clear) struct arv_request request = find_container("uuid", container_uuid);
    VP_AUTO(arv_container_clear) struct arv_container container = { 0 };
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    VP_TRY(take_container(&request, container_uuid, NULL, &container, err));
    *ret_container = VP_MOVE(container);
    return VP_OK;
}

void arv_user_clear(struct arv_user *user)
{
    vp_json_free(user->document);
    *user = (struct arv_user){ 0 };
}

enum vp_code arv_find_user(struct arv_client *client, const struct arv_credentials *credentials, const char *user_uuid,
                           struct arv_user *ret_user, struct vp_error *err)
{
    VP_AUTO(arv_request_clear) struct arv_request request = arv_user_request(user_uuid);
    VP_AUTO(arv_user_clear) struct arv_user user = { 0 };
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    VP_TRY(arv_user_take(&request, user_uuid, &user, err));
    *ret_user = VP_MOVE(user);
    return VP_OK;
}

struct arv_request arv_proof_request(const char *cluster_id)
{
    char system_user[ARV_UUID_LEN + 1];
    arv_uuid_of(cluster_id, ARV_SYSTEM_USER, system_user);
    return arv_user_request(system_user);
}

enum vp_code arv_proof_check(const struct arv_request *proof, struct vp_error *err)
{
    struct list list = { 0 };
    return arv_decode(proof->document, LIST_FIELDS, proof->name, &list, err);
}

enum vp_code arv_prove_administrator(struct arv_client *client, const struct arv_credentials *credentials,
                                     const char *cluster_id, struct vp_error *err)
{
    VP_AUTO(arv_request_clear) struct arv_request request = arv_proof_request(cluster_id);
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    return arv_proof_check(&request, err);
}

/* As Arvados makes them; case counts. */
bool arv_is_username(const char *text)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strspn(text, ALLOWED);
    return len > 0 && len <= USERNAME_MAX && text[len] == '\0';
}

enum vp_code arv_find_user_named(struct arv_client *client, const struct arv_credentials *credentials,
                                 const char *username, struct arv_user *ret_user, struct vp_error *err)
{
    VP_AUTO(arv_request_clear) struct arv_request request = find_user("username", username);
    VP_AUTO(arv_user_clear) struct arv_user user = { 0 };
    const struct vp_json *record = NULL;
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    VP_TRY(take_single(&request, &user.document, &record, err));
    if (record == NULL)
        return vp_fail(err, VP_REASON_USER_INACTIVE, "Arvados has no such user");
    VP_TRY(decode_user(record, request.name, &user, err));
    if (user.username == NULL || strcmp(user.username, username) != 0)
        return arv_bad_answer(err, request.name, "another user than asked for");
    *ret_user = VP_MOVE(user);
    return VP_OK;
}

/* ---- by a salted token ---- */

/* The user and the token come first: an invalid answer is not hidden behind a container that is missing. */
enum vp_code arv_identify_salted(struct arv_client *client, const struct arv_credentials *credentials,
                                 const struct arv_credentials *service, const char *label, const char *token_uuid,
                                 struct arv_identity *ret_identity, struct vp_error *err)
{
    VP_AUTO(arv_identity_clear) struct arv_identity identity = { .has_container = true };
    VP_AUTO(arv_round_clear)
    struct arv_round round = { .requests = { [CONTAINER] = find_container("auth_uuid", token_uuid),
                                             [USER] = user_request(label),
                                             [TOKEN] = token_request(label) } };
    round.requests[CONTAINER].credentials = service;
    VP_TRY(arv_send(client, credentials, round.requests, N_RECORDS, err));
    VP_TRY(take_owner(round.requests, &identity, err));
    VP_TRY(take_container(&round.requests[CONTAINER], NULL, token_uuid, &identity.container, err));
    *ret_identity = VP_MOVE(identity);
    return VP_OK;
}
