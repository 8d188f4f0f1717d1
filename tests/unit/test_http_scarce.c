/* What a round does when the machine itself fails it: a resolver that hangs, no descriptors left. */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vp/clock.h"
#include "vp/http.h"

#include "check.h"
#include "fake_server.h"

enum { LONG_MS = 20 * 1000, SHORT_MS = 600, DESCRIPTORS_MAX = 128, RUN_MAX_S = 120 };

/* ---- a resolver that hangs over one name until it is let go ---- */

static const char HANGING_NAME[] = "hanging.fake.example";

static struct {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t change;
    bool released;
    unsigned n_asked;
    unsigned n_inside;
} resolver = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

static void hang(void)
{
    pthread_mutex_lock(&resolver.lock);
    resolver.n_asked++;
    resolver.n_inside++;
    while (!resolver.released)
        pthread_cond_wait(&resolver.change, &resolver.lock);
    resolver.n_inside--;
    pthread_cond_broadcast(&resolver.change);
    pthread_mutex_unlock(&resolver.lock);
}

static unsigned release_resolver(void)
{
    pthread_mutex_lock(&resolver.lock);
    resolver.released = true;
    pthread_cond_broadcast(&resolver.change);
    while (resolver.n_inside > 0)
        pthread_cond_wait(&resolver.change, &resolver.lock);
    unsigned n_asked = resolver.n_asked;
    pthread_mutex_unlock(&resolver.lock);
    return n_asked;
}

/* Stands before libc's for libcurl as well. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_addresses)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    if (node != NULL && strcmp(node, HANGING_NAME) == 0) {
        hang();
        return EAI_NONAME;
    }
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof real);
    return real(node, service, hints, ret_addresses);
}

/* ---- rounds ---- */

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

static struct http_site *new_site(struct http_client *client, const char *host, struct fake_server *server)
{
    struct vp_error err = { 0 };
    struct http_site *site = NULL;
    struct http_site_options options = {
        .origin.port = fake_server_port(server),
        .ca_pem = fake_server_ca_pem(server),
        .max_concurrent = 4,
        .max_queued = 4,
    };
    (void)snprintf(options.origin.host, sizeof options.origin.host, "%s", host);
    EXPECT_OK(http_site_new(client, &options, &site, &err), &err);
    return site;
}

/* One request within `ms`; the reason of its failure. */
static enum vp_reason ask(struct http_site *site, int64_t ms)
{
    struct vp_error err = { 0 };
    struct http_exchange exchange = { .target = "/x", .body_max = 100 };
    enum vp_code code = run_round(site, &exchange, 1, ms, NULL, &err);
    EXPECT_INT(vp_reason_code(err.reason), code);
    http_exchange_clear(&exchange);
    return err.reason;
}

struct background {
    struct http_site *site;
    pthread_t thread;
    enum vp_reason reason;
};

static void *ask_in_background(void *context)
{
    struct background *background = context;
    background->reason = ask(background->site, SHORT_MS);
    return NULL;
}

TEST(a_resolver_that_hangs_is_a_dns_fault_and_holds_up_nobody_else)
{
    struct vp_error err = { 0 };
    struct http_client *client = NULL;
    EXPECT_OK(http_client_new(&client, &err), &err);
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    fake_server_answer(server, "/x", 200, "{}");
    struct http_site *good = new_site(client, "localhost", server);
    struct background hanging = { .site = new_site(client, HANGING_NAME, server) };
    EXPECT_INT(0, pthread_create(&hanging.thread, NULL, ask_in_background, &hanging));

    /* As long as nobody lets the resolver go, these would wait if anything waited for it. */
    for (int i = 0; i < 20; i++)
        EXPECT_INT(VP_REASON_NONE, ask(good, LONG_MS));
    EXPECT_INT(0, pthread_join(hanging.thread, NULL));
    EXPECT_INT(VP_REASON_UPSTREAM_DNS, hanging.reason);
    EXPECT_INT(VP_REASON_NONE, ask(good, LONG_MS));

    http_site_free(hanging.site);
    http_site_free(good);
    http_client_free(client);
    EXPECT(release_resolver() > 0);
    fake_server_free(server);
}

/* ---- descriptors ---- */

struct scarcity {
    struct rlimit before;
    int taken[DESCRIPTORS_MAX];
    size_t n;
};

static void take_descriptors(struct scarcity *scarcity)
{
    EXPECT_INT(0, getrlimit(RLIMIT_NOFILE, &scarcity->before));
    struct rlimit few = { DESCRIPTORS_MAX, scarcity->before.rlim_max };
    EXPECT_INT(0, setrlimit(RLIMIT_NOFILE, &few));
    int fd;
    while (scarcity->n < DESCRIPTORS_MAX && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        scarcity->taken[scarcity->n++] = fd;
}

static void give_back(struct scarcity *scarcity, size_t n)
{
    while (n-- > 0 && scarcity->n > 0)
        (void)close(scarcity->taken[--scarcity->n]);
}

static void end_scarcity(struct scarcity *scarcity)
{
    give_back(scarcity, DESCRIPTORS_MAX);
    EXPECT_INT(0, setrlimit(RLIMIT_NOFILE, &scarcity->before));
}

TEST(without_descriptors_a_round_fails_in_time_and_the_next_one_passes)
{
    struct vp_error err = { 0 };
    struct scarcity scarcity = { 0 };
    struct http_client *client = NULL;
    EXPECT_OK(http_client_new(&client, &err), &err);
    struct fake_server *server = fake_server_new(FAKE_GOOD);
    fake_server_answer(server, "/x", 200, "{}");
    struct http_site *site = new_site(client, "127.0.0.1", server);

    take_descriptors(&scarcity);
    EXPECT_INT(VP_ERR_UNAVAILABLE, vp_reason_code(ask(site, SHORT_MS)));
    end_scarcity(&scarcity);
    EXPECT_INT(VP_REASON_NONE, ask(site, LONG_MS));

    http_site_free(site);
    http_client_free(client);
    fake_server_free(server);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_resolver_that_hangs_is_a_dns_fault_and_holds_up_nobody_else),
        CASE(without_descriptors_a_round_fails_in_time_and_the_next_one_passes),
    };
    (void)alarm(RUN_MAX_S); /* a transfer thread that waits for the resolver would wait for ever */
    return cmocka_run_group_tests(cases, NULL, NULL);
}
