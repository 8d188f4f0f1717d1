#include "easy.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"

#include "try.h"

enum {
    AUTHORIZATION_MAX = 4096,
    CONNECT_SHARE = 3, /* connecting may take a third of the budget, so that another try fits in */
};

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
    /* libcurl resends a request when a kept connection breaks. What must not be sent twice gets a connection of its own, which is
     * closed afterwards: a pool of connections that only such requests fill would grow to its maximum. */
    if (!exchange->repeatable && !exchange->unique) {
        SET(setter, FRESH_CONNECT, 1L);
        SET(setter, FORBID_REUSE, 1L);
    }
    if (exchange->method != HTTP_DELETE) {
        SET(setter, POST, 1L);
        SET(setter, POSTFIELDSIZE_LARGE, (curl_off_t)(exchange->sent_body == NULL ? 0 : exchange->sent_body->len));
        SET(setter, POSTFIELDS, exchange->sent_body == NULL ? "" : vp_buf_text(exchange->sent_body));
    }
    SET(setter, CUSTOMREQUEST, NAMES[exchange->method]);
}

/* RFC 9525: the subject's common name is no name of a server. libcurl falls back to it for a certificate without others. */
static int require_names(int verified, X509_STORE_CTX *chain)
{
    if (verified != 1 || X509_STORE_CTX_get_error_depth(chain) != 0)
        return verified;
    GENERAL_NAMES *names = X509_get_ext_d2i(X509_STORE_CTX_get_current_cert(chain), NID_subject_alt_name, NULL, NULL);
    bool has_any = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = sk_GENERAL_NAME_value(names, i)->type;
        has_any = has_any || type == GEN_DNS || type == GEN_IPADD;
    }
    GENERAL_NAMES_free(names);
    if (has_any)
        return 1;
    X509_STORE_CTX_set_error(chain, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

static int note_request(SSL *tls, void *context)
{
    struct http_site *site = context;
    (void)tls;
    atomic_store(&site->asks_client_cert, true);
    return 1;
}

/* A server that needs a certificate of ours says so by an alert; in TLS 1.3 after the handshake, when libcurl sees nothing but a
 * connection that breaks. */
static void note_alert(const SSL *tls, int where, int value)
{
    static const int ABOUT_CERTIFICATES[] = { SSL_AD_BAD_CERTIFICATE,     SSL_AD_UNSUPPORTED_CERTIFICATE,
                                              SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_EXPIRED,
                                              SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNKNOWN_CA,
                                              SSL_AD_CERTIFICATE_REQUIRED,
                                              SSL_AD_HANDSHAKE_FAILURE };
    struct http_site *site = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));
    if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT || !atomic_load(&site->asks_client_cert))
        return;
    for (size_t i = 0; i < VP_LEN(ABOUT_CERTIFICATES); i++)
        if ((value & 0xFF) == ABOUT_CERTIFICATES[i])
            atomic_store(&site->needs_client_cert, true);
}

/* A peer is verified by the site's store and nothing else, whatever store libcurl makes for the connection (that one holds no
 * certificate: CAINFO is off, and CAPATH is a mark). */
static CURLcode set_store(CURL *easy, void *tls, void *context)
{
    struct http_try *attempt = context;
    (void)easy;
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, require_names);
    SSL_CTX_set_app_data(tls, attempt->site);
    SSL_CTX_set_cert_cb(tls, note_request, (void *)(uintptr_t)attempt->site);
    SSL_CTX_set_info_callback(tls, note_alert);
    return SSL_CTX_set1_verify_cert_store(tls, attempt->site->trust) == 1 ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK;
}

/* What is the same for every transfer of the site. */
static void set_site(struct setter *setter, struct http_try *attempt)
{
    const struct http_site *site = attempt->site;
    SET(setter, URL, site->base_url);
    SET(setter, CAPATH, site->mark);
    SET(setter, SSLCERT, site->client_cert);
    SET(setter, SSLKEY, site->client_key);
    SET(setter, SSL_CTX_FUNCTION, set_store);
    SET(setter, SSL_CTX_DATA, (void *)attempt);
    SET(setter, PROTOCOLS_STR, site->protocol);
    SET(setter, USERAGENT, site->user_agent);
    SET(setter, CONNECT_TO, site->connect_to);
    SET(setter, WRITEFUNCTION, http_answer_take_body);
    SET(setter, WRITEDATA, (void *)attempt);
    SET(setter, HEADERFUNCTION, http_answer_take_header);
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
static enum vp_code take_or_make(struct http_site *site, struct http_bundle *bundle, struct http_try **ret_try,
                                 struct vp_error *err)
{
    struct http_try *idle = bundle->idle;
    if (idle == NULL)
        return make(site, ret_try, err);
    bundle->idle = idle->next;
    *idle = (struct http_try){ .easy = idle->easy, .site = site };
    *ret_try = idle;
    return VP_OK;
}

enum vp_code http_try_new(struct http_site *site, struct http_bundle *bundle, struct http_exchange *exchange,
                          int64_t budget_ms, void *owner, struct http_try **ret_try, struct vp_error *err)
{
    check_exchange(exchange);
    vp_buf_clear(&exchange->body);
    exchange->body = (struct vp_buf)VP_BUF_INIT(exchange->body_max);
    exchange->status = 0;
    exchange->error = (struct vp_error){ 0 };
    VP_AUTO(destroyp) struct http_try *attempt = NULL;
    VP_TRY(take_or_make(site, bundle, &attempt, err));
    attempt->bundle = bundle;
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
    attempt->next = attempt->bundle->idle;
    attempt->bundle->idle = attempt;
}

void http_try_free_idle(struct http_bundle *bundle)
{
    while (bundle->idle != NULL) {
        struct http_try *attempt = bundle->idle;
        bundle->idle = attempt->next;
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
    struct http_bundle bundle = { 0 };
    struct http_exchange exchange = { .target = "/" };
    struct http_try *attempt = NULL;
    const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
    /* Others take SSL_CTX_FUNCTION as well, and give it something else. */
    if (tls == NULL || strncmp(tls, "OpenSSL/", strlen("OpenSSL/")) != 0)
        return vp_fail(err, VP_REASON_INTERNAL, "this libcurl uses %.60s for TLS, and only OpenSSL will do",
                       tls == NULL ? "nothing" : tls);
    VP_TRY(http_try_new(&site, &bundle, &exchange, 1, NULL, &attempt, err));
    http_try_free(attempt);
    http_try_free_idle(&bundle);
    return VP_OK;
}
