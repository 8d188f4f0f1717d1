#include "translate.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "translate_auth.h"
#include "translate_secret.h"

/* ---- in ---- */

static const struct vp_json_source LOGIN_BODY = { .what = "the request",
                                                  .reason = VP_REASON_BAD_REQUEST,
                                                  .max_bytes = PLUGIN_LOGIN_BODY_MAX,
                                                  .max_depth = 8,
                                                  .max_tokens = 1000 };
static const struct vp_json_source BODY = { .what = "the request",
                                            .reason = VP_REASON_BAD_REQUEST,
                                            .max_bytes = PLUGIN_BODY_MAX,
                                            .max_depth = 16,
                                            .max_tokens = 20000 };

static const struct vp_json_source *source_of(const struct logical_match *match)
{
    return match->login ? &LOGIN_BODY : &BODY;
}

enum vp_code plugin_translate_check_size(const struct logical_match *match, const Wire__Request *wire,
                                         struct vp_error *err)
{
    const struct vp_json_source *source = source_of(match);
    if (strlen(wire->data) <= source->max_bytes)
        return VP_OK;
    return vp_fail(err, source->reason, "%s is larger than %zu bytes", source->what, source->max_bytes);
}

/* Hosts send "null" for no body. */
static enum vp_code read_body(const struct vp_json_source *source, const Wire__Request *wire,
                              struct plugin_request *request, struct vp_error *err)
{
    if (*wire->data == '\0')
        return VP_OK;
    VP_TRY(vp_json_parse(wire->data, strlen(wire->data), source, &request->document, err));
    enum vp_json_type type = vp_json_type(request->document);
    if (type != VP_JSON_OBJECT && type != VP_JSON_NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the request's body is not a JSON object");
    request->call.data = type == VP_JSON_OBJECT ? request->document : NULL;
    return VP_OK;
}

/* What is renewed or revoked: a token (of a login) or a secret. Its response data comes along as
 * the body; nobody reads it. */
static enum vp_code read_lease(const Wire__Request *wire, struct plugin_request *request, struct vp_error *err)
{
    if (wire->secret != NULL) {
        request->call.secret = &request->secret;
        return plugin_translate_secret_in(wire->secret, &request->secret, err);
    }
    if (wire->auth == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "a renewal or revocation without a token or secret");
    request->call.auth = &request->auth;
    return plugin_translate_auth_in(wire->auth, &request->auth, err);
}

/* A UUID of version 4. Without random bytes the request goes without an id: it is for tracing only. */
static void generate_id(char id[37])
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return;
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    for (size_t i = 0, at = 0; i < sizeof bytes; i++, at += 2) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            id[at++] = '-';
        (void)snprintf(id + at, 3, "%02x", bytes[i]);
    }
}

void plugin_translate_head(const Wire__Request *wire, struct plugin_request *ret_request)
{
    const Wire__Connection *connection = wire->connection;

    *ret_request = (struct plugin_request){ .reply.data = VP_BUF_INIT(LOGICAL_REPLY_MAX) };
    ret_request->call = (struct logical_call){
        .operation = logical_operation_of(wire->operation),
        .path = wire->path,
        .request_id = wire->id,
        .mount_point = wire->mount_point,
        .entity_id = wire->entity_id,
        .remote_addr = connection == NULL || *connection->remote_addr == '\0' ? NULL : connection->remote_addr,
        .reply = &ret_request->reply,
    };
    if (*wire->id == '\0') {
        generate_id(ret_request->generated_id);
        ret_request->call.request_id = ret_request->generated_id;
    }
}

enum vp_code plugin_translate_request(const struct logical_match *match, const Wire__Request *wire,
                                      struct plugin_request *ret_request, struct vp_error *err)
{
    plugin_translate_head(wire, ret_request);
    enum logical_operation operation = ret_request->call.operation;
    /* A path asked for before authentication brings the whole body of its request along: not looked
     * at. */
    if (operation == LOGICAL_UNKNOWN)
        return VP_OK;
    if (operation == LOGICAL_RENEW || operation == LOGICAL_REVOKE)
        return read_lease(wire, ret_request, err);
    return read_body(source_of(match), wire, ret_request, err);
}

void plugin_request_clear(struct plugin_request *request)
{
    vp_json_free(request->document);
    logical_auth_clear(&request->auth);
    logical_secret_clear(&request->secret);
    logical_reply_clear(&request->reply);
    *request = (struct plugin_request){ 0 };
}

/* ---- out ---- */

static enum vp_code pack_response(Wire__Response *response, Wire__ProtoError *error, struct plugin_bytes *ret_answer,
                                  struct vp_error *err)
{
    Wire__HandleRequestReply reply;

    wire__handle_request_reply__init(&reply);
    reply.response = response;
    reply.err = error;
    return plugin_wire_pack(&reply.base, ret_answer, err);
}

static enum vp_code pack_login(Wire__Response *response, const struct logical_auth *auth, int64_t now_s,
                               struct plugin_bytes *ret_answer, struct vp_error *err)
{
    struct plugin_auth_parts parts;

    enum vp_code code = plugin_translate_auth_out(auth, now_s, &parts, err);
    if (code == VP_OK) {
        response->auth = &parts.auth;
        code = pack_response(response, NULL, ret_answer, err);
    }
    plugin_auth_parts_clear(&parts);
    return code;
}

static enum vp_code pack_renewal(Wire__Response *response, const Wire__Auth *given, const struct logical_reply *reply,
                                 struct plugin_bytes *ret_answer, struct vp_error *err)
{
    struct plugin_auth_parts parts;

    enum vp_code code = plugin_translate_auth_renewed(given, reply, &parts, err);
    if (code == VP_OK) {
        response->auth = &parts.auth;
        code = pack_response(response, NULL, ret_answer, err);
    }
    plugin_auth_parts_clear(&parts);
    return code;
}

static enum vp_code pack_secret(Wire__Response *response, const Wire__Secret *given,
                                const struct logical_secret *secret, int64_t now_s, struct plugin_bytes *ret_answer,
                                struct vp_error *err)
{
    struct plugin_secret_parts parts;

    VP_TRY(plugin_translate_secret_out(given, secret, now_s, &parts, err));
    response->secret = &parts.secret;
    return pack_response(response, NULL, ret_answer, err);
}

enum vp_code plugin_translate_reply(const Wire__Request *wire, const struct logical_reply *reply, int64_t now_s,
                                    struct plugin_bytes *ret_answer, struct vp_error *err)
{
    Wire__Response response;
    char none[] = "null"; /* the host can't read an empty text */

    wire__response__init(&response);
    VP_TRY(vp_buf_check(&reply->data, "the answer", err));
    response.data = reply->data.len == 0 ? none : reply->data.data;
    response.n_warnings = reply->warnings.n;
    response.warnings = reply->warnings.items;
    if (reply->auth != NULL)
        return pack_login(&response, reply->auth, now_s, ret_answer, err);
    if (reply->secret != NULL)
        return pack_secret(&response, wire->secret, reply->secret, now_s, ret_answer, err);
    if (reply->renewed)
        return pack_renewal(&response, wire->auth, reply, ret_answer, err);
    bool nothing = reply->data.len == 0 && reply->warnings.n == 0;
    return pack_response(nothing ? NULL : &response, NULL, ret_answer, err);
}

/* ---- failures ---- */

/* Types of sdk/logical's error codes. Others are not used: 1 and 2 end as 500, 7 loses its text,
 * from 11 on it is no error. */
enum wire_error {
    WIRE_UNKNOWN = 0, /* text kept; the host looks at it for "readonly storage" and forwards */
    WIRE_CODED = 3,   /* err_code is the HTTP status. 0 there ends the host's goroutine */
    WIRE_BAD_REQUEST = 4,
    WIRE_UNSUPPORTED_OPERATION = 5,
    WIRE_UNSUPPORTED_PATH = 6,
    WIRE_PERMISSION_DENIED = 8, /* text lost, but for that of a response beside it */
};

/* The error map. `respond`: the text goes into the data of a response; alone that is a 400, beside
 * a ProtoError the status is the error's and the text the response's. A coded error must come
 * without a response, or its code is lost. */
static const struct {
    bool fail;
    enum wire_error type;
    int64_t http_status;
    bool respond;
    bool callers; /* the caller's own fault */
} OUTCOMES[] = {
    [VP_ERR_INPUT] = { .respond = true, .callers = true },
    [VP_ERR_DENIED] = { .fail = true, .type = WIRE_PERMISSION_DENIED, .respond = true, .callers = true },
    [VP_ERR_NOT_FOUND] = { .fail = true, .type = WIRE_UNSUPPORTED_PATH, .callers = true },
    [VP_ERR_OPERATION] = { .fail = true, .type = WIRE_UNSUPPORTED_OPERATION, .callers = true },
    [VP_ERR_UPSTREAM] = { .fail = true, .type = WIRE_CODED, .http_status = 502 },
    [VP_ERR_UNAVAILABLE] = { .fail = true, .type = WIRE_CODED, .http_status = 503 },
    [VP_ERR_INTERNAL] = { .fail = true, .type = WIRE_CODED, .http_status = 500 },
    [VP_ERR_HOST] = { .fail = true, .type = WIRE_UNKNOWN },
};

enum { ERROR_BODY_MAX = 8 * 1024 }; /* the message, each byte escaped */

bool plugin_translate_is_callers(const struct vp_error *failure)
{
    return OUTCOMES[vp_reason_code(failure->reason)].callers;
}

Wire__ProtoError plugin_translate_error(const struct vp_error *failure)
{
    Wire__ProtoError error;
    enum vp_code code = vp_reason_code(failure->reason);

    wire__proto_error__init(&error);
    error.err_type = OUTCOMES[code].fail ? OUTCOMES[code].type : WIRE_CODED;
    error.err_code = OUTCOMES[code].fail ? OUTCOMES[code].http_status : 400;
    error.err_msg = (char *)(uintptr_t)failure->message; /* packing only reads it */
    return error;
}

static void write_error_body(struct vp_buf *body, const char *message)
{
    struct vp_json_writer writer;

    vp_json_begin(&writer, body);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "error", message);
    vp_json_close_object(&writer);
}

/* At a renewal OpenBao keeps a ProtoError's type and drops the response's text; a coded error keeps
 * both. Vault wraps the error that comes out of a renewal and so loses its code: 500 for whatever
 * was refused. What it does not lose is the type "bad request", and one text that it compares with
 * its own. */
static void adapt_to_renewal(Wire__ProtoError *error, enum vp_code code, bool on_vault)
{
    static const char OVERLOADED[] = "overloaded, try again later"; /* Vault makes a 503 of just this */

    if (on_vault && code == VP_ERR_UNAVAILABLE) {
        error->err_type = WIRE_UNKNOWN;
        error->err_msg = (char *)(uintptr_t)OVERLOADED; /* packing only reads it */
        error->err_code = 0;
    } else if (code == VP_ERR_DENIED) {
        error->err_type = on_vault ? WIRE_BAD_REQUEST : WIRE_CODED;
        error->err_code = on_vault ? 0 : 403;
    }
}

enum vp_code plugin_translate_failure(const struct vp_error *failure, enum logical_operation operation, bool on_vault,
                                      struct plugin_bytes *ret_answer, struct vp_error *err)
{
    enum vp_code code = vp_reason_code(failure->reason);
    Wire__ProtoError error = plugin_translate_error(failure);
    Wire__Response response;
    struct vp_buf body = VP_BUF_INIT(ERROR_BODY_MAX);

    wire__response__init(&response);
    /* No response at all is what the host makes a plain 404 of. */
    if (code == VP_ERR_NOT_FOUND && (operation == LOGICAL_READ || operation == LOGICAL_LIST))
        return pack_response(NULL, NULL, ret_answer, err);
    if (operation == LOGICAL_RENEW)
        adapt_to_renewal(&error, code, on_vault);
    if (!OUTCOMES[code].respond || (operation == LOGICAL_RENEW && code == VP_ERR_DENIED))
        return pack_response(NULL, &error, ret_answer, err);
    write_error_body(&body, failure->message);
    enum vp_code packed = vp_buf_check(&body, "the error", err);
    if (packed == VP_OK) {
        response.data = body.data;
        packed = pack_response(&response, OUTCOMES[code].fail ? &error : NULL, ret_answer, err);
    }
    vp_buf_clear(&body);
    return packed;
}
