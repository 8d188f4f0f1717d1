/* serve: one session for another program, as a Python interpreter. Requests are lines of JSON on standard input, answers are
 * lines of JSON on standard output (docs/reference/client.md). It ends when standard input ends. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vp/json.h"

#include "cmd_token.h"
#include "commands.h"
#include "exit.h"
#include "files.h"
#include "live.h"
#include "output.h"
#include "ref.h"
#include "signals.h"

enum { LINE_MAX_BYTES = CLI_OUTPUT_MAX, PIECE = 65536, POLL_MAX_MS = 3600 * 1000 };

static const struct vp_json_source REQUEST = {
    .what = "the request",
    .reason = VP_REASON_USAGE,
    .max_bytes = LINE_MAX_BYTES,
    .max_depth = 40,
    .max_tokens = 200000,
    .options = VP_JSON_TELLS_KEYS | VP_JSON_PASSES_ON,
};

/* ---- requests ---- */

struct request {
    const char *operation;
    const char *reference;
    const char *path;
    const struct vp_json *data;
    const struct vp_json *value;
    int64_t version;
    bool check;
    bool optional;
};

static const struct vp_json_field REQUEST_FIELDS[] = {
    { "do", VP_JSON_TO_TEXT, offsetof(struct request, operation), 0, 40 },
    { "ref", VP_JSON_TO_TEXT, offsetof(struct request, reference), VP_JSON_OR_MISSING, 0 },
    { "path", VP_JSON_TO_TEXT, offsetof(struct request, path), VP_JSON_OR_MISSING, 0 },
    { "data", VP_JSON_TO_OBJECT, offsetof(struct request, data), VP_JSON_OR_MISSING, 0 },
    { "version", VP_JSON_TO_INT, offsetof(struct request, version), VP_JSON_OR_MISSING, 0 },
    { "check", VP_JSON_TO_BOOL, offsetof(struct request, check), VP_JSON_OR_MISSING, 0 },
    { "optional", VP_JSON_TO_BOOL, offsetof(struct request, optional), VP_JSON_OR_MISSING, 0 },
    { 0 },
};

/* A mistyped field must not silently turn a check off. */
static enum vp_code check_field(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    (void)context;
    (void)value;
    for (const struct vp_json_field *field = REQUEST_FIELDS; field->key != NULL; field++)
        if (strcmp(field->key, key) == 0)
            return VP_OK;
    if (strcmp(key, "id") == 0 || strcmp(key, "value") == 0)
        return VP_OK;
    return vp_fail(err, VP_REASON_USAGE, "the request has an unknown field \"%.40s\"", key);
}

static enum vp_code read_request(const struct vp_json *document, struct request *ret_request, struct vp_error *err)
{
    struct request request = { .version = -1, .check = true };
    if (vp_json_type(document) != VP_JSON_OBJECT)
        return vp_fail(err, VP_REASON_USAGE, "the request is not a JSON object");
    VP_TRY(vp_json_each(document, check_field, NULL, err));
    VP_TRY(vp_json_decode(document, REQUEST_FIELDS, &REQUEST, &request, err));
    request.value = vp_json_get(document, "value");
    if (request.version < -1)
        return vp_fail(err, VP_REASON_USAGE, "the field \"version\" of the request must not be negative");
    *ret_request = request;
    return VP_OK;
}

static enum vp_code need(const void *field, const struct request *request, const char *name, struct vp_error *err)
{
    if (field != NULL)
        return VP_OK;
    return vp_fail(err, VP_REASON_USAGE, "the request \"%.40s\" needs the field \"%s\"", request->operation, name);
}

/* ---- operations ---- */

/* One request at work, and where its result goes: an open object. */
struct job {
    struct cli_live *live;
    const struct request *request;
    struct vp_json_writer *result;
};

static enum vp_code put_field(struct cli_session *session, const struct cli_ref *ref, struct job *job,
                              struct vp_error *err)
{
    struct vault_secret secret = { 0 };
    enum vp_code code = vault_read(session->vault, ref->path, &secret, err);
    const struct vp_json *value = ref->field == NULL ? secret.data : vp_json_get(secret.data, ref->field);
    if (code == VP_OK)
        code = cli_live_add_lease(job->live, &secret, err);
    if (code == VP_OK && vp_json_type(value) == VP_JSON_NULL)
        code =
            vp_fail(err, VP_REASON_SECRET_MISSING, "the secret at %.200s has no field %.100s", ref->path, ref->field);
    if (code == VP_OK) {
        vp_json_put_key(job->result, ref->field == NULL ? "data" : "value");
        vp_json_put_value(job->result, value);
        if (secret.version > 0)
            vp_json_add_int(job->result, "version", secret.version);
    }
    vault_secret_clear(&secret);
    return code;
}

static enum vp_code do_get(struct cli_session *session, void *context, struct vp_error *err)
{
    struct job *job = context;
    struct cli_ref ref;
    VP_TRY(need(job->request->reference, job->request, "ref", err));
    VP_TRY(cli_ref_parse(job->request->reference, strlen(job->request->reference), &ref, err));
    enum vp_code code = put_field(session, &ref, job, err);
    if (code == VP_ERR_NOT_FOUND && ref.optional) {
        vp_json_add_bool(job->result, "absent", true);
        code = VP_OK;
    }
    cli_ref_clear(&ref);
    return code;
}

/* With "optional" a missing secret is a result: no data, and the version that a write has to replace. */
static enum vp_code do_get_all(struct cli_session *session, void *context, struct vp_error *err)
{
    struct job *job = context;
    int64_t version = 0;
    VP_TRY(need(job->request->path, job->request, "path", err));
    struct cli_ref ref = { .path = (char *)(uintptr_t)job->request->path };
    enum vp_code code = put_field(session, &ref, job, err);
    if (code != VP_ERR_NOT_FOUND || !job->request->optional)
        return code;
    VP_TRY(vault_absent_version(session->vault, ref.path, &version, err));
    vp_json_add_int(job->result, "version", version);
    return VP_OK;
}

static enum vp_code do_set_all(struct cli_session *session, void *context, struct vp_error *err)
{
    struct job *job = context;
    const struct request *request = job->request;
    int64_t version = !request->check        ? VAULT_ANY_VERSION
                      : request->version < 0 ? VAULT_CURRENT_VERSION
                                             : request->version;
    VP_TRY(need(request->path, request, "path", err));
    VP_TRY(need(request->data, request, "data", err));
    VP_TRY(vault_write_all(session->vault, request->path, request->data, version, &version, err));
    if (version > 0)
        vp_json_add_int(job->result, "version", version);
    return VP_OK;
}

static enum vp_code do_put(struct cli_session *session, void *context, struct vp_error *err)
{
    struct job *job = context;
    int64_t version = 0;
    struct cli_ref ref;
    VP_TRY(need(job->request->reference, job->request, "ref", err));
    VP_TRY(need(job->request->value, job->request, "value", err));
    VP_TRY(cli_ref_parse(job->request->reference, strlen(job->request->reference), &ref, err));
    enum vp_code code =
        ref.field == NULL || ref.optional
            ? vp_fail(err, VP_REASON_USAGE, "put needs a reference like secret/genomics/db#password")
            : vault_write_field(session->vault, ref.path, ref.field, job->request->value, true, &version, err);
    if (code == VP_OK)
        vp_json_add_int(job->result, "version", version);
    cli_ref_clear(&ref);
    return code;
}

static enum vp_code do_whoami(struct cli_session *session, void *context, struct vp_error *err)
{
    struct job *job = context;
    return cli_cmd_token_add_whoami(session, job->result, err);
}

/* A token for the caller, which is neither used nor revoked here. */
static enum vp_code do_login(struct cli_session *session, void *context, struct vp_error *err)
{
    struct job *job = context;
    struct vault_login login = { 0 };
    VP_TRY(cli_session_get_login(session, &login, err));
    vp_json_add_text(job->result, "token", vp_secret_reveal(login.token));
    vp_json_add_int(job->result, "ttl", login.ttl_s);
    vp_json_add_bool(job->result, "renewable", login.renewable);
    vp_json_put_key(job->result, "policies");
    if (vp_json_get(login.auth, "policies") == NULL)
        vp_json_put_null(job->result);
    else
        vp_json_put_value(job->result, vp_json_get(login.auth, "policies"));
    vault_login_clear(&login);
    return VP_OK;
}

static const struct {
    const char *name;
    cli_session_work work;
    bool without_token;
} OPERATIONS[] = {
    { "get", do_get, false }, { "get_all", do_get_all, false }, { "set_all", do_set_all, false },
    { "put", do_put, false }, { "whoami", do_whoami, false },   { "login", do_login, true },
};

static enum vp_code run_operation(struct job *job, struct vp_error *err)
{
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++)
        if (strcmp(OPERATIONS[i].name, job->request->operation) == 0)
            return cli_live_run(job->live, OPERATIONS[i].work, job, !OPERATIONS[i].without_token, err);
    return vp_fail(err, VP_REASON_USAGE, "the request has an unknown operation \"%.40s\"", job->request->operation);
}

/* ---- answers ---- */

static void add_error(struct vp_json_writer *writer, const struct vp_error *fault)
{
    struct vp_buf message = VP_BUF_INIT(sizeof fault->message + sizeof fault->detail + 4);
    vp_buf_add_text(&message, fault->message);
    if (fault->detail[0] != '\0')
        vp_buf_add_format(&message, " (%s)", fault->detail);
    vp_json_put_key(writer, "error");
    vp_json_open_object(writer);
    vp_json_add_int(writer, "status", cli_exit_status(fault));
    vp_json_add_text(writer, "reason", vp_reason_word(fault->reason));
    vp_json_add_text(writer, "message", vp_buf_text(&message));
    vp_json_close_object(writer);
    vp_buf_clear(&message);
}

/* Opens {"id": ..., with the id as it came; null if none could be read. */
static void open_answer(struct vp_json_writer *writer, struct vp_buf *line, const struct vp_json *document)
{
    const struct vp_json *id = vp_json_get(document, "id");
    vp_json_begin(writer, line);
    vp_json_open_object(writer);
    vp_json_put_key(writer, "id");
    if (vp_json_type(id) == VP_JSON_INT || vp_json_type(id) == VP_JSON_TEXT)
        vp_json_put_value(writer, id);
    else
        vp_json_put_null(writer);
}

static enum vp_code send_line(struct vp_buf *line, struct vp_error *err)
{
    vp_buf_add_text(line, "\n");
    VP_TRY(vp_buf_check(line, "an answer", err));
    return cli_output_raw(line, err);
}

static enum vp_code answer_error(const struct vp_json *document, const struct vp_error *fault, struct vp_error *err)
{
    struct vp_buf line = VP_BUF_INIT(LINE_MAX_BYTES);
    struct vp_json_writer writer;
    open_answer(&writer, &line, document);
    add_error(&writer, fault);
    vp_json_close_object(&writer);
    enum vp_code code = send_line(&line, err);
    vp_buf_clear(&line);
    return code;
}

struct serve {
    struct vp_buf input;
    struct cli_live live;
    bool began; /* the settings are good, and there is a connection */
    bool ended; /* by "quit" */
};

static enum vp_code answer(struct serve *serve, const struct vp_json *document, const struct request *request,
                           struct vp_error *err)
{
    struct vp_buf line = VP_BUF_INIT(LINE_MAX_BYTES);
    struct vp_json_writer writer;
    struct vp_error fault = { 0 };
    struct job job = { .live = &serve->live, .request = request, .result = &writer };
    open_answer(&writer, &line, document);
    vp_json_put_key(&writer, "result");
    vp_json_open_object(&writer);
    serve->ended = strcmp(request->operation, "quit") == 0;
    enum vp_code code = serve->ended ? VP_OK : run_operation(&job, &fault);
    vp_json_close_object(&writer);
    vp_json_close_object(&writer);
    if (code == VP_OK)
        code = vp_buf_check(&line, "the answer", &fault);
    code = code == VP_OK ? send_line(&line, err) : answer_error(document, &fault, err);
    vp_buf_clear(&line);
    return code;
}

/* `refusal`: why nothing can be done, or NULL. Fails only if an answer can't be written. */
static enum vp_code serve_line(struct serve *serve, size_t len, const struct vp_error *refusal, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct request request;
    struct vp_error fault = { 0 };
    enum vp_code code = vp_json_parse(vp_buf_text(&serve->input), len, &REQUEST, &document, &fault);
    if (code == VP_OK)
        code = read_request(document, &request, &fault);
    if (code != VP_OK)
        return answer_error(document, &fault, err);
    if (refusal != NULL)
        return answer_error(document, refusal, err);
    return answer(serve, document, &request, err);
}

/* ---- lines ---- */

/* Forgets the first `len` bytes. */
static void drop_input(struct vp_buf *input, size_t len)
{
    struct vp_buf rest = VP_BUF_INIT(input->max);
    vp_buf_add(&rest, input->data + len, input->len - len);
    vp_buf_clear(input);
    *input = rest;
}

static enum vp_code read_fault(struct vp_error *err)
{
    char why[128];
    return vp_fail(err, VP_REASON_LOCAL_IO, "can't read standard input: %s", strerror_r(errno, why, sizeof why));
}

/* Waits for a piece of input; renews meanwhile. *ret_ended: there is no more. */
static enum vp_code read_piece(struct serve *serve, bool *ret_ended, struct vp_error *err)
{
    char piece[PIECE];
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    int64_t wait_ms = serve->began ? cli_live_wait_ms(&serve->live) : -1;
    *ret_ended = cli_signals_came() != 0;
    if (*ret_ended)
        return VP_OK;
    int ready = poll(&input, 1, wait_ms > POLL_MAX_MS ? POLL_MAX_MS : (int)wait_ms);
    if (ready < 0)
        return errno == EINTR ? VP_OK : read_fault(err);
    if (ready == 0) {
        cli_live_renew(&serve->live);
        return VP_OK;
    }
    ssize_t len = read(STDIN_FILENO, piece, sizeof piece);
    if (len < 0)
        return errno == EINTR || errno == EAGAIN ? VP_OK : read_fault(err);
    *ret_ended = len == 0;
    vp_buf_add(&serve->input, piece, (size_t)len);
    vp_wipe(piece, sizeof piece);
    if (serve->input.failed)
        return vp_fail(err, VP_REASON_USAGE, "a request is longer than %d bytes", LINE_MAX_BYTES);
    return VP_OK;
}

static enum vp_code serve_lines(struct serve *serve, const struct vp_error *refusal, struct vp_error *err)
{
    bool input_ended = false;
    while (!serve->ended && !input_ended) {
        const char *start = vp_buf_text(&serve->input);
        const char *end = memchr(start, '\n', serve->input.len);
        if (end == NULL) {
            VP_TRY(read_piece(serve, &input_ended, err));
            continue;
        }
        size_t len = (size_t)(end - start);
        VP_TRY(serve_line(serve, len, refusal, err));
        drop_input(&serve->input, len + 1);
    }
    return VP_OK;
}

static enum vp_code serve_session(struct cli_session *session, void *context, struct vp_error *err)
{
    struct serve *serve = context;
    cli_session_end_progress(session);
    cli_live_init(&serve->live, session);
    serve->began = true;
    enum vp_code code = serve_lines(serve, NULL, err);
    cli_live_clear(&serve->live);
    return code;
}

COMMAND(cli_cmd_serve)
{
    const struct cli_session_need how = { .args = args, .only_connect = true };
    struct serve serve = { .input = VP_BUF_INIT(LINE_MAX_BYTES) };
    struct vp_error fault = { 0 };
    (void)ret_status;
    if (!args->stdio)
        return vp_fail(err, VP_REASON_USAGE, "option \"--stdio\": required; requests come from standard input");
    if ((args->token_file != NULL && strcmp(args->token_file, "-") == 0) ||
        (args->arvados_token_file != NULL && strcmp(args->arvados_token_file, "-") == 0))
        return vp_fail(err, VP_REASON_USAGE, "standard input holds the requests: no token can come from it");
    enum vp_code code = cli_session_run(command, &how, serve_session, &serve, &fault);
    /* What is wrong with the settings is the answer to each request. */
    if (code != VP_OK && !serve.began)
        code = serve_lines(&serve, &fault, err);
    else if (code != VP_OK)
        *err = fault;
    vp_buf_clear(&serve.input);
    return code;
}
