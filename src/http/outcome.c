/* What the end of a try means: which error, and whether another try might do better. */
#include "vp/clock.h"

#include "easy.h"
#include "try.h"

enum {
    STATUS_NO_CONTENT = 204,
    STATUS_TEMPORARY_REDIRECT = 307,
};

/* CURLE_TOO_LARGE, which older headers of libcurl do not name. */
enum { CURL_TOO_LARGE = 100 };

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
    { CURLE_SSL_CERTPROBLEM, VP_REASON_UPSTREAM_TLS, false, "the client certificate or its key can't be used" },
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

static bool is_broken(CURLcode code)
{
    return code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
           code == CURLE_SSL_CONNECT_ERROR;
}

/* What the server's alert says, where libcurl sees a connection that broke; NULL: there was none. */
static const struct meaning *certificate_meaning(const struct http_site *site, CURLcode code)
{
    static const struct meaning MISSING = { CURLE_OK, VP_REASON_UPSTREAM_TLS, false,
                                            "the server requires a client certificate" };
    static const struct meaning REFUSED = { CURLE_OK, VP_REASON_UPSTREAM_TLS, false,
                                            "the server refuses the client certificate" };
    if (!is_broken(code) || !atomic_load(&site->needs_client_cert))
        return NULL;
    return site->client_cert == NULL ? &MISSING : &REFUSED;
}

/* The alert of TLS 1.3 is lost when the request is sent before it is read: then this is all there is to say. */
static void add_certificate_hint(const struct http_site *site, CURLcode code, struct vp_error *error)
{
    if (is_broken(code) && atomic_load(&site->asks_client_cert))
        vp_error_add_detail(error, "the server asked for a client certificate: %s",
                            site->client_cert == NULL ? "none is set" : "does it accept this one?");
}

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
    /* What libcurl says to one header line of more than 100 KB: "out of memory" before 8.6. */
    if ((code == CURLE_OUT_OF_MEMORY || (int)code == CURL_TOO_LARGE) && sent)
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
    const struct meaning *meaning = certificate_meaning(attempt->site, code);
    if (meaning == NULL)
        meaning = find_meaning(code);
    (void)vp_fail(error, meaning->reason, "%s", meaning->words);
    vp_error_add_detail(error, "%s: %.200s (curl %d)", attempt->site->host_and_port,
                        attempt->curl_text[0] == '\0' ? curl_easy_strerror(code) : attempt->curl_text, (int)code);
    add_certificate_hint(attempt->site, code, error);
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
    if (status >= 300 && status <= 399 && !attempt->exchange->may_redirect) {
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
    if (status >= HTTP_SERVER_ERROR || status == HTTP_TOO_MANY)
        return true;
    /* libcurl takes a body that only the end of the connection ends; such a body can be cut anywhere unnoticed. */
    if (status != STATUS_NO_CONTENT && !attempt->has_length && !attempt->chunked)
        refuse_answer(attempt, "nothing tells whether it is whole");
    return false;
}

bool http_says_busy(int status)
{
    return status == HTTP_TOO_MANY || status == HTTP_UNAVAILABLE;
}

/* It was certainly not begun. A standby says 503, and 307, also when its leader was lost while it worked on the request. */
static bool is_put_off(const struct http_try *attempt)
{
    int status = attempt->exchange->status;
    return status == HTTP_TOO_MANY || (status == HTTP_UNAVAILABLE && !attempt->site->has_standbys);
}

/* What may be done twice, or was not begun. */
static bool may_repeat(const struct http_try *attempt)
{
    const struct http_exchange *exchange = attempt->exchange;
    if (exchange->once)
        return false;
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
