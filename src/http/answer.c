/* What comes back, byte by byte: limits, and headers that decide whether the body can be used. */
#include <string.h>
#include <strings.h>

#include "vp/texts.h"

#include "try.h"

enum {
    HEADER_BYTES_MAX = 64 * 1024, /* of one answer, interim answers and trailers included */
    RETRY_AFTER_MAX_S = 30,
};

size_t http_answer_take_body(char *bytes, size_t size, size_t n, void *context)
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

static void take_header_line(struct http_try *attempt, const char *line, size_t len)
{
    static const char STATUS_LINE[] = "HTTP/", VERSION_1[] = "HTTP/1.";
    if (len >= strlen(STATUS_LINE) && memcmp(line, STATUS_LINE, strlen(STATUS_LINE)) == 0) {
        /* libcurl 8.14 takes any one-digit version. */
        if (len < strlen(VERSION_1) || memcmp(line, VERSION_1, strlen(VERSION_1)) != 0)
            attempt->refusal = "it is no HTTP/1.1";
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
    vp_trim(&name, &name_len);
    vp_trim(&value, &value_len);
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++)
        if (strlen(HEADERS[i].name) == name_len && strncasecmp(HEADERS[i].name, name, name_len) == 0)
            HEADERS[i].take(attempt, value, value_len);
}

size_t http_answer_take_header(char *bytes, size_t size, size_t n, void *context)
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
