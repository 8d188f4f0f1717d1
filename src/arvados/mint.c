/* Tokens made for users and ended: create, extend, delete, log out (facts: tests/data/arvados-recordings/minting.json).
 *
 * An answer of these calls holds a token's secret, and so does Arvados' own text for a duplicate: nothing of them goes into an
 * error. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "vp/clock.h"

#include "api.h"

#define COLLECTION "/arvados/v1/api_client_authorizations"

enum { SECRET_LEN = 50, V2_LEN = 3 + ARV_UUID_LEN + 1 };

/* What Rails says of an index that would hold a value twice. */
static const char DUPLICATE_WORD[] = "RecordNotUnique";
static const char NO_OWNER_WORD[] = "Owner uuid cannot be nil";

/* ---- secrets ---- */

struct vp_secret *arv_token_secret_new(void)
{
    static const char DIGITS[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    enum { BASE = 36, FAIR_MAX = BASE * 7 }; /* bytes from here on would favour the first digits */
    unsigned char random[2 * SECRET_LEN];
    char text[SECRET_LEN];
    size_t n = 0;
    while (n < SECRET_LEN) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return NULL;
        for (size_t i = 0; i < sizeof random && n < SECRET_LEN; i++)
            if (random[i] < FAIR_MAX)
                text[n++] = DIGITS[random[i] % BASE];
    }
    struct vp_secret *secret = vp_secret_new(text, sizeof text);
    vp_wipe(text, sizeof text);
    vp_wipe(random, sizeof random);
    return secret;
}

struct vp_secret *arv_token_of(const char *uuid, const struct vp_secret *secret)
{
    char text[V2_LEN + ARV_SECRET_MAX + 1];
    size_t len = vp_secret_len(secret);
    if (len > ARV_SECRET_MAX)
        return NULL;
    (void)snprintf(text, sizeof text, "v2/%.27s/%s", uuid, vp_secret_reveal(secret));
    struct vp_secret *token = vp_secret_new(text, strlen(text));
    vp_wipe(text, sizeof text);
    return token;
}

struct vp_secret *arv_token_secret_of(const struct vp_secret *token)
{
    struct vp_error fault = { 0 };
    struct arv_token_text parts;
    VP_AUTO(vp_secret_freep) struct vp_secret *trimmed = NULL;
    if (arv_token_parse(token, &trimmed, &parts, &fault) != VP_OK)
        return NULL;
    const char *secret = vp_secret_reveal(trimmed) + V2_LEN;
    return vp_secret_new(secret, strcspn(secret, "/"));
}

/* ---- requests ---- */

/* NULL owner: only the expiry. */
static enum vp_code send(struct arv_client *client, const struct arv_credentials *credentials,
                         struct arv_request *request, const struct arv_new_token *token, struct vp_error *err)
{
    VP_AUTO(vp_buf_clear) struct vp_buf body = VP_BUF_INIT(ARV_TARGET_MAX);
    struct vp_json_writer writer;
    char when[VP_TIME_TEXT_SIZE];
    vp_time_format(token->expires_at_s, when);
    vp_json_begin(&writer, &body);
    vp_json_open_object(&writer);
    vp_json_put_key(&writer, "api_client_authorization");
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "expires_at", token->expires_at_s == VP_TIME_NONE ? NULL : when);
    if (token->owner_uuid != NULL) {
        vp_json_add_text(&writer, "owner_uuid", token->owner_uuid);
        vp_json_put_key(&writer, "scopes");
        vp_json_put_texts(&writer, token->scopes);
        vp_json_add_text(&writer, "api_token", vp_secret_reveal(token->secret));
    }
    vp_json_close_object(&writer);
    vp_json_close_object(&writer);
    VP_TRY(vp_buf_check(&body, "the token", err));
    request->body = &body;
    enum vp_code code = arv_send(client, credentials, request, 1, err);
    request->body = NULL;
    return code;
}

/* ---- answers ---- */

struct record {
    const char *uuid;
    const char *owner_uuid;
    const char *api_token;
    const struct vp_json *scopes;
    int64_t expires_at_s;
};

static const struct vp_json_field RECORD_FIELDS[] = {
    { "uuid", VP_JSON_TO_TEXT, offsetof(struct record, uuid), 0, ARV_UUID_LEN },
    { "owner_uuid", VP_JSON_TO_TEXT, offsetof(struct record, owner_uuid), 0, ARV_UUID_LEN },
    { "api_token", VP_JSON_TO_TEXT, offsetof(struct record, api_token), 0, ARV_SECRET_MAX },
    { "scopes", VP_JSON_TO_TEXTS, offsetof(struct record, scopes), 0, 0 },
    { "expires_at", VP_JSON_TO_TIME, offsetof(struct record, expires_at_s), VP_JSON_OR_NULL, 0 },
    { 0 },
};

/* Arvados' own words for a refusal contain this. */
static bool says(const struct arv_request *request, const char *word)
{
    const struct vp_json *words = vp_json_at(vp_json_get(request->document, "errors"), 0);
    return vp_json_type(words) == VP_JSON_TEXT && strstr(vp_json_text(words), word) != NULL;
}

static enum vp_code refused(const struct arv_credentials *credentials, const struct arv_request *request,
                            struct vp_error *err)
{
    int status = request->status;
    enum vp_code code = VP_OK;
    if (status == 403 && says(request, NO_OWNER_WORD))
        code = vp_fail(err, VP_REASON_USER_INACTIVE, "Arvados has no such user");
    else if (status == 401 || status == 403)
        return arv_refusal(credentials, request, status, err);
    else if (status == 404)
        code = vp_fail(err, VP_REASON_TOKEN_REJECTED, "the token does not exist any more");
    else
        return arv_bad_answer(err, request->name, status == 422 ? "it is refused (422)" : "unexpected status");
    vp_error_add_detail(err, "%s: status %d", request->name, status);
    return code;
}

static bool same_scopes(const struct vp_json *got, const struct vp_texts *wanted)
{
    if (vp_json_len(got) != wanted->n)
        return false;
    for (size_t i = 0; i < wanted->n; i++)
        if (strcmp(vp_json_text(vp_json_at(got, i)), wanted->items[i]) != 0)
            return false;
    return true;
}

/* A site's MaxTokenLifetime may bring the expiry forward; later than asked, or never, is what Arvados makes of a time that it can't
 * read. */
static enum vp_code check_minted(const struct record *record, const struct arv_new_token *wanted, const char *call,
                                 struct vp_error *err)
{
    if (!arv_is_uuid(record->uuid, "gj3su"))
        return arv_bad_answer(err, call, "uuid is no token's");
    if (strcmp(record->owner_uuid, wanted->owner_uuid) != 0)
        return arv_bad_answer(err, call, "owner_uuid is another user's");
    if (strncmp(record->uuid, wanted->owner_uuid, ARV_CLUSTER_LEN) != 0)
        return arv_bad_answer(err, call, "uuid is of another cluster");
    VP_AUTO(vp_secret_freep) struct vp_secret *got = vp_secret_new(record->api_token, strlen(record->api_token));
    if (got == NULL)
        return vp_fail_no_memory(err);
    if (!vp_secret_equal(got, wanted->secret))
        return arv_bad_answer(err, call, "api_token is not the one that was sent");
    if (!same_scopes(record->scopes, wanted->scopes))
        return arv_bad_answer(err, call, "scopes are not those that were sent");
    if (record->expires_at_s > wanted->expires_at_s)
        return arv_bad_answer(err, call, "expires_at is later than what was sent");
    return VP_OK;
}

/* The secret is ours, and Arvados takes it once: a second request, which libcurl sends when a kept connection breaks, makes no second
 * token. */
static struct arv_request create_request(void)
{
    struct arv_request request = { .name = "api_client_authorizations",
                                   .method = HTTP_POST,
                                   .once = true,
                                   .unique = true,
                                   .any_status = true,
                                   .target = VP_BUF_INIT(ARV_TARGET_MAX) };
    arv_target_build(&request.target, COLLECTION, NULL);
    return request;
}

static enum vp_code take_minted(const struct arv_credentials *credentials, const struct arv_request *request,
                                const struct arv_new_token *wanted, struct arv_minted *minted, struct vp_error *err)
{
    struct record record = { 0 };
    if (request->status != 200)
        return refused(credentials, request, err);
    VP_TRY(arv_decode(request->document, RECORD_FIELDS, request->name, &record, err));
    VP_TRY(check_minted(&record, wanted, request->name, err));
    memcpy(minted->uuid, record.uuid, sizeof minted->uuid);
    minted->expires_at_s = record.expires_at_s;
    return VP_OK;
}

enum vp_code arv_token_create(struct arv_client *client, const struct arv_credentials *credentials,
                              const struct arv_new_token *token, struct arv_minted *ret_minted, struct vp_error *err)
{
    VP_AUTO(arv_request_clear) struct arv_request request = create_request();
    struct arv_minted minted = { 0 };
    VP_TRY(send(client, credentials, &request, token, err));
    VP_TRY(take_minted(credentials, &request, token, &minted, err));
    *ret_minted = minted;
    return VP_OK;
}

/* ---- a secret that must never become a token ---- */

enum { LONG_AGO_S = 24 * 3600 }; /* 1970-01-02: such a token is expired from the start */

/* Not empty, which Rails might take for "not given" and fill in. */
static char *const LOGOUT_SCOPE[] = { (char *)(uintptr_t) "GET /logout" };
#define LOGOUT_ONLY                         \
    {                                       \
        (char **)(uintptr_t)LOGOUT_SCOPE, 1 \
    }

enum vp_code arv_token_claim(struct arv_client *client, const struct arv_credentials *credentials,
                             const char *owner_uuid, const struct vp_secret *secret, bool *ret_taken,
                             struct vp_error *err)
{
    const struct vp_texts scopes = LOGOUT_ONLY;
    const struct arv_new_token token = {
        .owner_uuid = owner_uuid, .scopes = &scopes, .expires_at_s = LONG_AGO_S, .secret = secret
    };
    VP_AUTO(arv_request_clear) struct arv_request request = create_request();
    struct arv_minted minted = { 0 };
    VP_TRY(send(client, credentials, &request, &token, err));
    *ret_taken = request.status == 422 && says(&request, DUPLICATE_WORD);
    return *ret_taken ? VP_OK : take_minted(credentials, &request, &token, &minted, err);
}

enum vp_code arv_token_may_create(struct arv_client *client, const struct arv_credentials *credentials,
                                  const char *cluster_id, struct vp_error *err)
{
    char nobody[ARV_UUID_LEN + 1];
    VP_AUTO(vp_secret_freep) struct vp_secret *secret = arv_token_secret_new();
    const struct vp_texts scopes = LOGOUT_ONLY;
    if (secret == NULL)
        return vp_fail_no_memory(err);
    arv_uuid_of(cluster_id, "tpzed-nosuchuserexist", nobody);
    const struct arv_new_token token = {
        .owner_uuid = nobody, .scopes = &scopes, .expires_at_s = LONG_AGO_S, .secret = secret
    };
    VP_AUTO(arv_request_clear) struct arv_request request = create_request();
    VP_TRY(send(client, credentials, &request, &token, err));
    if (request.status == 403 && says(&request, NO_OWNER_WORD))
        return VP_OK;
    return request.status == 200 ? arv_bad_answer(err, request.name, "a token for a user that does not exist")
                                 : refused(credentials, &request, err);
}

/* ---- a token that exists ---- */

/* A request about one token, which may be sent again. */
static struct arv_request token_request(enum http_method method, const char *uuid)
{
    struct arv_request request = { .name = "api_client_authorizations",
                                   .method = method,
                                   .any_status = true,
                                   .repeatable = true,
                                   .target = VP_BUF_INIT(ARV_TARGET_MAX) };
    vp_buf_add_format(&request.target, COLLECTION "/%.27s", uuid);
    return request;
}

enum vp_code arv_token_extend(struct arv_client *client, const struct arv_credentials *credentials, const char *uuid,
                              int64_t expires_at_s, int64_t *ret_expires_at_s, struct vp_error *err)
{
    const struct arv_new_token change = { .expires_at_s = expires_at_s };
    VP_AUTO(arv_request_clear) struct arv_request request = token_request(HTTP_PUT, uuid);
    struct record record = { 0 };
    VP_TRY(send(client, credentials, &request, &change, err));
    if (request.status != 200)
        return refused(credentials, &request, err);
    VP_TRY(arv_decode(request.document, RECORD_FIELDS, request.name, &record, err));
    if (strcmp(record.uuid, uuid) != 0)
        return arv_bad_answer(err, request.name, "another token than asked for");
    if (record.expires_at_s > expires_at_s)
        return arv_bad_answer(err, request.name, "expires_at is later than what was sent");
    *ret_expires_at_s = record.expires_at_s;
    return VP_OK;
}

enum vp_code arv_token_log_out(struct arv_client *client, const struct arv_credentials *credentials,
                               struct vp_error *err)
{
    VP_AUTO(arv_request_clear)
    struct arv_request request = { .name = "logout", .any_status = true, .target = VP_BUF_INIT(ARV_TARGET_MAX) };
    arv_target_build(&request.target, "/logout", NULL);
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    return request.status == 302 ? VP_OK : arv_bad_answer(err, request.name, "it is no redirect");
}

/* A deleted token, one with narrow scopes and any token while Arvados' database is away are answered alike (401, 403, 404). Logging
 * out tells them apart: it is answered with its redirect only when the database was reached, and then the token is invalid. */
enum vp_code arv_token_end(struct arv_client *client, const struct arv_credentials *credentials, const char *uuid,
                           struct vp_error *err)
{
    VP_AUTO(arv_request_clear) struct arv_request request = token_request(HTTP_DELETE, uuid);
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    return request.status == 200 ? VP_OK : arv_token_log_out(client, credentials, err);
}
