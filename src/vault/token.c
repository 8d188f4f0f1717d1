/* Tokens: made by a login, renewed, revoked. */
#include <string.h>

#include "ask.h"

struct auth {
    const char *client_token;
    const char *token_type;
    int64_t lease_duration;
    bool renewable;
};

static const struct vp_json_field AUTH_FIELDS[] = {
    { "client_token", VP_JSON_TO_TEXT, offsetof(struct auth, client_token), 0, 0 },
    { "token_type", VP_JSON_TO_TEXT, offsetof(struct auth, token_type), VP_JSON_OR_NULL | VP_JSON_OR_MISSING, 0 },
    { "lease_duration", VP_JSON_TO_INT, offsetof(struct auth, lease_duration), 0, 0 },
    { "renewable", VP_JSON_TO_BOOL, offsetof(struct auth, renewable), 0, 0 },
    { 0 },
};

static enum vp_code decode_auth(const struct vp_json *auth, const char *path, struct auth *ret_auth,
                                struct vp_error *err)
{
    struct vp_error fault = { 0 };
    struct auth read = { 0 };
    if (vp_json_type(auth) != VP_JSON_OBJECT)
        return vault_bad_answer(err, path, "it has no auth");
    if (vp_json_decode(auth, AUTH_FIELDS, &VAULT_ANSWER, &read, &fault) != VP_OK)
        return vault_bad_answer(err, path, fault.message);
    read.lease_duration = vault_duration_s(read.lease_duration);
    *ret_auth = read;
    return VP_OK;
}

static enum vp_code read_login(struct vp_json *document, const char *path, struct vault_login *ret_login,
                               struct vp_error *err)
{
    const struct vp_json *auth = vp_json_get(document, "auth");
    const struct vp_json *warnings = vp_json_get(document, "warnings");
    struct auth read = { 0 };
    if (vp_json_type(vp_json_get(auth, "mfa_requirement")) == VP_JSON_OBJECT)
        return vp_fail(err, VP_REASON_FORBIDDEN,
                       "the login requires MFA, which is not supported here: exempt this mount "
                       "from the login's MFA enforcement");
    VP_TRY(decode_auth(auth, path, &read, err));
    struct vp_secret *token = vp_secret_new(read.client_token, strlen(read.client_token));
    if (token == NULL)
        return vp_fail_no_memory(err);
    *ret_login = (struct vault_login){
        .token = token,
        .document = document,
        .auth = auth,
        .warnings = vp_json_type(warnings) == VP_JSON_ARRAY ? warnings : NULL,
        .ttl_s = read.lease_duration,
        .renewable = read.renewable,
        .batch = read.token_type != NULL && strcmp(read.token_type, "batch") == 0,
    };
    return VP_OK;
}

static void write_login(struct vp_buf *body, const char *role, const struct vp_secret *token)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, body);
    vp_json_open_object(&writer);
    if (role != NULL)
        vp_json_add_text(&writer, "role", role);
    vp_json_add_text(&writer, "token", vp_secret_reveal(token));
    vp_json_close_object(&writer);
}

enum vp_code vault_log_in(struct vault *vault, const char *mount, const char *role, const struct vp_secret *token,
                          struct vault_login *ret_login, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf path = VP_BUF_INIT(VAULT_PATH_MAX);
    struct vp_buf body = VP_BUF_INIT(VAULT_TARGET_MAX);
    vp_buf_add_format(&path, "auth/%s/login", mount);
    write_login(&body, role, token);
    /* A login that is done twice leaves one token more, which ends by itself. */
    struct vault_request request = {
        .method = HTTP_POST,
        .path = vp_buf_text(&path),
        .body = &body,
        .without_token = true,
        .repeatable = true,
        .makes = true,
    };
    enum vp_code code = vp_buf_check(&path, "the mount's name", err);
    if (code == VP_OK)
        code = vp_buf_check(&body, "the login", err);
    if (code == VP_OK)
        code = vault_ask(vault, &request, &document, err);
    if (code == VP_OK)
        code = read_login(document, request.path, ret_login, err);
    if (code == VP_OK)
        document = NULL; /* the login owns it now */
    vp_buf_clear(&path);
    vp_buf_clear(&body);
    return code;
}

bool vault_has_login(struct vault *vault, const char *mount)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf path = VP_BUF_INIT(VAULT_PATH_MAX);
    struct vp_buf body = VP_BUF_INIT(8);
    struct vp_error fault = { 0 };
    vp_buf_add_format(&path, "auth/%s/login", mount);
    vp_buf_add_text(&body, "{}");
    struct vault_request request = {
        .method = HTTP_POST, .path = vp_buf_text(&path), .body = &body, .without_token = true, .repeatable = true
    };
    bool has = !path.failed && vault_ask(vault, &request, &document, &fault) != VP_OK &&
               fault.reason == VP_REASON_VAULT_REFUSES;
    vp_buf_clear(&path);
    vp_buf_clear(&body);
    return has;
}

void vault_login_clear(struct vault_login *login)
{
    vp_secret_free(login->token);
    vp_json_free(login->document);
    *login = (struct vault_login){ 0 };
}

bool vault_lacks_policy(struct vault *vault, const char *name)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf path = VP_BUF_INIT(VAULT_PATH_MAX);
    struct vp_error fault = { 0 };
    vp_buf_add_format(&path, "sys/policies/acl/%s", name);
    struct vault_request request = { .path = vp_buf_text(&path), .is_secret = true };
    bool lacks = !path.failed && vault_ask(vault, &request, &document, &fault) == VP_ERR_NOT_FOUND;
    vp_buf_clear(&path);
    return lacks;
}

static enum vp_code post_increment(struct vault *vault, const char *path, const char *lease_id, int64_t increment_s,
                                   struct vp_json **ret_document, struct vp_error *err)
{
    struct vp_buf body = VP_BUF_INIT(VAULT_PATH_MAX);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &body);
    vp_json_open_object(&writer);
    if (lease_id != NULL)
        vp_json_add_text(&writer, "lease_id", lease_id);
    if (increment_s > 0)
        vp_json_add_int(&writer, "increment", increment_s);
    vp_json_close_object(&writer);
    struct vault_request request = { .method = HTTP_POST, .path = path, .body = &body, .repeatable = true };
    enum vp_code code = vp_buf_check(&body, "a renewal", err);
    if (code == VP_OK)
        code = vault_ask(vault, &request, ret_document, err);
    vp_buf_clear(&body);
    return code;
}

enum vp_code vault_renew_self(struct vault *vault, int64_t increment_s, int64_t *ret_ttl_s, struct vp_error *err)
{
    static const char PATH[] = "auth/token/renew-self";
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct auth read = { 0 };
    VP_TRY(post_increment(vault, PATH, NULL, increment_s, &document, err));
    VP_TRY(decode_auth(vp_json_get(document, "auth"), PATH, &read, err));
    *ret_ttl_s = read.lease_duration;
    return VP_OK;
}

enum vp_code vault_lookup_self_ttl(struct vault *vault, int64_t *ret_ttl_s, struct vp_error *err)
{
    static const struct vault_request REQUEST = { .path = "auth/token/lookup-self" };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_TRY(vault_ask(vault, &REQUEST, &document, err));
    const struct vp_json *ttl = vp_json_get(vp_json_get(document, "data"), "ttl");
    if (vp_json_type(ttl) != VP_JSON_INT)
        return vault_bad_answer(err, REQUEST.path, "it has no ttl");
    *ret_ttl_s = vault_duration_s(vp_json_int(ttl));
    return VP_OK;
}

enum vp_code vault_revoke_self(struct vault *vault, struct vp_error *err)
{
    static const struct vault_request REQUEST = { .method = HTTP_POST,
                                                  .path = "auth/token/revoke-self",
                                                  .repeatable = true };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    return vault_ask(vault, &REQUEST, &document, err);
}

enum vp_code vault_revoke_lease(struct vault *vault, const char *lease_id, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    return post_increment(vault, "sys/leases/revoke", lease_id, 0, &document, err);
}

enum vp_code vault_renew_lease(struct vault *vault, const char *lease_id, int64_t *ret_ttl_s, struct vp_error *err)
{
    static const char PATH[] = "sys/leases/renew";
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_TRY(post_increment(vault, PATH, lease_id, 0, &document, err));
    const struct vp_json *ttl = vp_json_get(document, "lease_duration");
    if (vp_json_type(ttl) != VP_JSON_INT)
        return vault_bad_answer(err, PATH, "it has no lease_duration");
    *ret_ttl_s = vault_duration_s(vp_json_int(ttl));
    return VP_OK;
}
