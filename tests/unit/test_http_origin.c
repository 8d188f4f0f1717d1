/* Hosts and URLs as admins write them, CA certificates as text, and escaping. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/buf.h"
#include "vp/http.h"

#include "check.h"
#include "origin.h"

#define LEN(rows) (sizeof(rows) / sizeof(rows)[0])
#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N253 L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(a_server_is_a_host_with_an_optional_port_or_an_https_url_of_just_that)
{
    static const struct {
        const char *text, *host;
        unsigned port;
    } ROWS[] = {
        { "localhost", "localhost", 443 },
        { "api.example.com", "api.example.com", 443 },
        { "API.Example.COM", "api.example.com", 443 },
        { "api.example.com:443", "api.example.com", 443 },
        { "api.example.com:8443", "api.example.com", 8443 },
        { "api.example.com:1", "api.example.com", 1 },
        { "api.example.com:65535", "api.example.com", 65535 },
        { "https://api.example.com", "api.example.com", 443 },
        { "https://api.example.com/", "api.example.com", 443 },
        { "https://api.example.com:8443", "api.example.com", 8443 },
        { "https://api.example.com:8443/", "api.example.com", 8443 },
        { "HTTPS://API.example.com/", "api.example.com", 443 },
        { "127.0.0.1", "127.0.0.1", 443 },
        { "127.0.0.1:8443", "127.0.0.1", 8443 },
        { "255.255.255.255", "255.255.255.255", 443 },
        { "[::1]", "[::1]", 443 },
        { "[::1]:8443", "[::1]", 8443 },
        { "https://[2001:DB8::1]:8443/", "[2001:db8::1]", 8443 },
        { "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", 443 },
        { "arvados_api", "arvados_api", 443 },
        { "1.example", "1.example", 443 },
        { "xn--bcher-kva.example", "xn--bcher-kva.example", 443 },
        { "0xa.example", "0xa.example", 443 },
        { L63 ".example", L63 ".example", 443 },
        { N253, N253, 443 },
        /* what a paste brings along */
        { " https://api.example.com", "api.example.com", 443 },
        { "api.example.com/", "api.example.com", 443 },
        { "api.example.com\n", "api.example.com", 443 },
        { "api.example.com\t", "api.example.com", 443 },
        { "api.example.com ", "api.example.com", 443 },
        { " api.example.com", "api.example.com", 443 },
        { "api.example.com:443\n", "api.example.com", 443 },
        { "api.example.com:443 ", "api.example.com", 443 },
        { "api.example.com:443/", "api.example.com", 443 },
        { "localhost.", "localhost", 443 },
        { "api.example.com.", "api.example.com", 443 },
        { "https://api.example.com.:8443/ ", "api.example.com", 8443 },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct http_origin origin = { 0 };
        if (http_origin_parse(ROWS[i].text, &origin, &err) != VP_OK)
            fail_msg("\"%s\": %s", ROWS[i].text, err.message);
        EXPECT_TEXT(ROWS[i].host, origin.host);
        EXPECT_INT(ROWS[i].port, origin.port);
    }
}

TEST(any_other_text_is_no_server)
{
    static const char *const ROWS[] = {
        "",
        " ",
        "/",
        ":",
        ":443",
        "https://",
        "https:///",
        "https://:443",
        /* other schemes */
        "http://api.example.com",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "unix:/run/arvados.sock",
        "//api.example.com",
        "https:api.example.com",
        "https:/api.example.com",
        "https:\\\\api.example.com",
        "https://https://api.example.com",
        "httpss://api.example.com",
        "gopher://127.0.0.1:70/_x",
        /* userinfo, path, query, fragment */
        "user@api.example.com",
        "https://user@api.example.com",
        "https://user:pass@api.example.com",
        "https://api.example.com@evil.example",
        "https://evil.example\\@api.example.com",
        "https://api.example.com:443@evil.example",
        "api.example.com/arvados",
        "https://api.example.com/arvados",
        "https://api.example.com//",
        "https://api.example.com/?x=1",
        "https://api.example.com?x=1",
        "https://api.example.com/#x",
        "https://api.example.com#evil.example",
        "api.example.com#evil.example:443",
        "api.example.com?x",
        "api.example.com;x",
        /* control characters and blanks */
        "api.example.com\r\nX-Evil: 1",
        "api.exa mple.com",
        "api.example.com\x01",
        "api.example.com\x7F",
        "api.\xC3\xA9xample.com",
        "api\xE3\x80\x82"
        "example.com",
        /* escapes and other names for something else */
        "api%2eexample.com",
        "%31%32%37.0.0.1",
        "{a,b}.example.com",
        "[a-z].example.com",
        "*.example.com",
        "a,b",
        "$(x)",
        /* ports */
        "api.example.com:",
        "https://api.example.com:/",
        "api.example.com:0",
        "api.example.com:00",
        "api.example.com:0443",
        "api.example.com:65536",
        "api.example.com:99999",
        "api.example.com:100000",
        "api.example.com:4294967739",
        "api.example.com:-1",
        "api.example.com:+443",
        "api.example.com:443x",
        "api.example.com:x",
        "api.example.com: 443",
        "api.example.com:443:443",
        "https://api.example.com:443/x",
        "[::1]:0",
        "[::1]:",
        "[::1]443",
        "[::1]x:443",
        /* addresses that only look like names */
        "127.1",
        "127.0.0",
        "127.0.0.1.1",
        "256.0.0.1",
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "0x7f.1",
        "1.2.3.0x4",
        "0177.0.0.1",
        "0",
        "127.0.0.1.",
        "169.254.169.254.",
        "api.example.0x1",
        "api.example.1",
        /* IPv6 */
        "::1",
        "2001:db8::1",
        "[::1",
        "::1]",
        "[]",
        "[ ]",
        "[::g]",
        "[::1%eth0]",
        "[fe80::1%25eth0]",
        "[127.0.0.1]",
        "[localhost]",
        "[::1]]",
        "[[::1]]",
        "[v1.x]",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]",
        /* labels */
        ".",
        "..",
        ".example.com",
        "api..example.com",
        "-api.example.com",
        "api-.example.com",
        "api.-example.com",
        "-",
        L63 "a.example",
        N253 "a",
        N253 ".a",
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct http_origin origin = { .host = "untouched", .port = 7 };
        if (http_origin_parse(ROWS[i], &origin, &err) == VP_OK)
            fail_msg("\"%s\" was taken as %s port %u", ROWS[i], origin.host, (unsigned)origin.port);
        EXPECT_INT(VP_REASON_BAD_REQUEST, err.reason);
        EXPECT(err.message[0] != '\0');
        EXPECT_TEXT("untouched", origin.host);
        EXPECT_INT(7, origin.port);
    }
}

TEST(only_letters_digits_hyphens_underscores_and_dots_make_a_host_name)
{
    for (int byte = 1; byte < 256; byte++) {
        char text[] = "ab.exa?mple";
        bool fits = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                    byte == '-' || byte == '_' || byte == '.';
        text[6] = (char)byte;
        if (http_is_host(text, strlen(text)) != fits)
            fail_msg("byte %d: expected %d", byte, (int)fits);
    }
    EXPECT(!http_is_host("a\0b", 3));
    EXPECT(!http_is_host("a", 0));
    EXPECT(http_is_host("abc?", 3));
}

TEST(what_is_parsed_can_be_parsed_again)
{
    static const char *const ROWS[] = { "API.Example.com:8443", "https://[2001:DB8::1]/", "127.0.0.1", "A_b.c" };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct http_origin once = { 0 };
        struct http_origin twice = { 0 };
        char text[300];
        EXPECT_OK(http_origin_parse(ROWS[i], &once, &err), &err);
        (void)snprintf(text, sizeof text, "https://%s:%u/", once.host, (unsigned)once.port);
        EXPECT_OK(http_origin_parse(text, &twice, &err), &err);
        EXPECT_TEXT(once.host, twice.host);
        EXPECT_INT(once.port, twice.port);
    }
}

/* ---- certificates ---- */

#define PEM_TEXT                                                         \
    "-----BEGIN CERTIFICATE-----\n"                                      \
    "MIIBezCCASGgAwIBAgIUOtg1ttfbhLSq6276bA9dZS1rr8YwCgYIKoZIzj0EAwIw\n" \
    "EjEQMA4GA1UEAwwHdGVzdCBDQTAgFw0yNjExMjQwMDA2MjFaGA8yMTI2MTAzMTAw\n" \
    "MDYyMVowEjEQMA4GA1UEAwwHdGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n" \
    "A0IABKyJbaSufMXHwHRW0xpccKbTkBgw5rMs/64xtTI2Soe1taK40oEEuB8Hgkbn\n" \
    "VIKO7K+LKn0RM1bgSeHf9XILowSjUzBRMB0GA1UdDgQWBBQdh6nse667uqIKAoE7\n" \
    "TYd2DGOaGDAfBgNVHSMEGDAWgBQdh6nse667uqIKAoE7TYd2DGOaGDAPBgNVHRMB\n" \
    "Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDESe9yOJUZoS07AUOiHja51QTH\n" \
    "dbgoVRqm6K5bzDzokwIgXV3eSibHisXizVev1M151fJIe1nY7jpHHLivzR8wRdc=\n" \
    "-----END CERTIFICATE-----\n"

static char *without(const char *text, const char *part)
{
    const char *at = strstr(text, part);
    size_t before = (size_t)(at - text);
    char *rest = calloc(1, strlen(text) + 1);
    memcpy(rest, text, before);
    memcpy(rest + before, at + strlen(part), strlen(at + strlen(part)));
    return rest;
}

TEST(a_text_with_certificates_is_taken_whatever_else_stands_between_them)
{
    static const char *const ROWS[] = {
        PEM_TEXT,
        PEM_TEXT PEM_TEXT,
        "# our CA\n" PEM_TEXT "\n\nand another\n" PEM_TEXT "bye\n",
        "\r\n\r\n" PEM_TEXT,
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        EXPECT_OK(http_check_ca_pem(ROWS[i], &err), &err);
    }
}

TEST(a_text_without_certificates_or_with_a_broken_one_is_refused)
{
    static const char *const ROWS[] = {
        "",
        " ",
        "garbage",
        "/etc/ssl/certs/ca-certificates.crt",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        PEM_TEXT "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" PEM_TEXT,
        PEM_TEXT "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n",
        PEM_TEXT "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n" PEM_TEXT,
        PEM_TEXT "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        if (http_check_ca_pem(ROWS[i], &err) == VP_OK)
            fail_msg("row %zu was taken", i);
        EXPECT_INT(VP_REASON_BAD_REQUEST, err.reason);
        EXPECT_LACKS("AAAA", err.message);
    }
}

TEST(a_certificate_that_is_cut_anywhere_is_refused)
{
    static const char PEM[] = PEM_TEXT;
    size_t end = (size_t)(strstr(PEM, "-----END") - PEM) + strlen("-----END CERTIFICATE-----");
    for (size_t len = 0; len < end; len++) {
        struct vp_error err = { 0 };
        char *cut = strndup(PEM, len);
        if (http_check_ca_pem(cut, &err) == VP_OK)
            fail_msg("the first %zu bytes were taken", len);
        EXPECT_INT(VP_REASON_BAD_REQUEST, err.reason);
        free(cut);
    }
    struct vp_error err = { 0 };
    char *headless = without(PEM, "-----BEGIN CERTIFICATE-----");
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, http_check_ca_pem(headless, &err), &err);
    free(headless);
}

TEST(a_bundle_of_more_than_eight_megabytes_is_refused)
{
    size_t len = 8 * 1024 * 1024 + 1;
    struct vp_error err = { 0 };
    char *text = malloc(len + 1);
    memset(text, '\n', len);
    memcpy(text, PEM_TEXT, strlen(PEM_TEXT));
    text[len] = '\0';
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, http_check_ca_pem(text, &err), &err);
    text[len - 1] = '\0';
    EXPECT_OK(http_check_ca_pem(text, &err), &err);
    free(text);
}

/* ---- escaping ---- */

TEST(all_but_unreserved_characters_are_escaped)
{
    static const struct {
        const char *text, *escaped;
    } ROWS[] = {
        { "", "" },
        { "abcXYZ019-._~", "abcXYZ019-._~" },
        { " ", "%20" },
        { "+", "%2B" },
        { "%", "%25" },
        { "%41", "%2541" },
        { "a&b=c#d?e/f", "a%26b%3Dc%23d%3Fe%2Ff" },
        { "[[\"uuid\",\"=\",\"x\"]]", "%5B%5B%22uuid%22%2C%22%3D%22%2C%22x%22%5D%5D" },
        { "\r\n\t\x01\x7F", "%0D%0A%09%01%7F" },
        { "\xC3\xA9\xFF", "%C3%A9%FF" },
        { "!*'();:@,$", "%21%2A%27%28%29%3B%3A%40%2C%24" },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_buf buf = VP_BUF_INIT(1024);
        vp_buf_add_text(&buf, "x=");
        http_escape_add(&buf, ROWS[i].text);
        EXPECT_TEXT(ROWS[i].escaped, vp_buf_text(&buf) + 2);
        vp_buf_clear(&buf);
    }
}

TEST(an_escaped_text_that_does_not_fit_shows_in_the_buffer)
{
    struct vp_error err = { 0 };
    struct vp_buf buf = VP_BUF_INIT(4);
    http_escape_add(&buf, "ab ");
    EXPECT_FAIL(VP_REASON_INTERNAL, vp_buf_check(&buf, "the query", &err), &err);
    vp_buf_clear(&buf);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_server_is_a_host_with_an_optional_port_or_an_https_url_of_just_that),
        CASE(any_other_text_is_no_server),
        CASE(only_letters_digits_hyphens_underscores_and_dots_make_a_host_name),
        CASE(what_is_parsed_can_be_parsed_again),
        CASE(a_text_with_certificates_is_taken_whatever_else_stands_between_them),
        CASE(a_text_without_certificates_or_with_a_broken_one_is_refused),
        CASE(a_certificate_that_is_cut_anywhere_is_refused),
        CASE(a_bundle_of_more_than_eight_megabytes_is_refused),
        CASE(all_but_unreserved_characters_are_escaped),
        CASE(an_escaped_text_that_does_not_fit_shows_in_the_buffer),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
