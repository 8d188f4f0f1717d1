#include "ask.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vp/clock.h"

enum {
    WORDS_MAX = 400,
    HEADERS_MAX = 4,
    STATUS_TEMPORARY_REDIRECT = 307,
    STATUS_FORBIDDEN = 403,
    STATUS_NOT_FOUND = 404,
    STATUS_PRECONDITION = 412,
    STATUS_TOO_MANY = 429,
    STATUS_SERVER_ERROR = 500,
    NEW_TOKEN_MS = 1500,
    NEW_TOKEN_PAUSE_MS = 100, /* the first; each is twice as long as the one before */
};

const struct vp_json_source VAULT_ANSWER = {
    .what = "the answer",
    .reason = VP_REASON_UPSTREAM_BAD_ANSWER,
    .max_bytes = VAULT_BODY_MAX,
    .max_depth = 64,
    .max_tokens = 200000,
    .options = VP_JSON_TELLS_KEYS | VP_JSON_PASSES_ON,
};

enum vp_code vault_bad_answer(struct vp_error *err, const char *path, const char *what)
{
    (void)vp_fail(err, VP_REASON_UPSTREAM_BAD_ANSWER, "the server's answer about %.200s can't be used: %.200s", path,
                  what);
    return vp_reason_code(VP_REASON_UPSTREAM_BAD_ANSWER);
}

int64_t vault_duration_s(int64_t told_s)
{
    enum { MAX_S = 10 * 366 * 24 * 3600 };
    return told_s < 0 ? 0 : told_s < MAX_S ? told_s : MAX_S;
}

/* ---- life ---- */

enum vp_code vault_new(struct http_client *client, const struct vault_options *options, struct vault **ret_vault,
                       struct vp_error *err)
{
    struct http_site_options site = {
        .origin = options->origin,
        .ca_pem = options->ca_pem,
        .tls_server_name = options->tls_server_name,
        .client_cert = options->client_cert,
        .client_key = options->client_key,
        .max_concurrent = 1, /* one connection for all */
        .max_queued = 8,
        .max_retries = options->max_retries,
        .has_standbys = true,
        .user_agent = "arv-vault",
    };
    struct vault *vault = calloc(1, sizeof *vault);
    if (vault == NULL)
        return vp_fail_no_memory(err);
    vault->deadline_ms = options->deadline_ms;
    vault->cancel = options->cancel;
    vault->give_up = options->give_up;
    enum vp_code code = http_site_new(client, &site, &vault->site, err);
    if (code == VP_OK && options->name_space != NULL) {
        vault->name_space = strdup(options->name_space);
        if (vault->name_space == NULL)
            code = vp_fail_no_memory(err);
    }
    if (code != VP_OK) {
        vault_free(vault);
        return code;
    }
    *ret_vault = vault;
    return VP_OK;
}

void vault_free(struct vault *vault)
{
    if (vault == NULL)
        return;
    http_site_free(vault->site);
    vp_secret_free(vault->token);
    free(vault->name_space);
    free(vault);
}

void vault_set_limits(struct vault *vault, int64_t deadline_ms, struct vp_cancel *cancel, struct vp_cancel *give_up)
{
    vault->deadline_ms = deadline_ms;
    vault->cancel = cancel;
    vault->give_up = give_up;
}

enum vp_code vault_set_token(struct vault *vault, const struct vp_secret *token, struct vp_error *err)
{
    const char *text = vp_secret_reveal(token);
    size_t len = vp_secret_len(token);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            len = 0;
    if (len == 0)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the Vault token is empty, or holds blanks or control characters");
    struct vp_secret *copy = vp_secret_copy(token);
    if (copy == NULL)
        return vp_fail_no_memory(err);
    vp_secret_free(vault->token);
    vault->token = copy;
    vault->known_ms = 0;
    return VP_OK;
}

void vault_token_is_of(struct vault *vault, int64_t made_ms)
{
    vault->known_ms = made_ms + NEW_TOKEN_MS;
}

/* ---- what comes back ---- */

/* Of several lines with a list in them ("2 errors occurred:\n\t* permission denied") one line. */
static void add_phrase(struct vp_buf *words, const char *before, const char *text)
{
    static const char BLANKS[] = " \t\r\n*";
    vp_buf_add_text(words, before);
    for (size_t n = 0; *text != '\0' && n < WORDS_MAX / 2; n++) {
        size_t blanks = strspn(text, " \t\r\n") == 0 ? 0 : strspn(text, BLANKS);
        if (blanks > 0)
            vp_buf_add_text(words, text[blanks] == '\0' ? "" : " ");
        else
            vp_buf_add(words, text, 1);
        text += blanks > 0 ? blanks : 1;
    }
}

/* {"errors": ["...", ...]}: the server's own words, or nothing. */
static void add_words(const struct http_exchange *exchange, struct vp_buf *words)
{
    struct vp_json *document = NULL;
    struct vp_error unread;
    if (exchange->body.len == 0 ||
        vp_json_parse(vp_buf_text(&exchange->body), exchange->body.len, &VAULT_ANSWER, &document, &unread) != VP_OK)
        return;
    const struct vp_json *errors = vp_json_get(document, "errors");
    for (size_t i = 0; vp_json_type(errors) == VP_JSON_ARRAY && i < vp_json_len(errors); i++) {
        const struct vp_json *text = vp_json_at(errors, i);
        if (vp_json_type(text) == VP_JSON_TEXT)
            add_phrase(words, i == 0 ? ": " : "; ", vp_json_text(text));
    }
    vp_json_free(document);
}

/* `words` are the server's. A standby without a leader says 307 to where the last one was, or 500. */
static enum vp_reason reason_of(int status, const char *words, bool is_secret)
{
    if (status == STATUS_FORBIDDEN)
        return strstr(words, "invalid token") != NULL ? VP_REASON_VAULT_TOKEN : VP_REASON_FORBIDDEN;
    if (status == STATUS_TEMPORARY_REDIRECT ||
        (status == STATUS_SERVER_ERROR && strstr(words, "active cluster node not found") != NULL))
        return VP_REASON_UPSTREAM_BUSY;
    if (status == STATUS_NOT_FOUND && is_secret)
        return VP_REASON_SECRET_MISSING;
    if (status == STATUS_PRECONDITION || status == STATUS_TOO_MANY || status > STATUS_SERVER_ERROR)
        return VP_REASON_UPSTREAM_BUSY;
    return VP_REASON_VAULT_REFUSES;
}

static enum vp_code refused(const struct vault_request *request, const struct http_exchange *exchange,
                            struct vp_error *err)
{
    struct vp_buf words = VP_BUF_INIT(WORDS_MAX);
    add_words(exchange, &words);
    enum vp_reason reason = reason_of(exchange->status, vp_buf_text(&words), request->is_secret);
    if (reason == VP_REASON_SECRET_MISSING)
        (void)vp_fail(err, reason, "there is no secret at %.300s", request->path);
    else if (reason == VP_REASON_VAULT_TOKEN)
        (void)vp_fail(err, reason, "the Vault token is unknown, expired or used up");
    else if (exchange->status == STATUS_TEMPORARY_REDIRECT)
        (void)vp_fail(err, reason,
                      "%.200s: the server is a standby that can't reach its leader; try again, or name another node",
                      request->path);
    else
        (void)vp_fail(err, reason, "%.200s: the server answers %d%s", request->path, exchange->status,
                      vp_buf_text(&words));
    vp_buf_clear(&words);
    return vp_reason_code(reason);
}

static enum vp_code read_answer(const struct vault_request *request, const struct http_exchange *exchange,
                                struct vp_json **ret_document, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    *ret_document = NULL;
    if (exchange->status == 204)
        return VP_OK;
    if (exchange->status == STATUS_NOT_FOUND && request->ret_missing != NULL)
        (void)!vp_json_parse(vp_buf_text(&exchange->body), exchange->body.len, &VAULT_ANSWER, request->ret_missing,
                             &fault);
    if (exchange->status != 200)
        return refused(request, exchange, err);
    if (exchange->body.len == 0)
        return VP_OK;
    enum vp_code code =
        vp_json_parse(vp_buf_text(&exchange->body), exchange->body.len, &VAULT_ANSWER, ret_document, &fault);
    if (code == VP_OK)
        return VP_OK;
    return fault.reason == VP_REASON_UPSTREAM_BAD_ANSWER ? vault_bad_answer(err, request->path, fault.message)
                                                         : vp_fail(err, fault.reason, "%s", fault.message);
}

/* ---- asking ---- */

static void add_target(struct vp_buf *target, const struct vault_request *request)
{
    const char *segment = request->path;
    vp_buf_add_text(target, "/v1");
    while (segment != NULL) {
        size_t len = strcspn(segment, "/");
        struct vp_buf copy = VP_BUF_INIT(VAULT_PATH_MAX);
        vp_buf_add(&copy, segment, len);
        vp_buf_add_text(target, "/");
        http_escape_add(target, vp_buf_text(&copy));
        target->failed = target->failed || copy.failed; /* a path that lacks a part names something else */
        vp_buf_clear(&copy);
        segment = segment[len] == '/' ? segment + len + 1 : NULL;
    }
    if (request->query != NULL)
        vp_buf_add_text(target, request->query);
}

static enum vp_code ask_once(struct vault *vault, const struct vault_request *request, struct vp_json **ret_document,
                             struct vp_error *err)
{
    /* Without the first, an agent in between would take it for a browser's. */
    struct http_header headers[HEADERS_MAX] = { { .name = "X-Vault-Request", .text = "true" } };
    size_t n = 1;
    if (vault->name_space != NULL && !request->at_root)
        headers[n++] = (struct http_header){ .name = "X-Vault-Namespace", .text = vault->name_space };
    if (request->wrap_ttl != NULL)
        headers[n++] = (struct http_header){ .name = "X-Vault-Wrap-TTL", .text = request->wrap_ttl };
    if (!request->without_token && vault->token != NULL)
        headers[n++] = (struct http_header){ .name = "X-Vault-Token", .secret = vault->token };
    assert(n <= HEADERS_MAX);

    struct vp_buf target = VP_BUF_INIT(VAULT_TARGET_MAX);
    add_target(&target, request);
    struct http_exchange exchange = {
        .method = request->method,
        .sent_body = request->body,
        .headers = headers,
        .n_headers = n,
        .repeatable = request->repeatable,
        .target = vp_buf_text(&target),
        .body_max = VAULT_BODY_MAX,
    };
    const struct http_terms terms = { vault->deadline_ms, request->makes ? vault->give_up : vault->cancel, false };
    enum vp_code code = vp_buf_check(&target, "the path of a secret", err);
    if (code == VP_OK)
        code = http_round(vault->site, &exchange, 1, &terms, err);
    if (code == VP_OK)
        code = read_answer(request, &exchange, ret_document, err);
    http_exchange_clear(&exchange);
    vp_buf_clear(&target);
    return code;
}

/* Whether the token may be unknown there yet, and there is time to pause and ask once more. */
static bool may_ask_again(const struct vault *vault, const struct vault_request *request, int64_t pause_ms)
{
    int64_t then_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + pause_ms;
    return !request->without_token && then_ms < vault->known_ms && then_ms < vault->deadline_ms &&
           !vp_cancel_is_set(vault->cancel);
}

enum vp_code vault_ask(struct vault *vault, const struct vault_request *request, struct vp_json **ret_document,
                       struct vp_error *err)
{
    enum vp_code code = ask_once(vault, request, ret_document, err);
    for (int64_t pause_ms = NEW_TOKEN_PAUSE_MS; code == VP_ERR_DENIED && may_ask_again(vault, request, pause_ms);
         pause_ms *= 2) {
        struct vp_error fault = { 0 };
        (void)nanosleep(&(const struct timespec){ .tv_nsec = pause_ms * 1000000L }, NULL);
        enum vp_code again = ask_once(vault, request, ret_document, &fault);
        /* What keeps us from an answer takes nothing from the one that we have. */
        if (again == VP_ERR_UNAVAILABLE)
            return code;
        code = again;
        if (code != VP_OK)
            *err = fault;
    }
    if (code == VP_OK)
        *err = (struct vp_error){ 0 };
    return code;
}

enum vp_code vault_health(struct vault *vault, struct vault_health *ret_health, struct vp_error *err)
{
    static const struct vault_request REQUEST = {
        .path = "sys/health",
        .query = "?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200&drsecondarycode=200",
        .without_token = true,
        .at_root = true, /* in a namespace the server has no such path */
    };
    struct read {
        bool initialized, sealed, standby;
        const char *version;
    } read = { 0 };
    static const struct vp_json_field FIELDS[] = {
        { "initialized", VP_JSON_TO_BOOL, offsetof(struct read, initialized), 0, 0 },
        { "sealed", VP_JSON_TO_BOOL, offsetof(struct read, sealed), 0, 0 },
        { "standby", VP_JSON_TO_BOOL, offsetof(struct read, standby), 0, 0 },
        { "version", VP_JSON_TO_TEXT, offsetof(struct read, version), 0, sizeof ret_health->version - 1 },
        { 0 },
    };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_error fault = { 0 };
    VP_TRY(vault_ask(vault, &REQUEST, &document, err));
    if (vp_json_decode(document, FIELDS, &VAULT_ANSWER, &read, &fault) != VP_OK)
        return vault_bad_answer(err, REQUEST.path, fault.message);
    *ret_health =
        (struct vault_health){ .initialized = read.initialized, .sealed = read.sealed, .standby = read.standby };
    memcpy(ret_health->version, read.version, strlen(read.version));
    return VP_OK;
}
