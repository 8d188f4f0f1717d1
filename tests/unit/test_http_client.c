/* Rounds of requests against a real TLS server: each fault under its reason, and nothing asked that was not meant. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vp/clock.h"
#include "vp/http.h"

#include "check.h"
#include "fake_server.h"

#define LEN(rows) (sizeof(rows) / sizeof(rows)[0])

enum {
    LONG_MS = 60000, /* never used up */
    SHORT_MS = 400,  /* always used up */
    BODY_MAX = 4096,
};

static struct http_client *client;

static int set_up(void **state)
{
    struct vp_error err = { 0 };
    (void)state;
    return http_client_new(&client, &err) == VP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(client);
    client = NULL;
    return 0;
}

static int64_t in_ms(int64_t ms)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + ms;
}

static enum vp_code run_round(struct http_site *site, struct http_exchange *exchanges, size_t n, int64_t budget_ms,
                              struct vp_cancel *cancel, struct vp_error *err)
{
    const struct http_terms terms = { .deadline_ms = in_ms(budget_ms), .cancel = cancel };
    return http_round(site, exchanges, n, &terms, err);
}

/* One retry, plenty of room. */
static struct http_site_options options_for(struct fake_server *server)
{
    return (struct http_site_options){ .origin = { .host = "localhost", .port = fake_server_port(server) },
                                       .ca_pem = fake_server_ca_pem(server),
                                       .max_concurrent = 16,
                                       .max_queued = 64,
                                       .max_retries = 1 };
}

static struct http_site *make_site(const struct http_site_options *options)
{
    struct http_site *site = NULL;
    struct vp_error err = { 0 };
    EXPECT_OK(http_site_new(client, options, &site, &err), &err);
    return site;
}

static struct http_site *site_for(struct fake_server *server)
{
    struct http_site_options options = options_for(server);
    return make_site(&options);
}

static enum vp_code get(struct http_site *site, const char *target, int64_t budget_ms, struct http_exchange *exchange,
                        struct vp_error *err)
{
    *exchange = (struct http_exchange){ .target = target, .body_max = BODY_MAX };
    return run_round(site, exchange, 1, budget_ms, NULL, err);
}

/* One request of a new site ends with this reason after so many tries; shows both texts when it does not. */
static void expect_reason(struct http_site *site, const char *what, enum vp_reason reason, unsigned tries,
                          int64_t budget_ms)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    enum vp_code code = get(site, "/x", budget_ms, &exchange, &err);
    if (code == VP_OK)
        fail_msg("%s: expected %s, got status %d", what, vp_reason_word(reason), exchange.status);
    if (err.reason != reason || exchange.tries != tries)
        fail_msg("%s: expected %s in %u tries, got %s in %u: %s (%s)", what, vp_reason_word(reason), tries,
                 vp_reason_word(err.reason), exchange.tries, err.message, err.detail);
    EXPECT_INT(reason, exchange.error.reason);
    EXPECT_INT(vp_reason_code(reason), code);
    EXPECT(err.message[0] != '\0');
    EXPECT(err.detail[0] != '\0');
    http_exchange_clear(&exchange);
    EXPECT_INT(VP_REASON_NONE, exchange.error.reason);
    EXPECT_INT(0, exchange.body.len);
}

/* ---- answers ---- */

TEST(every_whole_answer_is_handed_over_with_its_status_and_body)
{
    static const int STATUSES[] = { 200, 201, 202, 400, 401, 403, 404, 406, 409, 418, 422 };
    for (size_t i = 0; i < LEN(STATUSES); i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site *site = site_for(server);
        fake_server_answer(server, "/x", STATUSES[i], "{\"a\":1}");

        EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);

        EXPECT_INT(STATUSES[i], exchange.status);
        EXPECT_TEXT("{\"a\":1}", vp_buf_text(&exchange.body));
        EXPECT_INT(VP_REASON_NONE, exchange.error.reason);
        EXPECT_INT(1, exchange.tries);
        EXPECT_INT(1, fake_server_count(server, "/"));
        http_exchange_clear(&exchange);
        http_site_free(site);
        fake_server_free(server);
    }
}

static void expect_taken(const char *answer, size_t len, enum fake_end end, int status, const char *body)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    fake_server_raw(server, "/x", answer, len, end);

    if (get(site, "/x", LONG_MS, &exchange, &err) != VP_OK)
        fail_msg("\"%s\": %s (%s)", answer, err.message, err.detail);

    EXPECT_INT(status, exchange.status);
    EXPECT_TEXT(body, vp_buf_text(&exchange.body));
    http_exchange_clear(&exchange);
    http_site_free(site);
    fake_server_free(server);
}

TEST(the_usual_shapes_of_http_are_understood)
{
    static const struct {
        const char *answer;
        enum fake_end end;
        int status;
        const char *body;
    } ROWS[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", FAKE_KEEP, 200, "{}" },
        { "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n{}", FAKE_CLOSE, 200, "{}" },
        { "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", FAKE_ABORT, 200, "{}" },
        { "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", FAKE_CLOSE, 200, "{}" },
        { "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}", FAKE_KEEP, 200, "{}" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", FAKE_KEEP, 200, "" },
        { "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", FAKE_KEEP, 200, "{}" },
        { "HTTP/1.1 204 No Content\r\n\r\n", FAKE_KEEP, 204, "" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n", FAKE_KEEP, 200,
          "{}" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n", FAKE_KEEP, 200,
          "{}" },
        { "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", FAKE_KEEP, 200,
          "{}" },
        { "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nAlt-Svc: h3=\":1\"\r\nStrict-Transport-Security: max-age=9\r\n"
          "Content-Length: 2\r\n\r\n{}",
          FAKE_KEEP, 200, "{}" },
    };
    for (size_t i = 0; i < LEN(ROWS); i++)
        expect_taken(ROWS[i].answer, strlen(ROWS[i].answer), ROWS[i].end, ROWS[i].status, ROWS[i].body);
}

/* A new server with this one raw answer, then expect_reason(). */
static void expect_raw(const char *answer, size_t len, enum fake_end end, enum vp_reason reason, unsigned tries)
{
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    fake_server_raw(server, "/x", answer, len, end);
    expect_reason(site, answer, reason, tries, LONG_MS);
    EXPECT_INT(tries, fake_server_count(server, "/x"));
    http_site_free(site);
    fake_server_free(server);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

TEST(an_answer_that_is_not_plain_http_1_1_or_does_not_tell_its_end_is_refused)
{
    static const struct {
        const char *answer;
        enum fake_end end;
    } ROWS[] = {
        { "hello\r\n", FAKE_CLOSE },
        { "<html>HTTP/0.9</html>", FAKE_CLOSE },
        { "{}", FAKE_CLOSE },
        { "SSH-2.0-OpenSSH_9.2\r\n\r\n", FAKE_CLOSE },
        { "220 mail.example ESMTP\r\n\r\n", FAKE_CLOSE },
        { "HTTP/3 200\r\nContent-Length: 2\r\n\r\n{}", FAKE_CLOSE },
        { "HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}", FAKE_CLOSE },
        { "HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}", FAKE_CLOSE },
        { "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}", FAKE_CLOSE },
        /* close-delimited */
        { "HTTP/1.1 200 OK\r\n\r\n{}", FAKE_CLOSE },
        { "HTTP/1.0 200 OK\r\n\r\n{}", FAKE_CLOSE },
        { "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", FAKE_CLOSE },
        { "HTTP/1.1 404 Not Found\r\n\r\n{}", FAKE_CLOSE },
        { "HTTP/1.1 401 Unauthorized\r\n\r\n", FAKE_CLOSE },
        /* lengths */
        { OK_HEAD "Content-Length: -1\r\n\r\n{}", FAKE_CLOSE },
        { OK_HEAD "Content-Length: x\r\n\r\n{}", FAKE_CLOSE },
        { OK_HEAD "Content-Length: \r\n\r\n{}", FAKE_CLOSE },
        { OK_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", FAKE_CLOSE },
        { OK_HEAD "Content-Length: 2\r\nContent-Length: 1\r\n\r\n{}", FAKE_CLOSE },
        { OK_HEAD "Content-Length: 99999999999999999999\r\n\r\n{}", FAKE_CLOSE },
        { OK_HEAD "Content-Length: 4097\r\n\r\n{}", FAKE_CLOSE },
        /* transfer encodings */
        { OK_HEAD "Transfer-Encoding: gzip\r\n\r\n{}", FAKE_CLOSE },
        { OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", FAKE_CLOSE },
        { OK_HEAD "Transfer-Encoding: identity\r\n\r\n{}", FAKE_CLOSE },
        { OK_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", FAKE_CLOSE },
        /* compressed bodies */
        { OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", FAKE_KEEP },
        { OK_HEAD "content-encoding:br\r\nContent-Length: 2\r\n\r\n{}", FAKE_KEEP },
        { OK_HEAD "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", FAKE_KEEP },
        { "HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", FAKE_KEEP },
        { OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Encoding: gzip\r\n\r\n", FAKE_KEEP },
    };
    for (size_t i = 0; i < LEN(ROWS); i++)
        expect_raw(ROWS[i].answer, strlen(ROWS[i].answer), ROWS[i].end, VP_REASON_UPSTREAM_BAD_ANSWER, 1);
}

/* libcurl calls them a broken connection, as which they are tried again. */
TEST(an_answer_of_broken_chunks_is_never_taken)
{
    static const char *const ROWS[] = { "zz\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "2\r\n{}x\r\n0\r\n\r\n",
                                        "\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n{}" };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        char answer[200];
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site *site = site_for(server);
        int len = snprintf(answer, sizeof answer, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n%s", ROWS[i]);
        fake_server_raw(server, "/x", answer, (size_t)len, FAKE_CLOSE);

        if (get(site, "/x", LONG_MS, &exchange, &err) == VP_OK)
            fail_msg("\"%s\" was taken", ROWS[i]);

        EXPECT(err.reason == VP_REASON_UPSTREAM_BAD_ANSWER || err.reason == VP_REASON_UPSTREAM_UNREACHABLE);
        http_exchange_clear(&exchange);
        http_site_free(site);
        fake_server_free(server);
    }
}

TEST(an_answer_that_is_cut_short_is_tried_again_and_never_taken)
{
    static const struct {
        const char *answer;
        enum fake_end end;
        enum vp_reason reason;
    } ROWS[] = {
        { OK_HEAD "Content-Length: 3\r\n\r\n{}", FAKE_CLOSE, VP_REASON_UPSTREAM_UNREACHABLE },
        { OK_HEAD "Content-Length: 3\r\n\r\n", FAKE_CLOSE, VP_REASON_UPSTREAM_UNREACHABLE },
        { OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", FAKE_CLOSE, VP_REASON_UPSTREAM_UNREACHABLE },
        { OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{", FAKE_CLOSE, VP_REASON_UPSTREAM_UNREACHABLE },
        { OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", FAKE_CLOSE, VP_REASON_UPSTREAM_UNREACHABLE },
        { OK_HEAD "Content-Length: 3\r\n\r\n{}", FAKE_ABORT, VP_REASON_UPSTREAM_UNREACHABLE },
        { "", FAKE_CLOSE, VP_REASON_UPSTREAM_UNREACHABLE },
        { "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", FAKE_CLOSE,
          VP_REASON_UPSTREAM_UNREACHABLE },
        { "HTTP/1.1 103 Early Hints\r\n\r\n", FAKE_CLOSE, VP_REASON_UPSTREAM_UNREACHABLE },
        { "", FAKE_ABORT, VP_REASON_UPSTREAM_UNREACHABLE },
        { "", FAKE_RESET, VP_REASON_UPSTREAM_UNREACHABLE },
    };
    for (size_t i = 0; i < LEN(ROWS); i++)
        expect_raw(ROWS[i].answer, strlen(ROWS[i].answer), ROWS[i].end, ROWS[i].reason, 2);
}

TEST(an_answer_is_never_taken_wherever_it_is_cut)
{
    static const char ANSWER[] = OK_HEAD "Content-Length: 7\r\n\r\n{\"a\":1}";
    static const enum fake_end ENDS[] = { FAKE_CLOSE, FAKE_ABORT, FAKE_RESET };
    for (size_t len = 0; len < sizeof ANSWER - 1; len++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site_options options = options_for(server);
        options.max_retries = 0;
        struct http_site *site = make_site(&options);
        fake_server_raw(server, "/x", ANSWER, sizeof ANSWER - 1, FAKE_KEEP);
        fake_server_cut(server, len, ENDS[len % LEN(ENDS)]);

        if (get(site, "/x", LONG_MS, &exchange, &err) == VP_OK)
            fail_msg("%zu bytes were taken as an answer", len);

        EXPECT(err.reason == VP_REASON_UPSTREAM_BAD_ANSWER || err.reason == VP_REASON_UPSTREAM_UNREACHABLE);
        http_exchange_clear(&exchange);
        http_site_free(site);
        fake_server_free(server);
    }
}

static void expect_body(struct http_site *site, const char *target, size_t body_max, bool fits, size_t len)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange = { .target = target, .body_max = body_max };
    enum vp_code code = run_round(site, &exchange, 1, LONG_MS, NULL, &err);
    if (fits) {
        EXPECT_INT(VP_OK, code);
        EXPECT_INT(len, exchange.body.len);
    } else {
        EXPECT_INT(VP_REASON_UPSTREAM_BAD_ANSWER, err.reason);
        EXPECT_INT(1, exchange.tries);
    }
    http_exchange_clear(&exchange);
}

TEST(a_body_may_be_as_long_as_allowed_and_no_byte_longer)
{
    static const char BODY[] = "0123456789";
    static const char CHUNKED[] = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n";
    static const char UNTOLD[] = "HTTP/1.1 500 Oh\r\n\r\n0123456789";
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.max_retries = 0;
    struct http_site *site = make_site(&options);
    fake_server_answer(server, "/length", 200, BODY);
    fake_server_raw(server, "/chunked", CHUNKED, sizeof CHUNKED - 1, FAKE_KEEP);
    fake_server_raw(server, "/untold", UNTOLD, sizeof UNTOLD - 1, FAKE_CLOSE);
    static const char *const TARGETS[] = { "/length", "/chunked", "/untold" };
    for (size_t i = 0; i < LEN(TARGETS); i++) {
        expect_body(site, TARGETS[i], 11, true, 10);
        expect_body(site, TARGETS[i], 10, true, 10);
        expect_body(site, TARGETS[i], 9, false, 0);
        expect_body(site, TARGETS[i], 4, false, 0);
        expect_body(site, TARGETS[i], 1, false, 0);
    }
    http_site_free(site);
    fake_server_free(server);
}

TEST(what_never_ends_is_cut_off_by_size)
{
    static const struct {
        const char *start, *piece;
    } ROWS[] = {
        { OK_HEAD, "X-More: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n" },
        { OK_HEAD "X-Long: ", "0123456789012345678901234567890123456789012345678901234567890123456789" },
        { "HTTP/1.1 ", "0123456789012345678901234567890123456789012345678901234567890123456789" },
        { "", "HTTP/1.1 103 Early Hints\r\nLink: <0123456789012345678901234567890123456789>\r\n\r\n" },
        { "", "HTTP/1.1 100 Continue\r\n\r\n" },
        { OK_HEAD "Transfer-Encoding: chunked\r\n\r\n", "a\r\n0123456789\r\n" },
        { OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
          "X-Trailer: 0123456789012345678901234567890\r\n" },
        { OK_HEAD "\r\n", "0123456789" },
        { "HTTP/1.1 500 Oh\r\n\r\n", "0123456789" },
        { "", "0123456789" },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site *site = site_for(server);
        fake_server_endless(server, "/x", ROWS[i].start, ROWS[i].piece);
        expect_reason(site, ROWS[i].piece, VP_REASON_UPSTREAM_BAD_ANSWER, 1, LONG_MS);
        http_site_free(site);
        fake_server_free(server);
    }
}

TEST(a_redirect_is_an_error_and_nobody_follows_it)
{
    static const int STATUSES[] = { 300, 301, 302, 303, 304, 305, 307, 308, 399 };
    struct fake_server *other = fake_server_new(FAKE_GOOD);
    for (size_t i = 0; i < LEN(STATUSES); i++) {
        struct vp_error err = { 0 };
        char location[128];
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site *site = site_for(server);
        struct vp_secret *bearer = vp_secret_new("geheim", 6);
        struct http_exchange exchange = { .target = "/x", .bearer = bearer, .body_max = BODY_MAX };
        (void)snprintf(location, sizeof location, "Location: https://localhost:%u/evil\r\n",
                       (unsigned)(i % 2 == 0 ? fake_server_port(other) : fake_server_port(server)));
        fake_server_answer_with(server, "/x", STATUSES[i], location, "");

        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, run_round(site, &exchange, 1, LONG_MS, NULL, &err), &err);

        EXPECT_LACKS("evil", err.message);
        EXPECT_LACKS("evil", err.detail);
        EXPECT_INT(1, fake_server_count(server, "/"));
        http_exchange_clear(&exchange);
        vp_secret_free(bearer);
        http_site_free(site);
        fake_server_free(server);
    }
    EXPECT_INT(0, fake_server_connections(other));
    fake_server_free(other);
}

TEST(a_redirect_may_be_an_answer_and_is_not_followed_either)
{
    struct vp_error err = { 0 };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    struct http_exchange exchange = { .target = "/x", .body_max = BODY_MAX, .may_redirect = true };
    fake_server_answer_with(server, "/x", 302, "Location: /evil\r\n", "");

    EXPECT_OK(run_round(site, &exchange, 1, LONG_MS, NULL, &err), &err);

    EXPECT_INT(302, exchange.status);
    EXPECT_INT(1, fake_server_count(server, "/"));
    http_exchange_clear(&exchange);
    http_site_free(site);
    fake_server_free(server);
}

/* ---- trying again ---- */

TEST(what_is_sent_once_is_not_sent_again_whatever_the_answer)
{
    static const int STATUSES[] = { 429, 500, 503 };
    for (size_t i = 0; i < LEN(STATUSES); i++) {
        struct vp_error err = { 0 };
        struct vp_buf body = VP_BUF_INIT(16);
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site_options options = options_for(server);
        options.max_retries = 2;
        struct http_site *site = make_site(&options);
        struct http_exchange exchange = {
            .method = HTTP_POST, .sent_body = &body, .target = "/x", .body_max = BODY_MAX, .once = true
        };
        vp_buf_add_text(&body, "{}");
        fake_server_answer(server, "/x", STATUSES[i], "");

        EXPECT_OK(run_round(site, &exchange, 1, LONG_MS, NULL, &err), &err);

        EXPECT_INT(STATUSES[i], exchange.status);
        EXPECT_INT(1, fake_server_count(server, "/x"));
        http_exchange_clear(&exchange);
        http_site_free(site);
        fake_server_free(server);
        vp_buf_clear(&body);
    }
}

/* Connecting has a share of the time only; on a loaded machine it must not be what runs out. */
static void warm_up(struct http_site *site)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    EXPECT_OK(get(site, "/warm", LONG_MS, &exchange, &err), &err);
    http_exchange_clear(&exchange);
}

TEST(a_server_error_is_tried_again_and_the_last_one_counts)
{
    static const int STATUSES[] = { 429, 500, 502, 503, 504, 599 };
    for (size_t i = 0; i < LEN(STATUSES); i++)
        for (unsigned retries = 0; retries < 3; retries++) {
            struct vp_error err = { 0 };
            struct http_exchange exchange;
            struct fake_server *server = fake_server_new(FAKE_GOOD);
            struct http_site_options options = options_for(server);
            options.max_retries = retries;
            struct http_site *site = make_site(&options);
            fake_server_answer(server, "/x", STATUSES[i], STATUSES[i] == 503 ? "" : "oh");

            EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);

            EXPECT_INT(STATUSES[i], exchange.status);
            EXPECT_TEXT(STATUSES[i] == 503 ? "" : "oh", vp_buf_text(&exchange.body));
            EXPECT_INT(retries + 1, exchange.tries);
            EXPECT_INT(retries + 1, fake_server_count(server, "/x"));
            http_exchange_clear(&exchange);
            http_site_free(site);
            fake_server_free(server);
        }
}

TEST(the_second_try_counts_whatever_the_first_one_brought)
{
    static const char CUT[] = OK_HEAD "Content-Length: 99\r\n\r\n{\"half\":";
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    fake_server_answer(server, "/a", 500, "a long text that must be gone");
    fake_server_answer(server, "/a", 200, "{}");
    fake_server_raw(server, "/b", CUT, sizeof CUT - 1, FAKE_CLOSE);
    fake_server_answer(server, "/b", 200, "{}");
    fake_server_answer(server, "/c", 503, "");
    fake_server_answer(server, "/c", 404, "{}");
    static const char *const TARGETS[] = { "/a", "/b", "/c" };
    for (size_t i = 0; i < LEN(TARGETS); i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        EXPECT_OK(get(site, TARGETS[i], LONG_MS, &exchange, &err), &err);
        EXPECT_INT(i == 2 ? 404 : 200, exchange.status);
        EXPECT_TEXT("{}", vp_buf_text(&exchange.body));
        EXPECT_INT(2, exchange.tries);
        http_exchange_clear(&exchange);
    }
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_server_that_asks_for_more_time_than_there_is_is_not_asked_again)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    fake_server_answer_with(server, "/x", 503, "Retry-After: 30\r\n", "");

    EXPECT_OK(get(site, "/x", 20000, &exchange, &err), &err);

    EXPECT_INT(503, exchange.status);
    EXPECT_INT(1, exchange.tries);
    EXPECT_INT(1, fake_server_count(server, "/x"));
    http_exchange_clear(&exchange);
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_wish_for_time_that_makes_no_sense_is_as_good_as_none)
{
    static const char *const VALUES[] = {
        "0",   "",    "-1", "3600", "31", "99999999999999999999", "1.5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT",
        "0x1", "1 2",
    };
    for (size_t i = 0; i < LEN(VALUES); i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        char line[128];
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site *site = site_for(server);
        (void)snprintf(line, sizeof line, "Retry-After: %s\r\n", VALUES[i]);
        fake_server_answer_with(server, "/x", 503, line, "");
        fake_server_answer(server, "/x", 200, "{}");

        EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);

        EXPECT_INT(200, exchange.status);
        http_exchange_clear(&exchange);
        http_site_free(site);
        fake_server_free(server);
    }
}

/* The first request gets `status` and a wish for half a minute; then another one is made with little time, then one with enough. */
static void expect_pause(int status, bool shared, bool paused)
{
    struct vp_error err = { 0 };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.max_retries = 0;
    struct http_site *site = make_site(&options);
    struct http_site *other = make_site(&options);
    struct http_exchange first = { .target = "/x", .body_max = BODY_MAX, .shared = shared };
    struct http_exchange exchange;
    fake_server_answer(server, "/y", 200, "{}");
    fake_server_answer_with(server, "/x", status, "Retry-After: 30\r\n", "");
    warm_up(site);
    warm_up(other);
    EXPECT_OK(run_round(site, &first, 1, LONG_MS, NULL, &err), &err);
    EXPECT_INT(status, first.status);

    (void)get(site, "/y", SHORT_MS, &exchange, &err);
    EXPECT_INT(paused ? VP_REASON_UPSTREAM_BUSY : VP_REASON_NONE, exchange.error.reason);
    http_exchange_clear(&exchange);
    EXPECT_INT(paused ? 0 : 1, fake_server_count(server, "/y"));
    EXPECT_OK(get(other, "/y", SHORT_MS, &exchange, &err), &err); /* another mount */
    http_exchange_clear(&exchange);
    EXPECT_OK(get(site, "/y", 10000, &exchange, &err), &err); /* it lasts nowhere near the half minute */
    http_exchange_clear(&exchange);
    http_exchange_clear(&first);
    http_site_free(other);
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_server_that_is_overloaded_is_left_alone_by_all)
{
    expect_pause(503, false, true);
    expect_pause(503, true, true);
}

TEST(what_a_callers_token_brings_pauses_nobody_else_and_what_the_mounts_own_brings_does)
{
    expect_pause(429, false, false);
    expect_pause(429, true, true);
    expect_pause(401, false, false);
    expect_pause(500, false, false);
}

TEST(pauses_grow_while_a_server_stays_overloaded_whoever_asks)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.max_retries = 0;
    struct http_site *site = make_site(&options);
    fake_server_answer(server, "/x", 503, "");
    int64_t start_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);

    for (int i = 0; i < 5; i++) {
        EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
        http_exchange_clear(&exchange);
    }

    EXPECT(VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) - start_ms >= 100 + 200 + 400 + 800);
    EXPECT_INT(5, fake_server_count(server, "/x"));
    http_site_free(site);
    fake_server_free(server);
}

/* ---- no answer ---- */

static uint16_t closed_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
    EXPECT(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

TEST(a_server_that_refuses_connections_is_unreachable_after_all_tries)
{
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.origin.port = closed_port();
    options.max_retries = 2;
    struct http_site *site = make_site(&options);
    expect_reason(site, "closed port", VP_REASON_UPSTREAM_UNREACHABLE, 3, LONG_MS);
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_name_that_does_not_exist_is_a_fault_of_its_own)
{
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    struct http_origin origin = { .host = "nonexistent.invalid", .port = 443 };
    options.origin = origin;
    options.max_retries = 0;
    struct http_site *site = make_site(&options);
    expect_reason(site, "no such name", VP_REASON_UPSTREAM_DNS, 1, LONG_MS);
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_server_that_takes_the_connection_and_says_nothing_runs_out_of_time)
{
    struct fake_server *server = fake_server_new(FAKE_SILENT);
    struct http_site_options options = options_for(server);
    options.max_retries = 0;
    struct http_site *site = make_site(&options);
    expect_reason(site, "silent", VP_REASON_UPSTREAM_TIMEOUT, 1, SHORT_MS);
    EXPECT_INT(1, fake_server_connections(server));
    http_site_free(site);
    fake_server_free(server);
}

TEST(connecting_takes_a_part_of_the_time_only_so_that_another_try_fits_in)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    struct fake_server *server = fake_server_new(FAKE_SILENT);
    struct http_site *site = site_for(server);
    EXPECT_FAIL(VP_REASON_UPSTREAM_TIMEOUT, get(site, "/x", 900, &exchange, &err), &err);
    EXPECT_INT(2, exchange.tries);
    http_exchange_clear(&exchange);
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_server_that_got_the_request_and_is_too_slow_is_not_asked_again)
{
    static const char ANSWER[] = OK_HEAD "Content-Length: 2000\r\n\r\n{}";
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);

    fake_server_answer(server, "/x", 200, "{}");
    fake_server_hold(server); /* never */
    warm_up(site);
    expect_reason(site, "never answered", VP_REASON_UPSTREAM_TIMEOUT, 1, SHORT_MS);
    EXPECT_INT(1, fake_server_count(server, "/x"));

    fake_server_forget(server);
    fake_server_answer(server, "/x", 200, "{}");
    fake_server_drip(server, 50);
    warm_up(site);
    expect_reason(site, "slow headers", VP_REASON_UPSTREAM_TIMEOUT, 1, SHORT_MS);

    fake_server_forget(server);
    fake_server_raw(server, "/x", ANSWER, sizeof ANSWER - 1, FAKE_KEEP);
    warm_up(site);
    expect_reason(site, "a body that stalls", VP_REASON_UPSTREAM_TIMEOUT, 1, SHORT_MS);

    fake_server_forget(server);
    fake_server_endless(server, "/x", "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", "x");
    fake_server_drip(server, 50);
    warm_up(site);
    expect_reason(site, "a body byte by byte", VP_REASON_UPSTREAM_TIMEOUT, 1, SHORT_MS);

    http_site_free(site);
    fake_server_free(server);
}

TEST(without_time_nothing_is_tried)
{
    static const int64_t BUDGETS[] = { 0, -1, -100000 };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    for (size_t i = 0; i < LEN(BUDGETS); i++)
        expect_reason(site, "no time", VP_REASON_UPSTREAM_TIMEOUT, 0, BUDGETS[i]);
    EXPECT_INT(0, fake_server_connections(server));
    http_site_free(site);
    fake_server_free(server);
}

/* ---- TLS ---- */

TEST(a_server_that_can_not_be_trusted_gets_no_request)
{
    static const struct {
        enum fake_profile profile;
        const char *what;
        unsigned tries;
    } ROWS[] = {
        { FAKE_WRONG_NAME, "wrong name", 1 },   { FAKE_EXPIRED, "expired", 1 },
        { FAKE_NOT_YET, "not yet valid", 1 },   { FAKE_SELF_SIGNED, "self-signed", 1 },
        { FAKE_TLS_1_1, "TLS 1.1 only", 2 },    { FAKE_PLAIN, "no TLS", 2 },
        { FAKE_HANGS_UP, "closed at once", 2 },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct fake_server *server = fake_server_new(ROWS[i].profile);
        struct http_site *site = site_for(server);
        expect_reason(site, ROWS[i].what, VP_REASON_UPSTREAM_TLS, ROWS[i].tries, LONG_MS);
        EXPECT_INT(0, fake_server_count(server, "/"));
        http_site_free(site);
        fake_server_free(server);
    }
}

TEST(only_the_given_authority_is_trusted)
{
    struct vp_error err = { 0 };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct fake_server *other = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    struct http_site *site = NULL;

    options.ca_pem = fake_server_ca_pem(other);
    site = make_site(&options);
    expect_reason(site, "another CA", VP_REASON_UPSTREAM_TLS, 1, LONG_MS);
    http_site_free(site);

    /* the system's bundle; some systems have none */
    options.ca_pem = NULL;
    if (http_site_new(client, &options, &site, &err) == VP_OK) {
        expect_reason(site, "the system's CAs", VP_REASON_UPSTREAM_TLS, 1, LONG_MS);
        http_site_free(site);
    } else
        EXPECT_INT(VP_REASON_INTERNAL, err.reason);

    EXPECT_INT(0, fake_server_count(server, "/"));
    fake_server_free(other);
    fake_server_free(server);
}

TEST(several_authorities_may_be_given)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct fake_server *other = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    struct vp_buf pem = VP_BUF_INIT(65536);
    vp_buf_add_format(&pem, "# old\n%s# new\n%s", fake_server_ca_pem(other), fake_server_ca_pem(server));
    options.ca_pem = vp_buf_text(&pem);
    fake_server_answer(server, "/x", 200, "{}");
    struct http_site *site = make_site(&options);
    vp_buf_clear(&pem); /* the site keeps a copy */

    EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);

    http_exchange_clear(&exchange);
    http_site_free(site);
    fake_server_free(other);
    fake_server_free(server);
}

TEST(the_certificate_may_be_for_another_name_when_that_is_told)
{
    static const struct {
        enum fake_profile profile;
        const char *host, *name;
        bool trusted;
    } ROWS[] = {
        { FAKE_GOOD, "localhost", NULL, true },
        { FAKE_GOOD, "127.0.0.1", NULL, true },
        { FAKE_GOOD, "127.0.0.1", "api.fake.example", true },
        { FAKE_GOOD, "127.0.0.1", "localhost", true },
        { FAKE_WRONG_NAME, "127.0.0.1", "other.fake.example", true },
        { FAKE_WRONG_NAME, "localhost", "localhost", false },
        { FAKE_WRONG_NAME, "127.0.0.1", "api.fake.example", false },
        { FAKE_GOOD, "127.0.0.1", "other.fake.example", false },
        { FAKE_GOOD, "127.0.0.1", "fake.example", false },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        struct fake_server *server = fake_server_new(ROWS[i].profile);
        struct http_site_options options = options_for(server);
        char line[300];
        (void)snprintf(options.origin.host, sizeof options.origin.host, "%s", ROWS[i].host);
        options.tls_server_name = ROWS[i].name;
        struct http_site *site = make_site(&options);
        fake_server_answer(server, "/x", 200, "{}");
        if (ROWS[i].trusted) {
            EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
            (void)snprintf(line, sizeof line, "\r\nHost: %s:%u\r\n", ROWS[i].host, (unsigned)fake_server_port(server));
            EXPECT_CONTAINS(line, fake_server_last(server, "/x"));
            if (ROWS[i].name != NULL) {
                (void)snprintf(line, sizeof line, "\r\nX-Seen-Sni: %s\r\n", ROWS[i].name);
                EXPECT_CONTAINS(line, fake_server_last(server, "/x"));
            }
            http_exchange_clear(&exchange);
        } else {
            expect_reason(site, "another name", VP_REASON_UPSTREAM_TLS, 1, LONG_MS);
            EXPECT_INT(0, fake_server_count(server, "/"));
        }
        http_site_free(site);
        fake_server_free(server);
    }
}

TEST(a_site_with_a_senseless_name_or_broken_certificates_is_not_made)
{
    static const char *const NAMES[] = { "", " ", "a b", "a/b", "a:443", "user@a", "a\r\nb", "*", "*.example", "a." };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    for (size_t i = 0; i < LEN(NAMES); i++) {
        struct vp_error err = { 0 };
        struct http_site *site = NULL;
        struct http_site_options options = options_for(server);
        options.tls_server_name = NAMES[i];
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, http_site_new(client, &options, &site, &err), &err);
        options = options_for(server);
        (void)snprintf(options.origin.host, sizeof options.origin.host, "%s", NAMES[i]);
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, http_site_new(client, &options, &site, &err), &err);
        EXPECT_NULL(site);
    }
    struct vp_error err = { 0 };
    struct http_site *site = NULL;
    struct http_site_options options = options_for(server);
    options.ca_pem = "garbage";
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, http_site_new(client, &options, &site, &err), &err);
    fake_server_free(server);
}

/* ---- what is sent ---- */

TEST(a_request_holds_what_is_given_and_nothing_that_libcurl_would_add)
{
    struct vp_error err = { 0 };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    struct vp_secret *bearer = vp_secret_new("v2/zzzzz-gj3su-x/abc", 20);
    struct http_exchange exchange = {
        .target = "/x/../y?a=%20b&c", .bearer = bearer, .request_id = "req-A.b_c:1", .body_max = BODY_MAX
    };
    char expected[512];
    fake_server_answer_with(server, "/", 200, "Set-Cookie: a=b; Path=/\r\n", "{}");

    for (int i = 0; i < 2; i++) {
        EXPECT_OK(run_round(site, &exchange, 1, LONG_MS, NULL, &err), &err);
        (void)
            snprintf(expected, sizeof expected,
                     "GET /x/../y?a=%%20b&c HTTP/1.1\r\nHost: localhost:%u\r\nUser-Agent: vault-plugin-auth-arvados\r\n"
                     "Accept: application/json\r\nX-Request-Id: req-A.b_c:1\r\n"
                     "Authorization: Bearer v2/zzzzz-gj3su-x/abc\r\n\r\nX-Seen-Sni: localhost\r\n",
                     (unsigned)fake_server_port(server));
        EXPECT_TEXT(expected, fake_server_last(server, "/"));
    }
    http_exchange_clear(&exchange);

    EXPECT_OK(get(site, "/plain", LONG_MS, &exchange, &err), &err);
    EXPECT_LACKS("Authorization", fake_server_last(server, "/plain"));
    EXPECT_LACKS("X-Request-Id", fake_server_last(server, "/plain"));
    EXPECT_LACKS("Cookie", fake_server_last(server, "/plain"));
    http_exchange_clear(&exchange);
    vp_secret_free(bearer);
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_request_id_that_is_no_plain_word_is_left_out_and_injects_nothing)
{
    static const char *const IDS[] = { "", "a b", "a\r\nX-Injected: 1", "\xC3\xA9", "a/b" };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    fake_server_answer(server, "/", 200, "{}");
    for (size_t i = 0; i < sizeof IDS / sizeof IDS[0]; i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange = { .target = "/x", .request_id = IDS[i], .body_max = BODY_MAX };
        EXPECT_OK(run_round(site, &exchange, 1, LONG_MS, NULL, &err), &err);
        EXPECT_LACKS("X-Request-Id", fake_server_last(server, "/x"));
        EXPECT_LACKS("X-Injected", fake_server_last(server, "/x"));
        http_exchange_clear(&exchange);
    }
    http_site_free(site);
    fake_server_free(server);
}

TEST(an_error_holds_nothing_of_the_token_or_the_answer)
{
    static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Encoding: geheim\r\nX-Geheim: geheim\r\n\r\ngeheim";
    struct vp_error err = { 0 };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    struct vp_secret *bearer = vp_secret_new("geheim", 6);
    struct http_exchange exchange = { .target = "/x", .bearer = bearer, .body_max = BODY_MAX };
    fake_server_raw(server, "/x", ANSWER, sizeof ANSWER - 1, FAKE_CLOSE);

    EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, run_round(site, &exchange, 1, LONG_MS, NULL, &err), &err);

    EXPECT_LACKS("geheim", err.message);
    EXPECT_LACKS("geheim", err.detail);
    http_exchange_clear(&exchange);
    vp_secret_free(bearer);
    http_site_free(site);
    fake_server_free(server);
}

TEST(the_environment_decides_nothing)
{
    static const char *const PROXIES[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                           "ALL_PROXY",  "HTTP_PROXY",  "ftp_proxy" };
    static const char *const OTHERS[] = { "no_proxy",     "NO_PROXY", "CURL_CA_BUNDLE", "SSL_CERT_FILE",
                                          "SSL_CERT_DIR", "NETRC",    "CURL_HOME",      "HOME" };
    char key_log[] = "/tmp/test_http_client_keys.XXXXXX";
    int fd = mkstemp(key_log);
    char proxy[64];
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    EXPECT(fd >= 0);
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", (unsigned)closed_port());
    http_client_free(client);
    client = NULL;
    for (size_t i = 0; i < LEN(PROXIES); i++)
        EXPECT_INT(0, setenv(PROXIES[i], proxy, 1));
    for (size_t i = 0; i < LEN(OTHERS); i++)
        EXPECT_INT(0, setenv(OTHERS[i], "/nonexistent", 1));
    EXPECT_INT(0, setenv("SSLKEYLOGFILE", key_log, 1));
    EXPECT_OK(http_client_new(&client, &err), &err);
    struct http_site *site = site_for(server);
    fake_server_answer(server, "/x", 200, "{}");

    EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);

    EXPECT_INT(0, lseek(fd, 0, SEEK_END));
    (void)close(fd);
    (void)unlink(key_log);
    for (size_t i = 0; i < LEN(PROXIES); i++)
        EXPECT_INT(0, unsetenv(PROXIES[i]));
    for (size_t i = 0; i < LEN(OTHERS); i++)
        EXPECT_INT(0, unsetenv(OTHERS[i]));
    http_exchange_clear(&exchange);
    http_site_free(site);
    fake_server_free(server);
}

/* ---- connections ---- */

TEST(a_connection_is_used_again_from_round_to_round)
{
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    fake_server_answer(server, "/x", 200, "{}");
    for (int i = 0; i < 5; i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
        http_exchange_clear(&exchange);
    }
    EXPECT_INT(5, fake_server_count(server, "/x"));
    EXPECT_INT(1, fake_server_connections(server));
    http_site_free(site);
    fake_server_free(server);
}

TEST(each_connection_is_verified_anew_and_no_session_resumed)
{
    static const char CLOSED[] = OK_HEAD "Content-Length: 2\r\nConnection: close\r\n\r\n{}";
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    fake_server_raw(server, "/x", CLOSED, sizeof CLOSED - 1, FAKE_CLOSE);
    for (int i = 0; i < 3; i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
        http_exchange_clear(&exchange);
    }
    EXPECT_INT(3, fake_server_connections(server));
    EXPECT_INT(0, fake_server_resumed(server));
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_site_never_rides_on_a_connection_of_another_one_to_the_same_server)
{
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    fake_server_answer(server, "/x", 200, "{}");
    for (size_t i = 0; i < 3; i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        struct http_site *site = site_for(server);
        for (int n = 0; n < 2; n++) {
            EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
            http_exchange_clear(&exchange);
        }
        EXPECT_INT(i + 1, fake_server_connections(server));
        http_site_free(site);
    }
    fake_server_free(server);
}

TEST(a_connection_that_the_server_closed_meanwhile_costs_no_try)
{
    static const char ANSWER[] = OK_HEAD "Content-Length: 2\r\n\r\n{}";
    static const enum fake_end ENDS[] = { FAKE_CLOSE, FAKE_ABORT };
    for (size_t i = 0; i < LEN(ENDS); i++) {
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site_options options = options_for(server);
        options.max_retries = 0;
        struct http_site *site = make_site(&options);
        fake_server_raw(server, "/x", ANSWER, sizeof ANSWER - 1, ENDS[i]);
        for (int n = 0; n < 4; n++) {
            struct vp_error err = { 0 };
            struct http_exchange exchange;
            EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
            EXPECT_INT(1, exchange.tries);
            http_exchange_clear(&exchange);
        }
        http_site_free(site);
        fake_server_free(server);
    }
}

TEST(a_used_connection_that_breaks_under_a_request_costs_no_try_but_a_fresh_one_does)
{
    static const enum fake_end ENDS[] = { FAKE_CLOSE, FAKE_ABORT, FAKE_RESET };
    for (size_t i = 0; i < LEN(ENDS); i++) {
        struct vp_error err = { 0 };
        struct http_exchange exchange;
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site_options options = options_for(server);
        options.max_retries = 0;
        struct http_site *site = make_site(&options);
        fake_server_raw(server, "/x", "", 0, ENDS[i]);
        fake_server_answer(server, "/x", 200, "{}");
        fake_server_raw(server, "/x", "", 0, ENDS[i]);
        fake_server_answer(server, "/x", 200, "{}");

        expect_reason(site, "a fresh one", VP_REASON_UPSTREAM_UNREACHABLE, 1, LONG_MS);
        for (int n = 0; n < 2; n++) {
            EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
            EXPECT_INT(1, exchange.tries);
            http_exchange_clear(&exchange);
        }

        EXPECT_INT(4, fake_server_count(server, "/x"));
        EXPECT_INT(3, fake_server_connections(server));
        http_site_free(site);
        fake_server_free(server);
    }
}

static void post(struct http_site *site, bool unique, struct http_exchange *exchange)
{
    struct vp_error err = { 0 };
    struct vp_buf body = VP_BUF_INIT(16);
    vp_buf_add_text(&body, "{}");
    *exchange = (struct http_exchange){ .method = HTTP_POST,
                                        .sent_body = &body,
                                        .target = "/x",
                                        .body_max = BODY_MAX,
                                        .once = true,
                                        .unique = unique };
    (void)run_round(site, exchange, 1, LONG_MS, NULL, &err);
    exchange->sent_body = NULL;
    vp_buf_clear(&body);
}

TEST(what_must_not_be_sent_twice_gets_a_connection_that_is_not_kept)
{
    static const struct {
        bool unique;
        int connections;
    } CASES[] = { { true, 1 }, { false, 4 } };
    for (size_t i = 0; i < LEN(CASES); i++) {
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site *site = site_for(server);
        fake_server_answer(server, "/x", 200, "{}");
        for (int n = 0; n < 3; n++) {
            struct vp_error err = { 0 };
            struct http_exchange exchange;
            post(site, CASES[i].unique, &exchange);
            EXPECT_INT(200, exchange.status);
            http_exchange_clear(&exchange);
            EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
            http_exchange_clear(&exchange);
        }
        EXPECT_INT(6, fake_server_count(server, "/x"));
        EXPECT_INT(CASES[i].connections, fake_server_connections(server));
        http_site_free(site);
        fake_server_free(server);
    }
}

TEST(only_what_the_server_takes_once_is_sent_again_when_a_kept_connection_breaks)
{
    for (int unique = 0; unique < 2; unique++) {
        struct http_exchange exchange;
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site *site = site_for(server);
        warm_up(site);
        fake_server_raw(server, "/x", "", 0, FAKE_CLOSE);
        fake_server_answer(server, "/x", 422, "{}");

        post(site, unique == 1, &exchange);

        EXPECT_INT(unique == 1 ? 422 : 0, exchange.status);
        EXPECT_INT(unique == 1 ? 2 : 1, fake_server_count(server, "/x"));
        http_exchange_clear(&exchange);
        http_site_free(site);
        fake_server_free(server);
    }
}

/* ---- several at once ---- */

TEST(the_exchanges_of_a_round_are_answered_each_for_itself)
{
    struct vp_error err = { 0 };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    struct http_exchange exchanges[] = {
        { .target = "/a", .body_max = BODY_MAX },
        { .target = "/b", .body_max = BODY_MAX },
        { .target = "/c", .body_max = 1 },
        { .target = "/d", .body_max = BODY_MAX },
    };
    fake_server_answer(server, "/a", 200, "\"a\"");
    fake_server_answer(server, "/b", 302, "");
    fake_server_answer(server, "/c", 200, "\"c\"");
    fake_server_answer(server, "/d", 401, "\"d\"");

    EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, run_round(site, exchanges, LEN(exchanges), LONG_MS, NULL, &err), &err);

    EXPECT_CONTAINS("redirects", err.message); /* the first in order */
    EXPECT_INT(200, exchanges[0].status);
    EXPECT_TEXT("\"a\"", vp_buf_text(&exchanges[0].body));
    EXPECT_INT(VP_REASON_NONE, exchanges[0].error.reason);
    EXPECT_INT(VP_REASON_UPSTREAM_BAD_ANSWER, exchanges[1].error.reason);
    EXPECT_INT(VP_REASON_UPSTREAM_BAD_ANSWER, exchanges[2].error.reason);
    EXPECT_INT(401, exchanges[3].status);
    EXPECT_TEXT("\"d\"", vp_buf_text(&exchanges[3].body));
    for (size_t i = 0; i < LEN(exchanges); i++)
        http_exchange_clear(&exchanges[i]);
    EXPECT_OK(run_round(site, exchanges, 0, LONG_MS, NULL, &err), &err);
    http_site_free(site);
    fake_server_free(server);
}

TEST(no_more_requests_run_at_one_time_than_allowed)
{
    static const unsigned LIMITS[] = { 1, 2, 5 };
    for (size_t i = 0; i < LEN(LIMITS); i++) {
        struct vp_error err = { 0 };
        struct fake_server *server = fake_server_new(FAKE_GOOD);
        struct http_site_options options = options_for(server);
        options.max_concurrent = LIMITS[i];
        struct http_site *site = make_site(&options);
        struct http_exchange exchanges[10];
        fake_server_answer(server, "/x", 200, "{}");
        fake_server_delay(server, 10);
        for (size_t n = 0; n < LEN(exchanges); n++)
            exchanges[n] = (struct http_exchange){ .target = "/x", .body_max = BODY_MAX };

        EXPECT_OK(run_round(site, exchanges, LEN(exchanges), LONG_MS, NULL, &err), &err);

        EXPECT_INT(LEN(exchanges), fake_server_count(server, "/x"));
        EXPECT(fake_server_most_at_once(server) <= LIMITS[i]);
        for (size_t n = 0; n < LEN(exchanges); n++) {
            EXPECT_INT(200, exchanges[n].status);
            http_exchange_clear(&exchanges[n]);
        }
        http_site_free(site);
        fake_server_free(server);
    }
}

/* A round in a thread of its own. */
struct call {
    struct http_site *site;
    struct http_exchange exchanges[4];
    size_t n;
    int64_t budget_ms;
    struct vp_cancel cancel;
    enum vp_code code;
    struct vp_error err;
    pthread_t thread;
};

static void *run_call(void *context)
{
    struct call *call = context;
    call->code = run_round(call->site, call->exchanges, call->n, call->budget_ms, &call->cancel, &call->err);
    return NULL;
}

static void start_call(struct call *call, struct http_site *site, const char *target, size_t n)
{
    *call = (struct call){ .site = site, .n = n, .budget_ms = LONG_MS, .cancel = VP_CANCEL_INIT };
    for (size_t i = 0; i < n; i++)
        call->exchanges[i] = (struct http_exchange){ .target = target, .body_max = BODY_MAX };
    EXPECT_INT(0, pthread_create(&call->thread, NULL, run_call, call));
}

static void end_call(struct call *call)
{
    EXPECT_INT(0, pthread_join(call->thread, NULL));
    for (size_t i = 0; i < call->n; i++)
        http_exchange_clear(&call->exchanges[i]);
}

TEST(past_the_queue_a_round_is_refused_as_a_whole_and_at_once)
{
    struct vp_error err = { 0 };
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.max_concurrent = 1;
    options.max_queued = 2;
    struct http_site *site = make_site(&options);
    struct call running;
    struct http_exchange exchanges[4];
    for (size_t i = 0; i < LEN(exchanges); i++)
        exchanges[i] = (struct http_exchange){ .target = "/more", .body_max = BODY_MAX };
    fake_server_answer(server, "/held", 200, "{}");
    fake_server_hold(server);
    fake_server_answer(server, "/more", 200, "{}");

    /* with nothing under way: one runs, two wait, the fourth has no place */
    EXPECT_FAIL(VP_REASON_OVERLOADED, run_round(site, exchanges, 4, LONG_MS, NULL, &err), &err);
    EXPECT_INT(0, fake_server_count(server, "/more"));
    for (size_t i = 0; i < LEN(exchanges); i++)
        EXPECT_INT(VP_REASON_OVERLOADED, exchanges[i].error.reason);
    EXPECT_OK(run_round(site, exchanges, 3, LONG_MS, NULL, &err), &err);
    EXPECT_INT(3, fake_server_count(server, "/more"));

    /* with one under way: two wait and the third has no place */
    start_call(&running, site, "/held", 1);
    fake_server_wait(server, "/held", 1);
    EXPECT_FAIL(VP_REASON_OVERLOADED, run_round(site, exchanges, 3, LONG_MS, NULL, &err), &err);
    EXPECT_FAIL(VP_REASON_OVERLOADED, run_round(site, exchanges, 2, 100, NULL, &err), &err);
    EXPECT_INT(3, fake_server_count(server, "/more"));
    EXPECT_INT(0, exchanges[0].tries);
    /* those that gave up left no trace in the counters */
    EXPECT_FAIL(VP_REASON_OVERLOADED, run_round(site, exchanges, 2, 100, NULL, &err), &err);
    fake_server_release(server);
    end_call(&running);
    EXPECT_OK(run_round(site, exchanges, 3, LONG_MS, NULL, &err), &err);

    for (size_t i = 0; i < LEN(exchanges); i++)
        http_exchange_clear(&exchanges[i]);
    http_site_free(site);
    fake_server_free(server);
}

TEST(after_a_pause_one_request_goes_first_and_the_others_wait_for_its_answer)
{
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.max_retries = 0;
    struct http_site *site = make_site(&options);
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    struct call calls[4];
    fake_server_answer(server, "/x", 503, "");
    EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
    http_exchange_clear(&exchange);
    fake_server_answer(server, "/held", 200, "{}");
    fake_server_hold(server);
    for (size_t i = 0; i < LEN(calls); i++)
        start_call(&calls[i], site, "/held", 1);

    fake_server_wait(server, "/held", 1);
    (void)usleep(200 * 1000); /* the others have had time to come, if nothing held them */
    EXPECT_INT(1, fake_server_count(server, "/held"));
    fake_server_release(server);

    for (size_t i = 0; i < LEN(calls); i++) {
        end_call(&calls[i]);
        EXPECT_INT(VP_OK, calls[i].code);
    }
    EXPECT_INT(LEN(calls), fake_server_count(server, "/held"));
    http_site_free(site);
    fake_server_free(server);
}

TEST(one_site_that_is_full_does_not_hold_up_another_one)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.max_concurrent = 1;
    options.max_queued = 0;
    struct http_site *full = make_site(&options);
    struct http_site *site = site_for(server);
    struct call running;
    fake_server_answer(server, "/held", 200, "{}");
    fake_server_hold(server);
    fake_server_answer(server, "/x", 200, "{}");

    start_call(&running, full, "/held", 1);
    fake_server_wait(server, "/held", 1);
    EXPECT_FAIL(VP_REASON_OVERLOADED, get(full, "/x", LONG_MS, &exchange, &err), &err);
    EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
    fake_server_release(server);
    end_call(&running);
    EXPECT_INT(VP_OK, running.code);

    http_exchange_clear(&exchange);
    http_site_free(full);
    http_site_free(site);
    fake_server_free(server);
}

/* ---- ends ---- */

TEST(a_round_ends_when_its_caller_is_gone_whatever_it_waits_for)
{
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.max_concurrent = 1;
    struct http_site *site = make_site(&options);
    struct call call;
    fake_server_answer(server, "/held", 200, "{}");
    fake_server_hold(server);
    fake_server_answer_with(server, "/later", 503, "Retry-After: 2\r\n", "");

    /* for the answer, and for its turn: the second of the round has to wait for the first */
    start_call(&call, site, "/held", 2);
    fake_server_wait(server, "/held", 1);
    vp_cancel_set(&call.cancel);
    EXPECT_INT(0, pthread_join(call.thread, NULL));
    EXPECT_INT(VP_REASON_CANCELLED, call.err.reason);
    EXPECT_INT(VP_ERR_UNAVAILABLE, call.code);
    EXPECT_INT(VP_REASON_CANCELLED, call.exchanges[1].error.reason);
    EXPECT_INT(0, call.exchanges[1].tries);

    /* for another try */
    start_call(&call, site, "/later", 1);
    fake_server_wait(server, "/later", 1);
    vp_cancel_set(&call.cancel);
    end_call(&call);
    EXPECT_INT(VP_REASON_CANCELLED, call.err.reason);

    /* its place is free again */
    struct vp_error err = { 0 };
    struct http_exchange exchange;
    fake_server_answer(server, "/x", 200, "{}");
    EXPECT_OK(get(site, "/x", LONG_MS, &exchange, &err), &err);
    http_exchange_clear(&exchange);
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_caller_that_was_gone_before_asks_nothing)
{
    struct vp_error err = { 0 };
    struct vp_cancel cancel = VP_CANCEL_INIT;
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    struct http_exchange exchange = { .target = "/x", .body_max = BODY_MAX };
    vp_cancel_set(&cancel);
    EXPECT_FAIL(VP_REASON_CANCELLED, run_round(site, &exchange, 1, LONG_MS, &cancel, &err), &err);
    EXPECT_INT(0, exchange.tries);
    EXPECT_INT(0, fake_server_connections(server));
    http_site_free(site);
    fake_server_free(server);
}

TEST(a_late_word_of_cancellation_has_no_effect)
{
    struct vp_error err = { 0 };
    struct vp_cancel cancel = VP_CANCEL_INIT;
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site *site = site_for(server);
    struct http_exchange exchange = { .target = "/x", .body_max = BODY_MAX };
    fake_server_answer(server, "/x", 200, "{}");
    EXPECT_OK(run_round(site, &exchange, 1, LONG_MS, &cancel, &err), &err);
    vp_cancel_set(&cancel);
    EXPECT_INT(200, exchange.status);
    http_exchange_clear(&exchange);
    http_site_free(site);
    fake_server_free(server);
}

/* ---- many callers ---- */

enum { CALLERS = 8, ROUNDS = 20, PER_ROUND = 3 };

struct caller {
    struct http_site *site;
    char target[16];
    char body[16];
    unsigned n_wrong;
    pthread_t thread;
};

static void *run_caller(void *context)
{
    struct caller *caller = context;
    struct http_exchange exchanges[PER_ROUND] = { 0 };
    struct vp_error err = { 0 };
    for (int i = 0; i < PER_ROUND; i++)
        exchanges[i] = (struct http_exchange){ .target = caller->target, .body_max = BODY_MAX };
    for (int n = 0; n < ROUNDS; n++) {
        if (run_round(caller->site, exchanges, PER_ROUND, LONG_MS, NULL, &err) != VP_OK)
            caller->n_wrong++;
        for (int i = 0; i < PER_ROUND; i++)
            if (exchanges[i].status != 200 || strcmp(vp_buf_text(&exchanges[i].body), caller->body) != 0)
                caller->n_wrong++;
    }
    for (int i = 0; i < PER_ROUND; i++)
        http_exchange_clear(&exchanges[i]);
    return NULL;
}

TEST(rounds_of_many_threads_get_each_their_own_answers)
{
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    struct http_site_options options = options_for(server);
    options.max_concurrent = 6;
    struct http_site *sites[] = { make_site(&options), make_site(&options) };
    struct caller callers[CALLERS] = { 0 };
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i].site = sites[i % 2];
        (void)snprintf(callers[i].target, sizeof callers[i].target, "/caller/%zu", i);
        (void)snprintf(callers[i].body, sizeof callers[i].body, "\"%zu\"", i);
        fake_server_answer(server, callers[i].target, 200, callers[i].body);
    }
    for (size_t i = 0; i < CALLERS; i++)
        EXPECT_INT(0, pthread_create(&callers[i].thread, NULL, run_caller, &callers[i]));
    for (size_t i = 0; i < CALLERS; i++)
        EXPECT_INT(0, pthread_join(callers[i].thread, NULL));
    for (size_t i = 0; i < CALLERS; i++)
        EXPECT_INT(0, callers[i].n_wrong);
    EXPECT_INT(CALLERS * ROUNDS * PER_ROUND, fake_server_count(server, "/caller/"));
    EXPECT(fake_server_most_at_once(server) <= 12);
    http_site_free(sites[0]);
    http_site_free(sites[1]);
    fake_server_free(server);
}

#define WITH_CLIENT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        WITH_CLIENT(every_whole_answer_is_handed_over_with_its_status_and_body),
        WITH_CLIENT(the_usual_shapes_of_http_are_understood),
        WITH_CLIENT(an_answer_that_is_not_plain_http_1_1_or_does_not_tell_its_end_is_refused),
        WITH_CLIENT(an_answer_of_broken_chunks_is_never_taken),
        WITH_CLIENT(an_answer_that_is_cut_short_is_tried_again_and_never_taken),
        WITH_CLIENT(an_answer_is_never_taken_wherever_it_is_cut),
        WITH_CLIENT(a_body_may_be_as_long_as_allowed_and_no_byte_longer),
        WITH_CLIENT(what_never_ends_is_cut_off_by_size),
        WITH_CLIENT(a_redirect_is_an_error_and_nobody_follows_it),
        WITH_CLIENT(a_redirect_may_be_an_answer_and_is_not_followed_either),
        WITH_CLIENT(what_is_sent_once_is_not_sent_again_whatever_the_answer),
        WITH_CLIENT(a_server_error_is_tried_again_and_the_last_one_counts),
        WITH_CLIENT(the_second_try_counts_whatever_the_first_one_brought),
        WITH_CLIENT(a_server_that_asks_for_more_time_than_there_is_is_not_asked_again),
        WITH_CLIENT(a_wish_for_time_that_makes_no_sense_is_as_good_as_none),
        WITH_CLIENT(a_server_that_is_overloaded_is_left_alone_by_all),
        WITH_CLIENT(what_a_callers_token_brings_pauses_nobody_else_and_what_the_mounts_own_brings_does),
        WITH_CLIENT(pauses_grow_while_a_server_stays_overloaded_whoever_asks),
        WITH_CLIENT(a_server_that_refuses_connections_is_unreachable_after_all_tries),
        WITH_CLIENT(a_name_that_does_not_exist_is_a_fault_of_its_own),
        WITH_CLIENT(a_server_that_takes_the_connection_and_says_nothing_runs_out_of_time),
        WITH_CLIENT(connecting_takes_a_part_of_the_time_only_so_that_another_try_fits_in),
        WITH_CLIENT(a_server_that_got_the_request_and_is_too_slow_is_not_asked_again),
        WITH_CLIENT(without_time_nothing_is_tried),
        WITH_CLIENT(a_server_that_can_not_be_trusted_gets_no_request),
        WITH_CLIENT(only_the_given_authority_is_trusted),
        WITH_CLIENT(several_authorities_may_be_given),
        WITH_CLIENT(the_certificate_may_be_for_another_name_when_that_is_told),
        WITH_CLIENT(a_site_with_a_senseless_name_or_broken_certificates_is_not_made),
        WITH_CLIENT(a_request_holds_what_is_given_and_nothing_that_libcurl_would_add),
        WITH_CLIENT(a_request_id_that_is_no_plain_word_is_left_out_and_injects_nothing),
        WITH_CLIENT(an_error_holds_nothing_of_the_token_or_the_answer),
        WITH_CLIENT(the_environment_decides_nothing),
        WITH_CLIENT(a_connection_is_used_again_from_round_to_round),
        WITH_CLIENT(each_connection_is_verified_anew_and_no_session_resumed),
        WITH_CLIENT(a_site_never_rides_on_a_connection_of_another_one_to_the_same_server),
        WITH_CLIENT(a_connection_that_the_server_closed_meanwhile_costs_no_try),
        WITH_CLIENT(a_used_connection_that_breaks_under_a_request_costs_no_try_but_a_fresh_one_does),
        WITH_CLIENT(what_must_not_be_sent_twice_gets_a_connection_that_is_not_kept),
        WITH_CLIENT(only_what_the_server_takes_once_is_sent_again_when_a_kept_connection_breaks),
        WITH_CLIENT(the_exchanges_of_a_round_are_answered_each_for_itself),
        WITH_CLIENT(no_more_requests_run_at_one_time_than_allowed),
        WITH_CLIENT(past_the_queue_a_round_is_refused_as_a_whole_and_at_once),
        WITH_CLIENT(after_a_pause_one_request_goes_first_and_the_others_wait_for_its_answer),
        WITH_CLIENT(one_site_that_is_full_does_not_hold_up_another_one),
        WITH_CLIENT(a_round_ends_when_its_caller_is_gone_whatever_it_waits_for),
        WITH_CLIENT(a_caller_that_was_gone_before_asks_nothing),
        WITH_CLIENT(a_late_word_of_cancellation_has_no_effect),
        WITH_CLIENT(rounds_of_many_threads_get_each_their_own_answers),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
