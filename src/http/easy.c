#include "easy.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vp/clock.h"

enum {
    HEADER_BYTES_MAX = 64 * 1024, /* of one answer, interim answers and trailers included */
    AUTHORIZATION_MAX = 4096,
    RETRY_AFTER_MAX_S = 30,
    CONNECT_SHARE = 3, /* connecting may take a third of the budget, so that another try fits in */
    STATUS_TOO_MANY = 429,
    STATUS_SERVER_ERROR = 500,
    STATUS_TEMPORARY_REDIRECT = 307,
    STATUS_UNAVAILABLE = 503,
    STATUS_NO_CONTENT = 204,
};

struct http_try {
    CURL *easy;
    struct curl_slist *headers; /* holds the bearer token */
    struct http_site *site;
    struct http_exchange *exchange;
    int64_t started_ms;
    size_t header_bytes;
    bool has_length;
    bool chunked;
    const char *refusal; /* why we ended it ourselves; NULL: we did not */
    int64_t retry_after_s;
    char curl_text[CURL_ERROR_SIZE];
    struct http_try *next; /* in the site's list of idle ones */
};

/* ---- what comes back ---- */

static size_t take_body(char *bytes, size_t size, size_t n, void *context)
{
    struct http_try *attempt = context;
    size_t len = size * n;
    if (len > attempt->exchange->body_max - attempt->exchange->body.len) {
        attempt->refusal = "its body is larger than allowed";
        return 0;
    }
    vp_buf_add(&attempt->exchange->body, bytes, len);
    return attempt->exchange->body.failed ? 0 : len;
}

/* We ask for none; unpacking one could make gigabytes of a few bytes. */
static void take_content_encoding(struct http_try *attempt, const char *value, size_t len)
{
    (void)value;
    (void)len;
    attempt->refusal = "its body is compressed";
}

static void take_content_length(struct http_try *attempt, const char *value, size_t len)
{
    (void)value;
    (void)len;
    if (attempt->has_length)
        attempt->refusal = "it names two lengths";
    attempt->has_length = true;
}

static void take_transfer_encoding(struct http_try *attempt, const char *value, size_t len)
{
    if (attempt->chunked || len != strlen("chunked") || strncasecmp(value, "chunked", len) != 0)
        attempt->refusal = "its transfer encoding is unknown";
    attempt->chunked = true;
}

/* Whole seconds only; a date, or more than we would wait, is as good as none. */
static void take_retry_after(struct http_try *attempt, const char *value, size_t len)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9' || seconds > RETRY_AFTER_MAX_S)
            return;
        seconds = seconds * 10 + (value[i] - '0');
    }
    if (seconds <= RETRY_AFTER_MAX_S)
        attempt->retry_after_s = seconds;
}

static const struct {
    const char *name;
    void (*take)(struct http_try *attempt, const char *value, size_t len);
} HEADERS[] = {
    { "content-encoding", take_content_encoding },
    { "content-length", take_content_length },
    { "transfer-encoding", take_transfer_encoding },
    { "retry-after", take_retry_after },
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **text, size_t *len)
{
    while (*len > 0 && is_space(**text)) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && is_space((*text)[*len - 1]))
        (*len)--;
}

static void take_header_line(struct http_try *attempt, const char *line, size_t len)
{
    static const char STATUS_LINE[] = "HTTP/";
    if (len >= strlen(STATUS_LINE) && memcmp(line, STATUS_LINE, strlen(STATUS_LINE)) == 0) {
        attempt->has_length = false;
        attempt->chunked = false;
        return;
    }
    const char *colon = memchr(line, ':', len);
    if (colon == NULL)
        return;
    const char *name = line;
    size_t name_len = (size_t)(colon - line);
    const char *value = colon + 1;
    size_t value_len = len - name_len - 1;
    trim(&name, &name_len);
    trim(&value, &value_len);
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++)
        if (strlen(HEADERS[i].name) == name_len && strncasecmp(HEADERS[i].name, name, name_len) == 0)
            HEADERS[i].take(attempt, value, value_len);
}

static size_t take_header(char *bytes, size_t size, size_t n, void *context)
{
    struct http_try *attempt = context;
    size_t len = size * n;
    if (len > HEADER_BYTES_MAX - attempt->header_bytes) {
        attempt->refusal = "its headers are larger than allowed";
        return 0;
    }
    attempt->header_bytes += len;
    take_header_line(attempt, bytes, len);
    return attempt->refusal == NULL ? len : 0;
}

/* ---- options ---- */

/* The same for every transfer. Nothing of libcurl's defaults, of the environment or of the server decides here. */
#define OPTION(name) CURLOPT_##name, #name
static const struct {
    CURLoption option;
    const char *name;
    long number;
} NUMBERS[] = {
    { OPTION(HTTPGET), 1 },
    { OPTION(NOSIGNAL), 1 },
    { OPTION(NOPROGRESS), 1 },
    /* A resolver thread that hangs must not hold up this thread when its transfer is given up. */
    { OPTION(QUICK_EXIT), 1 },

    { OPTION(SSLVERSION), CURL_SSLVERSION_TLSv1_2 },
    { OPTION(SSL_VERIFYPEER), 1 },
    { OPTION(SSL_VERIFYHOST), 2 },
    /* A session that is resumed brings no certificate to look at: one that ended meanwhile would be taken. */
    { OPTION(SSL_SESSIONID_CACHE), 0 },

    { OPTION(HTTP_VERSION), CURL_HTTP_VERSION_1_1 },
    { OPTION(HTTP09_ALLOWED), 0 },
    { OPTION(HTTP_CONTENT_DECODING), 0 },
    { OPTION(HTTP_TRANSFER_DECODING), 1 },
    { OPTION(TRANSFER_ENCODING), 0 },
    { OPTION(FAILONERROR), 0 },
    { OPTION(DISALLOW_USERNAME_IN_URL), 1 },

    { OPTION(FOLLOWLOCATION), 0 },
    { OPTION(MAXREDIRS), 0 },
    { OPTION(AUTOREFERER), 0 },
    { OPTION(UNRESTRICTED_AUTH), 0 },
    { OPTION(NETRC), CURL_NETRC_IGNORED },
    { OPTION(HTTPAUTH), CURLAUTH_NONE },
    { OPTION(PROXYAUTH), CURLAUTH_NONE },
    { OPTION(HSTS_CTRL), 0 },

    { OPTION(TCP_NODELAY), 1 },
    { OPTION(TCP_KEEPALIVE), 1 },
    { OPTION(FORBID_REUSE), 0 },
    { OPTION(MAXAGE_CONN), 60 },
    { OPTION(MAXLIFETIME_CONN), 600 },
    { OPTION(DNS_CACHE_TIMEOUT), 60 },
    /* Only for long budgets: the total deadline is the limit that matters. Waiting for an answer counts as slow. */
    { OPTION(LOW_SPEED_LIMIT), 16 },
    { OPTION(LOW_SPEED_TIME), 20 },
};

static const struct {
    CURLoption option;
    const char *name;
    const char *text;
} TEXTS[] = {
    { OPTION(REDIR_PROTOCOLS_STR), "https" },
    { OPTION(PROXY), "" }, /* none, whatever the environment says */
    { OPTION(PRE_PROXY), "" },
    { OPTION(NOPROXY), "" },
    { OPTION(ACCEPT_ENCODING), NULL },
    { OPTION(CAINFO), NULL },
    { OPTION(USERPWD), NULL },
};

/* Options that depend on the transfer; the first failure sticks. */
struct setter {
    CURL *easy;
    CURLcode code;
    const char *name;
};

#define SET(setter, option_name, value)                                                      \
    do {                                                                                     \
        if ((setter)->code == CURLE_OK) {                                                    \
            (setter)->code = curl_easy_setopt((setter)->easy, CURLOPT_##option_name, value); \
            (setter)->name = #option_name;                                                   \
        }                                                                                    \
    } while (0)

static void set_fixed(struct setter *setter)
{
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS && setter->code == CURLE_OK; i++) {
        setter->code = curl_easy_setopt(setter->easy, NUMBERS[i].option, NUMBERS[i].number);
        setter->name = NUMBERS[i].name;
    }
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS && setter->code == CURLE_OK; i++) {
        setter->code = curl_easy_setopt(setter->easy, TEXTS[i].option, TEXTS[i].text);
        setter->name = TEXTS[i].name;
    }
}

/* The body is borrowed by libcurl for the time of the transfer. */
static void set_method(struct setter *setter, const struct http_exchange *exchange)
{
    static const char *const NAMES[] = {
        [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"
    };
    if (exchange->method == HTTP_GET)
        return;
    /* On a connection that was used before and broke, libcurl would send the request once more of itself. */
    SET(setter, FRESH_CONNECT, exchange->repeatable ? 0L : 1L);
    if (exchange->method != HTTP_DELETE) {
        SET(setter, POST, 1L);
        SET(setter, POSTFIELDSIZE_LARGE, (curl_off_t)(exchange->sent_body == NULL ? 0 : exchange->sent_body->len));
        SET(setter, POSTFIELDS, exchange->sent_body == NULL ? "" : vp_buf_text(exchange->sent_body));
    }
    SET(setter, CUSTOMREQUEST, NAMES[exchange->method]);
}

/* A peer is verified by the site's store and nothing else, whatever store libcurl makes for the connection (that one holds no
 * certificate: CAINFO is off, and CAPATH is a mark). */
static CURLcode set_store(CURL *easy, void *tls, void *context)
{
    struct http_try *attempt = context;
    (void)easy;
    return SSL_CTX_set1_verify_cert_store(tls, attempt->site->trust) == 1 ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK;
}

/* What is the same for every transfer of the site. */
static void set_site(struct setter *setter, struct http_try *attempt)
{
    const struct http_site *site = attempt->site;
    SET(setter, URL, site->base_url);
    SET(setter, CAPATH, site->mark);
    SET(setter, SSL_CTX_FUNCTION, set_store);
    SET(setter, SSL_CTX_DATA, (void *)attempt);
    SET(setter, PROTOCOLS_STR, site->protocol);
    SET(setter, USERAGENT, site->user_agent);
    SET(setter, CONNECT_TO, site->connect_to);
    SET(setter, WRITEFUNCTION, take_body);
    SET(setter, WRITEDATA, (void *)attempt);
    SET(setter, HEADERFUNCTION, take_header);
    SET(setter, HEADERDATA, (void *)attempt);
    SET(setter, ERRORBUFFER, attempt->curl_text);
}

/* The target goes beside the URL: that way it is sent as it is, where libcurl would take it apart and put it together again. */
static void set_transfer(struct setter *setter, struct http_try *attempt, int64_t budget_ms, void *owner)
{
    int64_t connect_ms = budget_ms / CONNECT_SHARE;
    SET(setter, REQUEST_TARGET, attempt->exchange->target);
    SET(setter, HTTPHEADER, attempt->headers);
    SET(setter, TIMEOUT_MS, (long)budget_ms);
    SET(setter, CONNECTTIMEOUT_MS, (long)(connect_ms > 0 ? connect_ms : 1));
    SET(setter, MAXFILESIZE_LARGE, (curl_off_t)attempt->exchange->body_max);
    SET(setter, PRIVATE, owner);
    set_method(setter, attempt->exchange);
}

static enum vp_code check_setter(const struct setter *setter, struct vp_error *err)
{
    if (setter->code == CURLE_OK)
        return VP_OK;
    return vp_fail(err, VP_REASON_INTERNAL, "libcurl does not take the option %s: %s", setter->name,
                   curl_easy_strerror(setter->code));
}

/* ---- a request ---- */

/* Ours to send on. A host's are uuids; whatever else one may give is no reason to fail a request. */
static bool is_request_id(const char *text)
{
    static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    return text != NULL && *text != '\0' && text[strspn(text, ALLOWED)] == '\0';
}

/* Visible ASCII: nothing that ends a header line or a request line. */
static bool is_visible(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x21 || text[i] > 0x7E)
            return false;
    return text[len] == '\0';
}

static const char *value_of(const struct http_header *header)
{
    return header->secret == NULL ? header->text : vp_secret_reveal(header->secret);
}

static bool is_header(const struct http_header *header)
{
    const char *value = value_of(header);
    for (const char *at = value; *at != '\0'; at++)
        if (*at < 0x20 || *at > 0x7E)
            return false;
    return is_visible(header->name, strlen(header->name)) && strchr(header->name, ':') == NULL && *value != '\0';
}

static void check_exchange(const struct http_exchange *exchange)
{
    for (size_t i = 0; i < exchange->n_headers; i++)
        assert(is_header(&exchange->headers[i]));
    assert(exchange->target[0] == '/' && is_visible(exchange->target, strlen(exchange->target)));
    assert(strchr(exchange->target, '#') == NULL);
    assert(exchange->bearer == NULL || is_visible(vp_secret_reveal(exchange->bearer), vp_secret_len(exchange->bearer)));
}

static bool add_header(struct http_try *attempt, const char *line)
{
    struct curl_slist *longer = curl_slist_append(attempt->headers, line);
    if (longer == NULL)
        return false;
    attempt->headers = longer;
    return true;
}

static bool add_named(struct http_try *attempt, const char *name, const char *separator, const char *value)
{
    struct vp_buf line = VP_BUF_INIT(AUTHORIZATION_MAX);
    vp_buf_add_text(&line, name);
    vp_buf_add_text(&line, separator);
    vp_buf_add_text(&line, value);
    bool added = !line.failed && add_header(attempt, vp_buf_text(&line));
    vp_buf_clear(&line);
    return added;
}

static bool add_headers(struct http_try *attempt)
{
    const struct http_exchange *exchange = attempt->exchange;
    for (size_t i = 0; i < exchange->n_headers; i++)
        if (!add_named(attempt, exchange->headers[i].name, ": ", value_of(&exchange->headers[i])))
            return false;
    /* Without the last two libcurl would name a form as the content, and wait for the server to ask for it. */
    return add_header(attempt, attempt->site->host_header) && add_header(attempt, "Accept: application/json") &&
           (!is_request_id(exchange->request_id) || add_named(attempt, "X-Request-Id", ": ", exchange->request_id)) &&
           (exchange->bearer == NULL ||
            add_named(attempt, "Authorization", ": Bearer ", vp_secret_reveal(exchange->bearer))) &&
           (exchange->method == HTTP_GET ||
            (add_header(attempt, "Content-Type: application/json") && add_header(attempt, "Expect:")));
}

/* ---- handles ---- */

static void wipe_headers(struct http_try *attempt)
{
    for (struct curl_slist *line = attempt->headers; line != NULL; line = line->next)
        vp_wipe(line->data, strlen(line->data));
    curl_slist_free_all(attempt->headers);
    attempt->headers = NULL;
}

static void destroy(struct http_try *attempt)
{
    if (attempt == NULL)
        return;
    curl_easy_cleanup(attempt->easy);
    wipe_headers(attempt);
    free(attempt);
}

static void destroyp(struct http_try **attempt)
{
    destroy(*attempt);
}

static enum vp_code make(struct http_site *site, struct http_try **ret_try, struct vp_error *err)
{
    VP_AUTO(destroyp) struct http_try *attempt = calloc(1, sizeof *attempt);
    if (attempt == NULL)
        return vp_fail_no_memory(err);
    struct setter setter = { .easy = curl_easy_init() };
    attempt->easy = setter.easy;
    attempt->site = site;
    if (attempt->easy == NULL)
        return vp_fail_no_memory(err);
    set_fixed(&setter);
    set_site(&setter, attempt);
    VP_TRY(check_setter(&setter, err));
    *ret_try = VP_TAKE(attempt);
    return VP_OK;
}

/* One that did its work before, with nothing left of it but the options that stay; or a new one. */
static enum vp_code take_or_make(struct http_site *site, struct http_try **ret_try, struct vp_error *err)
{
    struct http_try *idle = site->idle;
    if (idle == NULL)
        return make(site, ret_try, err);
    site->idle = idle->next;
    *idle = (struct http_try){ .easy = idle->easy, .site = site };
    *ret_try = idle;
    return VP_OK;
}

enum vp_code http_try_new(struct http_site *site, struct http_exchange *exchange, int64_t budget_ms, void *owner,
                          struct http_try **ret_try, struct vp_error *err)
{
    check_exchange(exchange);
    vp_buf_clear(&exchange->body);
    exchange->body = (struct vp_buf)VP_BUF_INIT(exchange->body_max);
    exchange->status = 0;
    exchange->error = (struct vp_error){ 0 };
    VP_AUTO(destroyp) struct http_try *attempt = NULL;
    VP_TRY(take_or_make(site, &attempt, err));
    attempt->exchange = exchange;
    attempt->started_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
    if (!add_headers(attempt))
        return vp_fail_no_memory(err);
    struct setter setter = { .easy = attempt->easy };
    set_transfer(&setter, attempt, budget_ms, owner);
    VP_TRY(check_setter(&setter, err));
    *ret_try = VP_TAKE(attempt);
    return VP_OK;
}

CURL *http_try_handle(struct http_try *attempt)
{
    return attempt->easy;
}

/* A method, once set, leaves options behind; so handles of others than GET are not used again. */
void http_try_free(struct http_try *attempt)
{
    if (attempt == NULL)
        return;
    bool fit =
        attempt->exchange->method == HTTP_GET && curl_easy_setopt(attempt->easy, CURLOPT_HTTPHEADER, NULL) == CURLE_OK;
    wipe_headers(attempt);
    attempt->exchange = NULL;
    if (!fit) {
        destroy(attempt);
        return;
    }
    attempt->next = attempt->site->idle;
    attempt->site->idle = attempt;
}

void http_try_free_idle(struct http_site *site)
{
    while (site->idle != NULL) {
        struct http_try *attempt = site->idle;
        site->idle = attempt->next;
        destroy(attempt);
    }
}

enum vp_code http_easy_check(struct vp_error *err)
{
    char url[] = "https://localhost";
    char host[] = "Host: localhost";
    char mark[] = "/dev/null";
    struct http_site site = {
        .base_url = url, .host_header = host, .mark = mark, .protocol = "https", .user_agent = "check"
    };
    struct http_exchange exchange = { .target = "/" };
    struct http_try *attempt = NULL;
    const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
    /* Others take SSL_CTX_FUNCTION as well, and give it something else. */
    if (tls == NULL || strncmp(tls, "OpenSSL/", strlen("OpenSSL/")) != 0)
        return vp_fail(err, VP_REASON_INTERNAL, "this libcurl uses %.60s for TLS, and only OpenSSL will do",
                       tls == NULL ? "nothing" : tls);
    VP_TRY(http_try_new(&site, &exchange, 1, NULL, &attempt, err));
    http_try_free(attempt);
    http_try_free_idle(&site);
    return VP_OK;
}

/* ---- what it means ---- */

static const struct meaning {
    CURLcode code;
    enum vp_reason reason;
    bool again; /* it may have been a moment's trouble */
    const char *words;
} MEANINGS[] = {
    { CURLE_COULDNT_RESOLVE_HOST, VP_REASON_UPSTREAM_DNS, true, "the server's name can't be resolved" },
    { CURLE_COULDNT_CONNECT, VP_REASON_UPSTREAM_UNREACHABLE, true, "the server can't be reached" },
    { CURLE_GOT_NOTHING, VP_REASON_UPSTREAM_UNREACHABLE, true, "the server closed the connection without an answer" },
    { CURLE_SEND_ERROR, VP_REASON_UPSTREAM_UNREACHABLE, true, "the connection to the server broke" },
    { CURLE_RECV_ERROR, VP_REASON_UPSTREAM_UNREACHABLE, true, "the connection to the server broke" },
    { CURLE_OPERATION_TIMEDOUT, VP_REASON_UPSTREAM_TIMEOUT, false, "the server did not answer in time" },
    { CURLE_SSL_CONNECT_ERROR, VP_REASON_UPSTREAM_TLS, true, "no TLS connection to the server came about" },
    { CURLE_PEER_FAILED_VERIFICATION, VP_REASON_UPSTREAM_TLS, false, "the server's certificate is not to be trusted" },
    { CURLE_SSL_ISSUER_ERROR, VP_REASON_UPSTREAM_TLS, false, "the server's certificate is not to be trusted" },
    { CURLE_SSL_INVALIDCERTSTATUS, VP_REASON_UPSTREAM_TLS, false, "the server's certificate is not to be trusted" },
    { CURLE_SSL_CACERT_BADFILE, VP_REASON_UPSTREAM_TLS, false, "the CA certificates can't be used" },
    { CURLE_SSL_CERTPROBLEM, VP_REASON_UPSTREAM_TLS, false, "the server wants a client certificate" },
    { CURLE_SSL_CLIENTCERT, VP_REASON_UPSTREAM_TLS, false, "the server wants a client certificate" },
    { CURLE_SSL_CIPHER, VP_REASON_UPSTREAM_TLS, false, "the server and we share no cipher" },
    { CURLE_PARTIAL_FILE, VP_REASON_UPSTREAM_UNREACHABLE, true, "the server's answer is cut short" },
    { CURLE_FILESIZE_EXCEEDED, VP_REASON_UPSTREAM_BAD_ANSWER, false, "the server's answer is larger than allowed" },
    { CURLE_UNSUPPORTED_PROTOCOL, VP_REASON_UPSTREAM_BAD_ANSWER, false, "the server's answer is no HTTP/1.1" },
    { CURLE_WEIRD_SERVER_REPLY, VP_REASON_UPSTREAM_BAD_ANSWER, false, "the server's answer is no HTTP/1.1" },
    { CURLE_HTTP2, VP_REASON_UPSTREAM_BAD_ANSWER, false, "the server's answer is no HTTP/1.1" },
    { CURLE_BAD_CONTENT_ENCODING, VP_REASON_UPSTREAM_BAD_ANSWER, false, "the server's answer is badly encoded" },
    { CURLE_WRITE_ERROR, VP_REASON_UPSTREAM_BAD_ANSWER, false, "the server's answer was refused" },
    { CURLE_OUT_OF_MEMORY, VP_REASON_INTERNAL, false, "out of memory" },
};

static const struct meaning *find_meaning(CURLcode code)
{
    static const struct meaning UNKNOWN = { CURLE_OK, VP_REASON_INTERNAL, false, "a request failed inside libcurl" };
    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; i++)
        if (MEANINGS[i].code == code)
            return &MEANINGS[i];
    return &UNKNOWN;
}

/* How far it came: libcurl notes the time of each step, and 0 for those it did not reach. */
static bool has_reached(CURL *easy, CURLINFO step)
{
    curl_off_t since_start_us = 0;
    return curl_easy_getinfo(easy, step, &since_start_us) == CURLE_OK && since_start_us > 0;
}

/* libcurl ended it. */
static bool fail_transfer(struct http_try *attempt, CURLcode code)
{
    struct vp_error *error = &attempt->exchange->error;
    bool sent = has_reached(attempt->easy, CURLINFO_PRETRANSFER_TIME_T);
    /* What libcurl says to one header line of more than 100 KB. */
    if (code == CURLE_OUT_OF_MEMORY && sent)
        attempt->refusal = "its headers are larger than allowed";
    if (attempt->exchange->body.failed) {
        (void)vp_fail_no_memory(error);
        return false;
    }
    if (attempt->refusal != NULL) {
        (void)vp_fail(error, VP_REASON_UPSTREAM_BAD_ANSWER, "the server's answer can't be used: %s", attempt->refusal);
        vp_error_add_detail(error, "%s", attempt->site->host_and_port);
        return false;
    }
    /* A resolver that says nothing is told like one that says no. */
    if (code == CURLE_OPERATION_TIMEDOUT && !sent && !has_reached(attempt->easy, CURLINFO_NAMELOOKUP_TIME_T))
        code = CURLE_COULDNT_RESOLVE_HOST;
    const struct meaning *meaning = find_meaning(code);
    (void)vp_fail(error, meaning->reason, "%s", meaning->words);
    vp_error_add_detail(error, "%s: %.200s (curl %d)", attempt->site->host_and_port,
                        attempt->curl_text[0] == '\0' ? curl_easy_strerror(code) : attempt->curl_text, (int)code);
    /* Connecting has a share of the budget only; a server that got the request and is slow would be slow again. */
    return meaning->again || (code == CURLE_OPERATION_TIMEDOUT && !sent);
}

static void refuse_answer(struct http_try *attempt, const char *why)
{
    struct vp_error *error = &attempt->exchange->error;
    (void)vp_fail(error, VP_REASON_UPSTREAM_BAD_ANSWER, "the server's answer can't be used: %s", why);
    vp_error_add_detail(error, "%s: status %d", attempt->site->host_and_port, attempt->exchange->status);
}

static bool is_leaderless(const struct http_try *attempt)
{
    return attempt->site->has_standbys && attempt->exchange->status == STATUS_TEMPORARY_REDIRECT;
}

/* A whole answer came, as libcurl sees it. */
static bool judge_answer(struct http_try *attempt)
{
    int status = attempt->exchange->status;
    if (is_leaderless(attempt))
        return true;
    if (status >= 300 && status <= 399) {
        struct vp_error *error = &attempt->exchange->error;
        (void)vp_fail(error, VP_REASON_UPSTREAM_BAD_ANSWER, "the server redirects (status %d), which is never followed",
                      status);
        vp_error_add_detail(error, "%s", attempt->site->host_and_port);
        return false;
    }
    if (status < 200) {
        refuse_answer(attempt, "it has no final status");
        return false;
    }
    if (status >= STATUS_SERVER_ERROR || status == STATUS_TOO_MANY)
        return true;
    /* libcurl takes a body that only the end of the connection ends; such a body can be cut anywhere unnoticed. */
    if (status != STATUS_NO_CONTENT && !attempt->has_length && !attempt->chunked)
        refuse_answer(attempt, "nothing tells whether it is whole");
    return false;
}

bool http_says_busy(int status)
{
    return status == STATUS_TOO_MANY || status == STATUS_UNAVAILABLE;
}

/* It was certainly not begun. A standby says 503, and 307, also when its leader was lost while it worked on the request. */
static bool is_put_off(const struct http_try *attempt)
{
    int status = attempt->exchange->status;
    return status == STATUS_TOO_MANY || (status == STATUS_UNAVAILABLE && !attempt->site->has_standbys);
}

/* What may be done twice, or was not begun. */
static bool may_repeat(const struct http_try *attempt)
{
    const struct http_exchange *exchange = attempt->exchange;
    return exchange->method == HTTP_GET || exchange->repeatable || is_put_off(attempt) ||
           !has_reached(attempt->easy, CURLINFO_PRETRANSFER_TIME_T);
}

bool http_try_finish(struct http_try *attempt, CURLcode code, int64_t *ret_pause_ms)
{
    long status = 0;
    struct http_exchange *exchange = attempt->exchange;
    exchange->took_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) - attempt->started_ms;
    *ret_pause_ms = attempt->retry_after_s * 1000;
    if (code != CURLE_OK)
        return fail_transfer(attempt, code) && may_repeat(attempt);
    (void)curl_easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &status);
    exchange->status = (int)status;
    return judge_answer(attempt) && may_repeat(attempt);
}
