/* Each call of the http room that can fail, libcurl's options too, failed in turn over the life of a client, a site and a round to a
 * port where nobody listens: told as what it is, nothing lost, and the next round is as good as ever. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vp/clock.h"
#include "vp/http.h"

#include "check.h"
#include "failing.h"

static uint16_t deaf_port;

/* Bound and not listening: connections are refused, and nobody else takes it. */
static int take_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_INT(0, bind(fd, (const struct sockaddr *)&address, sizeof address));
    EXPECT_INT(0, getsockname(fd, (struct sockaddr *)&address, &len));
    deaf_port = ntohs(address.sin_port);
    return fd;
}

static enum vp_code round_of(struct http_client *client, struct vp_error *err)
{
    struct http_site *site = NULL;
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    struct http_site_options options = {
        .origin = { .host = "127.0.0.1", .port = deaf_port }, .tls_server_name = "arvados.test", .max_concurrent = 2, .max_queued = 4
    };
    VP_TRY(http_site_new(client, &options, &site, err));
    failing_pause();
    token = vp_secret_new("v2/x", 4);
    failing_resume();
    struct http_exchange exchanges[2] = {
        { .target = "/a", .bearer = token, .request_id = "r-1", .body_max = 100 },
        { .target = "/b", .bearer = token, .request_id = "r-2", .body_max = 100 },
    };
    const struct http_terms terms = { .deadline_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + 500 };
    enum vp_code code = http_round(site, exchanges, 2, &terms, err);
    for (size_t i = 0; i < 2; i++)
        http_exchange_clear(&exchanges[i]);
    http_site_free(site);
    return code;
}

static enum vp_code life(struct vp_error *err)
{
    struct http_client *client = NULL;
    VP_TRY(http_client_new(&client, err));
    enum vp_code code = round_of(client, err);
    http_client_free(client);
    return code;
}

/* Nobody answers, so no outcome is a success; what it is called depends on what failed. */
static void check_outcome(enum vp_code code, const struct vp_error *err, unsigned n)
{
    if (code != VP_OK && (err->reason == VP_REASON_INTERNAL || err->reason == VP_REASON_UPSTREAM_UNREACHABLE ||
                          err->reason == VP_REASON_UPSTREAM_TIMEOUT))
        return;
    fail_msg("call %u (%s): %s: %s", n, failing_last(), vp_reason_word(err->reason), err->message);
}

TEST(whatever_fails_is_told_and_nothing_is_lost)
{
    struct vp_error err = { 0 };
    int fd = take_port();
    failing_nth(0);
    EXPECT_FAIL(VP_REASON_UPSTREAM_UNREACHABLE, life(&err), &err);
    unsigned calls = failing_stop();
    EXPECT(calls > 50);
    for (unsigned n = 1; n <= calls + 5; n++) {
        err = (struct vp_error){ 0 };
        failing_nth(n);
        enum vp_code code = life(&err);
        (void)failing_stop();
        check_outcome(code, &err, n);
    }
    EXPECT_FAIL(VP_REASON_UPSTREAM_UNREACHABLE, life(&err), &err);
    print_message("%u calls failed in turn\n", calls);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest cases[] = { CASE(whatever_fails_is_told_and_nothing_is_lost) };
    return cmocka_run_group_tests_name("http_torture", cases, NULL, NULL);
}
