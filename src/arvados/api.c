#include "api.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct vp_json_source ANSWER = {
    .what = "the answer",
    .reason = VP_REASON_UPSTREAM_BAD_ANSWER,
    .max_bytes = ARV_BODY_MAX,
    .max_depth = 16,
    .max_tokens = 60000,
};

/* A real discovery document holds `uuid` twice in many of its schemas (levels below the third);
 * what is read stands at the top. It has some thousands of objects, for each parameter of each
 * method one. */
static const struct vp_json_source DISCOVERY = {
    .what = "the discovery document",
    .reason = VP_REASON_UPSTREAM_BAD_ANSWER,
    .max_bytes = ARV_BODY_MAX,
    .max_depth = 16,
    .max_tokens = 400000,
    .unique_depth = 2,
};

void arv_client_free(struct arv_client *client)
{
    if (client == NULL)
        return;
    http_site_free(client->site);
    free(client);
}

static void client_freep(struct arv_client **client)
{
    arv_client_free(*client);
}

enum vp_code arv_client_new(struct http_client *http, const struct http_site_options *options,
                            struct arv_client **ret_client, struct vp_error *err)
{
    VP_AUTO(client_freep) struct arv_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return vp_fail_no_memory(err);
    VP_TRY(http_site_new(http, options, &client->site, err));
    *ret_client = VP_TAKE(client);
    return VP_OK;
}

void arv_target_build(struct vp_buf *target, const char *path, const char *const *parameters)
{
    vp_buf_add_text(target, path);
    const char *separator = "?";
    for (; parameters != NULL && parameters[0] != NULL; parameters += 2) {
        vp_buf_add_format(target, "%s%s=", separator, parameters[0]);
        http_escape_add(target, parameters[1]);
        separator = "&";
    }
}

void arv_put_list_filter(struct vp_json_writer *writer, const char *attribute, const char *comparison,
                         const struct vp_texts *operands)
{
    vp_json_open_array(writer);
    vp_json_put_text(writer, attribute);
    vp_json_put_text(writer, comparison);
    vp_json_put_texts(writer, operands);
    vp_json_close_array(writer);
}

void arv_put_filter(struct vp_json_writer *writer, const char *attribute, const char *comparison, const char *operand)
{
    vp_json_open_array(writer);
    vp_json_put_text(writer, attribute);
    vp_json_put_text(writer, comparison);
    vp_json_put_text(writer, operand);
    vp_json_close_array(writer);
}

/* ---- failures ---- */

enum vp_code arv_bad_answer(struct vp_error *err, const char *call, const char *what)
{
    (void)vp_fail(err, VP_REASON_UPSTREAM_BAD_ANSWER, "Arvados gave an answer that can't be right");
    vp_error_add_detail(err, "%s: %s", call, what);
    return vp_reason_code(VP_REASON_UPSTREAM_BAD_ANSWER);
}

enum vp_code arv_decode(const struct vp_json *object, const struct vp_json_field *fields, const char *call,
                        void *target, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    if (vp_json_decode(object, fields, &ANSWER, target, &fault) == VP_OK)
        return VP_OK;
    return arv_bad_answer(err, call, fault.message);
}

static enum vp_code told(struct vp_error *err, enum vp_reason reason, const char *words, const char *call, int status)
{
    (void)vp_fail(err, reason, "%s", words);
    vp_error_add_detail(err, "%s: status %d", call, status);
    return vp_reason_code(reason);
}

/* ---- the service token over time ---- */

enum { WORKED_LATELY_MS = 3600 * 1000, PATIENCE_MS = 600 * 1000 };

static int64_t now_ms(const struct arv_token_health *health)
{
    return health->clock->monotonic_ms(health->clock->self);
}

static void note_success(const struct arv_credentials *credentials)
{
    if (!credentials->service || credentials->health == NULL)
        return;
    atomic_store(&credentials->health->worked_ms, now_ms(credentials->health));
    atomic_store(&credentials->health->refused_ms, 0);
}

/* On a satellite the login cluster validates the service token, and while that is away Arvados answers 401. So a token that
 * worked within the last hour gets ten minutes before it is called bad. */
static bool may_work_again(struct arv_token_health *health)
{
    if (health == NULL || atomic_load(&health->worked_ms) == 0)
        return false;
    int64_t now = now_ms(health);
    int_least64_t refused = 0;
    if (atomic_compare_exchange_strong(&health->refused_ms, &refused, now))
        refused = now;
    return refused - atomic_load(&health->worked_ms) < WORKED_LATELY_MS && now - refused < PATIENCE_MS;
}

/* 401 is also what Arvados says to every token while its database is away; the callers of this
 * room know that. */
enum vp_code arv_refusal(const struct arv_credentials *credentials, const struct arv_request *request, int status,
                         struct vp_error *err)
{
    if (credentials->service && status == 401 && may_work_again(credentials->health))
        return told(err, VP_REASON_UPSTREAM_ERROR,
                    "Arvados refuses the mount's service token, which worked within the last hour; try again",
                    request->name, status);
    if (credentials->service)
        return told(err, VP_REASON_SERVICE_TOKEN,
                    status == 401
                        ? "Arvados refuses the mount's service token"
                        : "the mount's service token may not ask what is needed: its scopes or its user's rights "
                          "are too narrow",
                    request->name, status);
    if (status == 401)
        return told(err, VP_REASON_TOKEN_REJECTED, "Arvados refuses the token", request->name, status);
    return told(err, VP_REASON_TOKEN_SCOPE, "the token's scopes are too narrow", request->name, status);
}

/* A change that Arvados does not make: {"errors": ["...", ...]} says why. */
static enum vp_code judge_change(const struct arv_request *request, const struct http_exchange *exchange,
                                 struct vp_error *err)
{
    struct vp_json *document = NULL;
    struct vp_error unread;
    if (exchange->status == 403)
        return told(err, VP_REASON_FORBIDDEN, "Arvados does not let this token change it: that takes an admin's token",
                    request->name, exchange->status);
    if (vp_json_parse(vp_buf_text(&exchange->body), exchange->body.len, &ANSWER, &document, &unread) != VP_OK)
        document = NULL;
    const struct vp_json *words = vp_json_at(vp_json_get(document, "errors"), 0);
    (void)vp_fail(err, VP_REASON_BAD_REQUEST, "Arvados answers %d: %.300s", exchange->status,
                  vp_json_type(words) == VP_JSON_TEXT ? vp_json_text(words) : "no reason given");
    vp_json_free(document);
    return vp_reason_code(VP_REASON_BAD_REQUEST);
}

static enum vp_code judge_status(const struct arv_credentials *credentials, const struct arv_request *request,
                                 const struct http_exchange *exchange, struct vp_error *err)
{
    int status = exchange->status;
    if (status == 200)
        return VP_OK;
    if (request->method != HTTP_GET && status != 401 && status != 429 && status < 500)
        return judge_change(request, exchange, err);
    if (status == 401 || status == 403)
        return arv_refusal(credentials, request, status, err);
    if (status == 404 && request->not_found != VP_REASON_NONE)
        return told(err, request->not_found, "the token is not a container's", request->name, status);
    /* How an Arvados with more requests than it takes answers: an empty body and no Retry-After. */
    if (status == 429 || (status == 503 && exchange->body.len == 0))
        return told(err, VP_REASON_UPSTREAM_BUSY, "Arvados is overloaded; try again", request->name, status);
    if (status >= 500)
        return told(err, VP_REASON_UPSTREAM_ERROR, "Arvados answers with an error of its own", request->name, status);
    return told(err, VP_REASON_UPSTREAM_BAD_ANSWER, "Arvados gave an answer that can't be right", request->name,
                status);
}

/* What Arvados itself says. Its Go services put the request before it: "request failed: https://.../containers/current:
 * 404 Not Found: <message>", so a word of the path proves nothing. */
static const char *own_message(const char *text)
{
    for (const char *colon = strstr(text, ": "); colon != NULL; colon = strstr(text, ": "))
        text = colon + 2;
    return text;
}

/* A 404 alone may be a proxy's, or for a path that this Arvados does not have. */
static enum vp_code find_missing(const struct arv_request *request, const struct http_exchange *exchange,
                                 bool *ret_missing, struct vp_error *err)
{
    struct vp_json *document = NULL;
    if (exchange->status != 404 || request->missing_word == NULL) {
        *ret_missing = exchange->status == 404;
        return VP_OK;
    }
    if (vp_json_parse(vp_buf_text(&exchange->body), exchange->body.len, &ANSWER, &document, err) != VP_OK)
        return err->reason == VP_REASON_INTERNAL ? VP_ERR_INTERNAL : VP_OK;
    const struct vp_json *words = vp_json_at(vp_json_get(document, "errors"), 0);
    *ret_missing =
        vp_json_type(words) == VP_JSON_TEXT && strstr(own_message(vp_json_text(words)), request->missing_word) != NULL;
    vp_json_free(document);
    return VP_OK;
}

/* Higher wins when several calls of a round fail. */
static int weight(enum vp_reason reason)
{
    static const int BY_CODE[] = {
        [VP_ERR_INTERNAL] = 7, [VP_ERR_HOST] = 7, [VP_ERR_UNAVAILABLE] = 6, [VP_ERR_UPSTREAM] = 5, [VP_ERR_DENIED] = 1,
    };
    if (reason == VP_REASON_CANCELLED)
        return 8;
    /* Where both are refused it may be that all are: the login's is the one that is looked into. */
    if (reason == VP_REASON_TOKEN_REJECTED)
        return 4;
    if (reason == VP_REASON_SERVICE_TOKEN)
        return 3;
    if (reason == VP_REASON_TOKEN_SCOPE)
        return 2;
    enum vp_code code = vp_reason_code(reason);
    return (size_t)code < VP_LEN(BY_CODE) ? BY_CODE[code] : 0;
}

/* ---- asking ---- */

static const struct vp_json_source *source_of(const struct arv_request *request)
{
    return request->source == NULL ? &ANSWER : request->source;
}

/* For the caller to judge; an answer that is no JSON is fine but for a 200. */
static enum vp_code take_any(struct arv_request *request, const struct http_exchange *exchange, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    request->status = exchange->status;
    if (vp_json_parse(vp_buf_text(&exchange->body), exchange->body.len, &ANSWER, &request->document, &fault) == VP_OK)
        return VP_OK;
    if (fault.reason == VP_REASON_INTERNAL) {
        *err = fault;
        return VP_ERR_INTERNAL;
    }
    return exchange->status == 200 ? arv_bad_answer(err, request->name, "it is not the JSON that it should be") : VP_OK;
}

static enum vp_code read_answer(const struct arv_credentials *credentials, struct arv_request *request,
                                const struct http_exchange *exchange, struct vp_error *err)
{
    if (exchange->error.reason != VP_REASON_NONE) {
        request->unreadable = exchange->error.reason == VP_REASON_UPSTREAM_BAD_ANSWER;
        *err = exchange->error;
        vp_error_add_detail(err, "%s", request->name);
        return vp_reason_code(err->reason);
    }
    if (request->may_be_missing)
        VP_TRY(find_missing(request, exchange, &request->missing, err));
    if (request->missing)
        return VP_OK;
    if (request->any_status && exchange->status < 500 && exchange->status != 429)
        return take_any(request, exchange, err);
    VP_TRY(judge_status(credentials, request, exchange, err));
    note_success(credentials);
    struct vp_error fault = { 0 };
    enum vp_code code =
        vp_json_parse_sparse(vp_buf_text(&exchange->body), exchange->body.len, source_of(request), request->sparse,
                             &request->document, &fault);
    request->unreadable = code != VP_OK && fault.reason == VP_REASON_UPSTREAM_BAD_ANSWER;
    if (request->unreadable)
        return arv_bad_answer(err, request->name, fault.message);
    if (code != VP_OK)
        *err = fault;
    return code;
}

static const struct arv_credentials *credentials_of(const struct arv_credentials *of_round,
                                                    const struct arv_request *request)
{
    return request->credentials == NULL ? of_round : request->credentials;
}

static enum vp_code read_answers(const struct arv_credentials *credentials, struct arv_request *requests,
                                 struct http_exchange *exchanges, size_t n, struct vp_error *err)
{
    struct vp_error worst = { 0 };
    for (size_t i = 0; i < n; i++) {
        struct vp_error fault = { 0 };
        if (read_answer(credentials_of(credentials, &requests[i]), &requests[i], &exchanges[i], &fault) == VP_OK)
            continue;
        if (worst.reason == VP_REASON_NONE || weight(fault.reason) > weight(worst.reason))
            worst = fault;
    }
    if (worst.reason == VP_REASON_NONE)
        return VP_OK;
    *err = worst;
    return vp_reason_code(worst.reason);
}

/* Arvados answers one 401 to a good token when its database was away for a moment. */
static bool is_worth_repeating(const struct arv_credentials *credentials, const struct arv_request *request,
                               const struct http_exchange *exchange)
{
    return exchange->status == 401 && request->method == HTTP_GET && credentials_of(credentials, request)->service;
}

static enum vp_code send_round(struct arv_client *client, const struct arv_credentials *credentials,
                               struct arv_request *requests, size_t n, bool *ret_repeat, struct vp_error *err)
{
    struct http_exchange exchanges[ARV_ROUND_MAX] = { 0 };
    struct vp_error fault = { 0 };
    assert(n <= ARV_ROUND_MAX);
    for (size_t i = 0; i < n; i++) {
        VP_TRY(vp_buf_check(&requests[i].target, "a request to Arvados", err));
        exchanges[i].method = requests[i].method;
        exchanges[i].sent_body = requests[i].body;
        exchanges[i].target = vp_buf_text(&requests[i].target);
        exchanges[i].bearer = credentials_of(credentials, &requests[i])->token;
        exchanges[i].shared = credentials_of(credentials, &requests[i])->service;
        exchanges[i].request_id = credentials->request_id;
        exchanges[i].repeatable = requests[i].repeatable;
        exchanges[i].once = requests[i].once;
        exchanges[i].unique = requests[i].unique;
        exchanges[i].may_redirect = requests[i].any_status;
        exchanges[i].body_max = source_of(&requests[i])->max_bytes;
    }
    const struct http_terms terms = { credentials->deadline_ms, credentials->cancel, credentials->yields };
    enum vp_code code = http_round(client->site, exchanges, n, &terms, &fault);
    /* Its failure stands in the exchange as well, but for one before anything was tried. */
    enum vp_code read = read_answers(credentials, requests, exchanges, n, err);
    for (size_t i = 0; i < n; i++) {
        *ret_repeat = *ret_repeat || is_worth_repeating(credentials, &requests[i], &exchanges[i]);
        http_exchange_clear(&exchanges[i]);
    }
    if (read == VP_OK && code != VP_OK) {
        *err = fault;
        return code;
    }
    return read;
}

enum vp_code arv_send(struct arv_client *client, const struct arv_credentials *credentials,
                      struct arv_request *requests, size_t n, struct vp_error *err)
{
    bool repeat = false;
    enum vp_code code = send_round(client, credentials, requests, n, &repeat, err);
    if (!repeat)
        return code;
    for (size_t i = 0; i < n; i++) {
        vp_json_freep(&requests[i].document);
        requests[i].missing = false;
    }
    return send_round(client, credentials, requests, n, &repeat, err);
}

void arv_request_clear(struct arv_request *request)
{
    vp_buf_clear(&request->target);
    vp_json_freep(&request->document);
}

void arv_round_clear(struct arv_round *round)
{
    for (size_t i = 0; i < VP_LEN(round->requests); i++)
        arv_request_clear(&round->requests[i]);
}

/* ---- discovery ---- */

struct discovery {
    const char *cluster_id;
    const char *version;
    const char *revision;
    const struct vp_json *resources;
};

static const struct vp_json_field DISCOVERY_FIELDS[] = {
    { "uuidPrefix", VP_JSON_TO_TEXT, offsetof(struct discovery, cluster_id), 0, ARV_CLUSTER_LEN },
    { "packageVersion", VP_JSON_TO_TEXT, offsetof(struct discovery, version), VP_JSON_OR_NULL | VP_JSON_OR_MISSING,
      63 },
    { "revision", VP_JSON_TO_TEXT, offsetof(struct discovery, revision), VP_JSON_OR_NULL | VP_JSON_OR_MISSING, 63 },
    { "resources", VP_JSON_TO_OBJECT, offsetof(struct discovery, resources), VP_JSON_OR_NULL | VP_JSON_OR_MISSING, 0 },
    { 0 },
};

enum vp_code arv_discover(struct arv_client *client, const struct arv_credentials *credentials,
                          struct arv_discovery *ret_discovery, struct vp_error *err)
{
    VP_AUTO(arv_request_clear)
    struct arv_request request = { .name = "discovery", .target = VP_BUF_INIT(ARV_TARGET_MAX), .source = &DISCOVERY };
    struct arv_credentials nobody = *credentials;
    struct discovery read = { 0 };
    nobody.token = NULL;
    nobody.service = false;
    arv_target_build(&request.target, "/discovery/v1/apis/arvados/v1/rest", NULL);
    VP_TRY(arv_send(client, &nobody, &request, 1, err));
    VP_TRY(arv_decode(request.document, DISCOVERY_FIELDS, request.name, &read, err));
    if (!arv_is_cluster_id(read.cluster_id))
        return arv_bad_answer(err, request.name, "uuidPrefix is no cluster id");
    *ret_discovery = (struct arv_discovery){
        .has_computed_permissions = vp_json_get(read.resources, "computed_permissions") != NULL,
    };
    memcpy(ret_discovery->cluster_id, read.cluster_id, ARV_CLUSTER_LEN);
    if (read.version != NULL)
        memcpy(ret_discovery->version, read.version, strlen(read.version));
    if (read.revision != NULL)
        memcpy(ret_discovery->revision, read.revision, strlen(read.revision));
    return VP_OK;
}
