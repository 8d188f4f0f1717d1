#include "origin.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "vp/http.h"
#include "vp/texts.h"

enum { HOST_MAX = 253, LABEL_MAX = 63, PORT_DIGITS_MAX = 5, PORT_DEFAULT = 443, PLAIN_PORT_DEFAULT = 80 };

/* Locale-free, unlike isalnum(). The underscore is no host name of RFC 1123, but container networks use it. */
static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_label(const char *text, size_t len)
{
    if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_name_char(text[i]))
            return false;
    return true;
}

/* libcurl and the resolver read "127.1", "0x7f000001" and "2130706433" as addresses: what ends like a number must be a
 * plain dotted quad. */
static bool ends_like_a_number(const char *label, size_t len)
{
    if (len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
        return true;
    for (size_t i = 0; i < len; i++)
        if (label[i] < '0' || label[i] > '9')
            return false;
    return true;
}

static bool is_address(int family, const char *text, size_t len)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(family, copy, &address) == 1;
}

static bool is_name(const char *text, size_t len)
{
    const char *label = text;
    const char *end = text + len;
    for (;;) {
        const char *dot = memchr(label, '.', (size_t)(end - label));
        size_t label_len = (size_t)((dot == NULL ? end : dot) - label);
        if (!is_label(label, label_len))
            return false;
        if (dot == NULL)
            return !ends_like_a_number(label, label_len) || is_address(AF_INET, text, len);
        label = dot + 1;
    }
}

bool http_is_host(const char *text, size_t len)
{
    if (len == 0 || len > HOST_MAX)
        return false;
    if (text[0] == '[')
        return len > 2 && text[len - 1] == ']' && is_address(AF_INET6, text + 1, len - 2);
    return is_name(text, len);
}

/* Behind the colon, `len` bytes. Leading zeros are refused: nobody writes them, and some readers take them as octal. */
static bool parse_port(const char *text, size_t len, uint16_t *ret_port)
{
    unsigned long port = 0;
    if (len == 0 || len > PORT_DIGITS_MAX || text[0] == '0')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    if (port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Names what is wrong: most mistakes are pasted URLs. */
static enum vp_code refuse(const char *host, size_t len, struct vp_error *err)
{
    static const struct {
        const char *characters, *why;
    } ROWS[] = {
        { "@", "must not have a user name or password" },
        { "/\\?#", "must not have a path or a query" },
        { " \t\r\n", "must not have blanks inside" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        for (size_t at = 0; at < len; at++)
            if (strchr(ROWS[i].characters, host[at]) != NULL)
                return vp_fail(err, VP_REASON_BAD_REQUEST, "%s: give host or host:port", ROWS[i].why);
    return vp_fail(err, VP_REASON_BAD_REQUEST, "is not a host name or address: give host or host:port");
}

/* host[:port], `len` bytes of it. */
static enum vp_code parse(const char *host, size_t len, uint16_t default_port, struct http_origin *ret_origin,
                          struct vp_error *err)
{
    struct http_origin origin = { .port = default_port };
    const char *bracket = memchr(host, ']', len);
    const char *from = bracket == NULL ? host : bracket;
    const char *colon = memchr(from, ':', len - (size_t)(from - host));
    size_t host_len = colon == NULL ? len : (size_t)(colon - host);
    /* The final dot of an absolute name is no part of what a certificate has. */
    bool dotted = host_len > 1 && host[host_len - 1] == '.' && !is_address(AF_INET, host, host_len - 1);
    size_t name_len = dotted ? host_len - 1 : host_len;
    if (memchr(host, '@', len) != NULL || !http_is_host(host, name_len))
        return refuse(host, len, err);
    if (colon != NULL && strcspn(colon, "/?#\\ \t\r\n") < len - host_len)
        return refuse(colon, len - host_len, err);
    if (colon != NULL && !parse_port(colon + 1, len - host_len - 1, &origin.port))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the port must be a number from 1 to 65535");
    host_len = name_len;
    for (size_t i = 0; i < host_len; i++)
        origin.host[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] - 'A' + 'a' : host[i]);
    *ret_origin = origin;
    return VP_OK;
}

/* The text without blanks around it and without one '/' at its end: both come with a paste and mean nothing. */
static const char *normalise(const char *text, size_t *ret_len)
{
    size_t len = strlen(text);
    vp_trim(&text, &len);
    *ret_len = len > 1 && text[len - 1] == '/' ? len - 1 : len;
    return text;
}

/* Skips the scheme; false if the text has another one, or none. */
static bool skip_scheme(const char *scheme, const char **text, size_t *len)
{
    size_t scheme_len = strlen(scheme);
    if (*len < scheme_len || strncasecmp(*text, scheme, scheme_len) != 0)
        return false;
    *text += scheme_len;
    *len -= scheme_len;
    return true;
}

enum vp_code http_origin_parse(const char *text, struct http_origin *ret_origin, struct vp_error *err)
{
    size_t len = 0;
    const char *host = normalise(text, &len);
    if (!skip_scheme("https://", &host, &len) && memmem(host, len, "://", 3) != NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "only https is spoken: give host, host:port or https://host:port");
    return parse(host, len, PORT_DEFAULT, ret_origin, err);
}

/* Names of the hosts file may be changed by nobody but who runs this machine. */
static bool is_near(const char *host)
{
    struct in_addr address;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 && strncmp(host, "127.", 4) == 0);
}

enum vp_code http_origin_parse_near(const char *text, struct http_origin *ret_origin, struct vp_error *err)
{
    struct http_origin origin;
    size_t len = 0;
    const char *host = normalise(text, &len);
    if (!skip_scheme("http://", &host, &len))
        return http_origin_parse(text, ret_origin, err);
    VP_TRY(parse(host, len, PLAIN_PORT_DEFAULT, &origin, err));
    if (!is_near(origin.host))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "http:// is for this very machine only (localhost, 127.0.0.1, [::1]): write https://");
    origin.plain = true;
    *ret_origin = origin;
    return VP_OK;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void http_escape_add(struct vp_buf *target, const char *text)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    while (*text != '\0') {
        size_t plain = 0;
        while (is_unreserved(text[plain]))
            plain++;
        vp_buf_add(target, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        unsigned char c = (unsigned char)*text++;
        vp_buf_add(target, (const char[]){ '%', DIGITS[c >> 4], DIGITS[c & 15] }, 3);
    }
}
