#include "fake_minting.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "vp/clock.h"
#include "vp/json.h"

static const char COLLECTION[] = "/arvados/v1/api_client_authorizations";

static const struct vp_json_source BODY = { "a body", VP_REASON_INTERNAL, 1 << 16, 8, 1000, 0, 0 };

void fake_minting_init(struct fake_minting *arvados, int64_t now_s)
{
    *arvados = (struct fake_minting){ .now_s = now_s, .n = 1 };
    struct fake_minted *admin = &arvados->tokens[0];
    (void)snprintf(admin->uuid, sizeof admin->uuid, "%s", "zzzzz-gj3su-admin0000000000");
    (void)snprintf(admin->owner, sizeof admin->owner, "%s", FAKE_ADMIN);
    (void)snprintf(admin->secret, sizeof admin->secret, "%s", strrchr(FAKE_ADMIN_TOKEN, '/') + 1);
    (void)snprintf(admin->scopes, sizeof admin->scopes, "[\"all\"]");
    admin->expires_at_s = INT64_MAX;
}

struct fake_minting_request fake_minting_request_of(const struct http_exchange *exchange)
{
    struct fake_minting_request request = { .method = exchange->method };
    (void)snprintf(request.target, sizeof request.target, "%s", exchange->target);
    if (exchange->bearer != NULL)
        (void)snprintf(request.bearer, sizeof request.bearer, "%s", vp_secret_reveal(exchange->bearer));
    if (exchange->sent_body != NULL)
        (void)snprintf(request.body, sizeof request.body, "%s", vp_buf_text(exchange->sent_body));
    return request;
}

bool fake_minted_valid(const struct fake_minting *arvados, const struct fake_minted *token)
{
    return !token->deleted && token->expires_at_s > arvados->now_s;
}

static struct fake_minted *find(struct fake_minting *arvados, const char *bearer)
{
    const char *secret = strrchr(bearer, '/');
    secret = secret == NULL ? bearer : secret + 1;
    for (size_t i = 0; i < arvados->n; i++) {
        struct fake_minted *token = &arvados->tokens[i];
        if (strcmp(token->secret, secret) == 0 && fake_minted_valid(arvados, token) &&
            (secret == bearer || strncmp(bearer + 3, token->uuid, 27) == 0))
            return token;
    }
    return NULL;
}

static void say(struct fake_answer *answer, int status, const char *body)
{
    answer->status = status;
    vp_buf_add_text(&answer->body, body);
}

static void refuse(struct fake_answer *answer, int status, const char *words)
{
    answer->status = status;
    vp_buf_add_format(&answer->body, "{\"errors\":[\"%s\"]}", words);
}

static void tell_time(int64_t time_s, char text[VP_TIME_TEXT_SIZE + 2])
{
    char when[VP_TIME_TEXT_SIZE];
    vp_time_format(time_s, when);
    (void)snprintf(text, VP_TIME_TEXT_SIZE + 2, time_s == INT64_MAX ? "null" : "\"%s\"", when);
}

static void tell_token(const struct fake_minted *token, bool with_secret, struct fake_answer *answer)
{
    char expires_at[VP_TIME_TEXT_SIZE + 2];
    tell_time(token->expires_at_s, expires_at);
    answer->status = 200;
    vp_buf_add_format(&answer->body,
                      "{\"uuid\":\"%s\",\"owner_uuid\":\"%s\",\"api_token\":\"%s\",\"scopes\":%s,\"expires_at\":%s}",
                      token->uuid, token->owner, with_secret ? token->secret : "", token->scopes, expires_at);
}

static bool allows(const struct fake_minted *token, const char *method, const char *target)
{
    char scope[1200];
    (void)snprintf(scope, sizeof scope, "\"%s %.*s\"", method, (int)strcspn(target, "?"), target);
    return strcmp(token->scopes, "[\"all\"]") == 0 || strstr(token->scopes, scope) != NULL;
}

static void tell_user(const struct fake_minting *arvados, const char *uuid, const char *name,
                      struct fake_answer *answer)
{
    bool active = strcmp(uuid, FAKE_ALICE) != 0 || !arvados->alice_inactive;
    bool admin = strcmp(uuid, FAKE_ADMIN) == 0 || (strcmp(uuid, FAKE_BOB) == 0 && arvados->bob_is_admin);
    answer->status = 200;
    vp_buf_add_format(&answer->body,
                      "{\"items\":[{\"uuid\":\"%s\",\"username\":\"%s\",\"is_active\":%s,\"is_admin\":%s}]}", uuid,
                      name, active ? "true" : "false", admin ? "true" : "false");
}

static void list_users(const struct fake_minting *arvados, const char *target, struct fake_answer *answer)
{
    static const struct {
        const char *uuid, *name;
    } USERS[] = { { FAKE_ADMIN, "admin" }, { FAKE_ALICE, "alice" }, { FAKE_BOB, "bob" } };
    for (size_t i = 0; i < sizeof USERS / sizeof USERS[0]; i++) {
        char quoted[64];
        (void)snprintf(quoted, sizeof quoted, "%%22%s%%22", USERS[i].name);
        if (strstr(target, USERS[i].uuid) != NULL || strstr(target, quoted) != NULL) {
            tell_user(arvados, USERS[i].uuid, USERS[i].name, answer);
            return;
        }
    }
    say(answer, 200, "{\"items\":[]}");
}

/* ---- tokens ---- */

static int64_t read_expiry(const struct vp_json *attributes)
{
    int64_t expires_at_s = INT64_MAX;
    const struct vp_json *given = vp_json_get(attributes, "expires_at");
    if (vp_json_type(given) == VP_JSON_TEXT && !vp_time_parse(vp_json_text(given), &expires_at_s))
        return INT64_MAX;
    return expires_at_s;
}

static bool is_taken(const struct fake_minting *arvados, const char *secret)
{
    for (size_t i = 0; i < arvados->n; i++)
        if (!arvados->tokens[i].deleted && strcmp(arvados->tokens[i].secret, secret) == 0)
            return true;
    return false;
}

static void create(struct fake_minting *arvados, const struct vp_json *attributes, struct fake_answer *answer)
{
    const char *owner = vp_json_text(vp_json_get(attributes, "owner_uuid"));
    const char *secret = vp_json_text(vp_json_get(attributes, "api_token"));
    struct vp_buf scopes = VP_BUF_INIT(FAKE_SCOPES_SIZE - 1);
    struct vp_json_writer writer;
    if (strcmp(owner, FAKE_ADMIN) != 0 && strcmp(owner, FAKE_ALICE) != 0 && strcmp(owner, FAKE_BOB) != 0) {
        refuse(answer, 403, "403 Forbidden: Owner uuid cannot be nil");
        return;
    }
    if (is_taken(arvados, secret)) {
        refuse(answer, 422, "#<ActiveRecord::RecordNotUnique: duplicate key value>");
        return;
    }
    assert(arvados->n < FAKE_TOKENS_MAX);
    struct fake_minted *token = &arvados->tokens[arvados->n++];
    vp_json_begin(&writer, &scopes);
    vp_json_put_value(&writer, vp_json_get(attributes, "scopes"));
    (void)snprintf(token->uuid, sizeof token->uuid, "zzzzz-gj3su-minted%09zu", arvados->n);
    (void)snprintf(token->owner, sizeof token->owner, "%s", owner);
    (void)snprintf(token->secret, sizeof token->secret, "%s", secret);
    (void)snprintf(token->scopes, sizeof token->scopes, "%s", vp_buf_text(&scopes));
    token->expires_at_s = read_expiry(attributes);
    vp_buf_clear(&scopes);
    tell_token(token, true, answer);
}

/* One's own tokens only. */
static void change(struct fake_minting *arvados, const struct fake_minted *by,
                   const struct fake_minting_request *request, const struct vp_json *attributes,
                   struct fake_answer *answer)
{
    for (size_t i = 0; i < arvados->n; i++) {
        struct fake_minted *token = &arvados->tokens[i];
        if (token->deleted || strcmp(token->owner, by->owner) != 0 ||
            strcmp(request->target + sizeof COLLECTION, token->uuid) != 0)
            continue;
        if (request->method == HTTP_DELETE)
            token->deleted = true;
        else
            token->expires_at_s = read_expiry(attributes);
        tell_token(token, true, answer);
        return;
    }
    refuse(answer, 404, "404 Not Found: Path not found");
}

static void answer_token(struct fake_minting *arvados, struct fake_minted *by,
                         const struct fake_minting_request *request, struct fake_answer *answer)
{
    struct vp_json *document = NULL;
    struct vp_error fault = { 0 };
    if (*request->body != '\0' &&
        vp_json_parse(request->body, strlen(request->body), &BODY, &document, &fault) != VP_OK)
        document = NULL;
    const struct vp_json *attributes = vp_json_get(document, "api_client_authorization");
    if (request->method == HTTP_POST && strcmp(by->owner, FAKE_ADMIN) != 0)
        refuse(answer, 403, "403 Forbidden");
    else if (request->method == HTTP_POST)
        create(arvados, attributes, answer);
    else
        change(arvados, by, request, attributes, answer);
    vp_json_free(document);
}

static void log_out(struct fake_minting *arvados, const char *bearer, struct fake_answer *answer)
{
    struct fake_minted *token = find(arvados, bearer);
    if (arvados->database_down) {
        refuse(answer, 500, "could not expire token on logout");
        return;
    }
    if (token != NULL)
        token->expires_at_s = arvados->now_s;
    answer->status = 302;
}

void fake_minting_apply(struct fake_minting *arvados, const struct fake_minting_request *request,
                        struct fake_answer *answer)
{
    static const char *const METHODS[] = {
        [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"
    };
    const char *target = request->target;
    struct fake_minted *by = arvados->database_down ? NULL : find(arvados, request->bearer);
    if (strncmp(target, "/discovery/", 11) == 0)
        say(answer, 200, "{\"uuidPrefix\":\"zzzzz\",\"packageVersion\":\"3.2.1\",\"revision\":\"20250402\"}");
    else if (strcmp(target, "/logout") == 0)
        log_out(arvados, request->bearer, answer);
    else if (by == NULL)
        refuse(answer, 401, "401 Unauthorized: Not logged in");
    else if (strncmp(target, "/arvados/v1/api_client_authorizations/current", 45) == 0)
        tell_token(by, false, answer);
    else if (!allows(by, METHODS[request->method], target))
        refuse(answer, 403, "403 Forbidden: Forbidden");
    else if (strncmp(target, "/arvados/v1/users?", 18) == 0)
        list_users(arvados, target, answer);
    else
        answer_token(arvados, by, request, answer);
}
