/* Response wrapping: a token that gives its content once, and tells from where that came. */
#include <string.h>

#include "ask.h"
#include "secret.h"

struct wrap_info {
    const char *token;
    const char *creation_path;
    int64_t ttl;
};

static const struct vp_json_field WRAP_FIELDS[] = {
    { "token", VP_JSON_TO_TEXT, offsetof(struct wrap_info, token), 0, 0 },
    { "creation_path", VP_JSON_TO_TEXT, offsetof(struct wrap_info, creation_path), 0, 511 },
    { "ttl", VP_JSON_TO_INT, offsetof(struct wrap_info, ttl), 0, 0 },
    { 0 },
};

static enum vp_code decode_wrapping(const struct vp_json *document, struct vault_wrapping *ret_wrapping,
                                    struct vp_error *err)
{
    struct wrap_info info = { 0 };
    struct vp_error fault = { 0 };
    const struct vp_json *wrap_info = vp_json_get(document, "wrap_info");
    if (vp_json_type(wrap_info) != VP_JSON_OBJECT)
        return vault_bad_answer(err, "the wrapping", "it is not wrapped");
    if (vp_json_decode(wrap_info, WRAP_FIELDS, &VAULT_ANSWER, &info, &fault) != VP_OK)
        return vault_bad_answer(err, "the wrapping", fault.message);
    struct vault_wrapping wrapping = { .token = vp_secret_new(info.token, strlen(info.token)),
                                       .ttl_s = vault_duration_s(info.ttl) };
    if (wrapping.token == NULL)
        return vp_fail_no_memory(err);
    memcpy(wrapping.creation_path, info.creation_path, strlen(info.creation_path));
    *ret_wrapping = wrapping;
    return VP_OK;
}

static enum vp_code wrap_data(struct vault *vault, const struct vp_json *data, const char *wrap_ttl,
                              struct vp_json **ret_document, struct vp_error *err)
{
    struct vp_buf body = VP_BUF_INIT(VAULT_BODY_MAX);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &body);
    vp_json_put_value(&writer, data);
    struct vault_request request = {
        .method = HTTP_POST, .path = VAULT_WRAP_PATH, .body = &body, .wrap_ttl = wrap_ttl
    };
    enum vp_code code = vp_buf_check(&body, "what is to be wrapped", err);
    if (code == VP_OK)
        code = vault_ask(vault, &request, ret_document, err);
    vp_buf_clear(&body);
    return code;
}

enum vp_code vault_wrap(struct vault *vault, const char *path, const struct vp_json *data, const char *wrap_ttl,
                        struct vault_wrapping *ret_wrapping, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    bool may_have_lease = false;
    if (path == NULL)
        VP_TRY(wrap_data(vault, data, wrap_ttl, &document, err));
    else
        VP_TRY(vault_read_wrapped(vault, path, wrap_ttl, &document, &may_have_lease, err));
    VP_TRY(decode_wrapping(document, ret_wrapping, err));
    ret_wrapping->may_have_lease = may_have_lease;
    return VP_OK;
}

void vault_wrapping_clear(struct vault_wrapping *wrapping)
{
    vp_secret_free(wrapping->token);
    *wrapping = (struct vault_wrapping){ 0 };
}

/* What the server answers about a wrapping that is no more. */
static enum vp_code opened_already(enum vp_code code, struct vp_error *err)
{
    if (code == VP_ERR_OPERATION || code == VP_ERR_DENIED)
        return vp_fail(err, VP_REASON_FORBIDDEN,
                       "the wrapping token is not valid: it has ended, or somebody has opened it already. If nobody of "
                       "yours did, treat the secret as stolen");
    return code;
}

/* Opened, perhaps, and the answer lost. */
static enum vp_code opened_perhaps(enum vp_code code, struct vp_error *err)
{
    if (code == VP_ERR_UNAVAILABLE)
        vp_error_add_detail(err, "this very request may have opened the wrapping: if it is not valid any more, have "
                                 "the secret wrapped anew");
    return code;
}

/* Looked up before it is opened, since opening is once only: a token that somebody put in the place of the right one, having
 * opened that, is told by the path it was made at. */
static enum vp_code check_creation_path(struct vault *vault, const struct vp_secret *token, const char *expected,
                                        struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf body = VP_BUF_INIT(VAULT_PATH_MAX);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &body);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "token", vp_secret_reveal(token));
    vp_json_close_object(&writer);
    struct vault_request request = {
        .method = HTTP_POST, .path = "sys/wrapping/lookup", .body = &body, .without_token = true, .repeatable = true
    };
    enum vp_code code = vp_buf_check(&body, "the wrapping token", err);
    if (code == VP_OK)
        code = vault_ask(vault, &request, &document, err);
    vp_buf_clear(&body);
    VP_TRY(opened_already(code, err));
    const struct vp_json *made_at = vp_json_get(vp_json_get(document, "data"), "creation_path");
    if (vp_json_type(made_at) != VP_JSON_TEXT)
        return vault_bad_answer(err, request.path, "it has no creation_path");
    if (strcmp(vp_json_text(made_at), expected) != 0)
        return vp_fail(err, VP_REASON_FORBIDDEN,
                       "the wrapping was made at %.150s and not at %.150s: it may have been exchanged on its way. It "
                       "was "
                       "not opened",
                       vp_json_text(made_at), expected);
    return VP_OK;
}

enum vp_code vault_unwrap(struct vault *vault, const struct vp_secret *token, const char *creation_path,
                          struct vp_json **ret_document, struct vp_error *err)
{
    static const struct vault_request REQUEST = { .method = HTTP_POST, .path = "sys/wrapping/unwrap" };
    VP_TRY(check_creation_path(vault, token, creation_path, err));
    VP_TRY(vault_set_token(vault, token, err));
    /* Between the two requests somebody else may have been faster. */
    VP_TRY(opened_perhaps(opened_already(vault_ask(vault, &REQUEST, ret_document, err), err), err));
    return *ret_document == NULL ? vault_bad_answer(err, REQUEST.path, "it is empty") : VP_OK;
}
