/* Many clients that send one request again and again, each over a connection of its own, and how long each took.
 *
 *   bench-load URL CA_FILE CLIENTS seconds N      clients go on for so long
 *   bench-load URL CA_FILE CLIENTS requests N     until so many were sent in all
 *   bench-load URL CA_FILE CLIENTS leave N        one request each, and all leave after so many seconds, answered or not
 *
 * The body comes by standard input, since it holds a token. Prints one line of JSON; latencies in microseconds. */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BODY_MAX = 64 * 1024, STACK_BYTES = 256 * 1024, STATUS_OK = 200, STATUSES = 600, TIMEOUT_S = 100 };

#define MUST(condition)                                                               \
    do {                                                                              \
        if (!(condition)) {                                                           \
            (void)fprintf(stderr, "bench-load: line %d: %s\n", __LINE__, #condition); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

static const char *url, *ca_file;
static char body[BODY_MAX];
static bool leaves;
static int64_t end_us;
static atomic_long n_left;
static atomic_size_t by_status[STATUSES];
static pthread_barrier_t ready; /* all threads are there: now they start */

struct client {
    pthread_t thread;
    uint32_t *took_us;
    size_t n, room;
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static size_t drop(char *bytes, size_t size, size_t n, void *unused)
{
    (void)bytes;
    (void)unused;
    return size * n;
}

static void note(struct client *client, int64_t took_us)
{
    if (client->n == client->room) {
        client->room = client->room == 0 ? 1024 : 2 * client->room;
        client->took_us = realloc(client->took_us, client->room * sizeof *client->took_us);
        MUST(client->took_us != NULL);
    }
    client->took_us[client->n++] = (uint32_t)took_us;
}

static CURL *make_handle(struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();
    MUST(easy != NULL);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    return easy;
}

/* A connection each, made before the clock starts: hosts are compared at answering, not at TLS. */
static void connect_first(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    char health[512];
    const char *path = strstr(url, "/v1/");
    MUST(path != NULL);
    (void)snprintf(health, sizeof health, "%.*s/v1/sys/seal-status", (int)(path - url), url);
    (void)curl_easy_setopt(easy, CURLOPT_URL, health);
    MUST(curl_easy_perform(easy) == CURLE_OK);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
}

static void ask_once(struct client *client, CURL *easy)
{
    long status = 0;
    int64_t started = now_us();
    if (leaves)
        (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((end_us - started) / 1000));
    if (curl_easy_perform(easy) == CURLE_OK)
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    atomic_fetch_add(&by_status[status < 0 || status >= STATUSES ? 0 : status], 1);
    if (status == STATUS_OK)
        note(client, now_us() - started);
}

static void *run(void *context)
{
    struct client *client = context;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *easy = make_handle(headers);
    connect_first(easy);
    (void)pthread_barrier_wait(&ready); /* whoever leads sets the clock in between */
    (void)pthread_barrier_wait(&ready);
    while ((end_us == 0 || now_us() < end_us) && atomic_fetch_sub(&n_left, 1) > 0)
        ask_once(client, easy);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void tell(struct client *clients, size_t n_clients, int64_t took_us)
{
    size_t n = 0;
    for (size_t i = 0; i < n_clients; i++)
        n += clients[i].n;
    uint32_t *all = calloc(n + 1, sizeof *all);
    MUST(all != NULL);
    size_t at = 0;
    for (size_t i = 0; i < n_clients; i++)
        for (size_t j = 0; j < clients[i].n; j++)
            all[at++] = clients[i].took_us[j];
    qsort(all, n, sizeof *all, compare);
    (void)printf("{\"seconds\": %.6f, \"ok\": %zu, \"statuses\": {", (double)took_us / 1e6, n);
    const char *comma = "";
    for (int i = 0; i < STATUSES; i++)
        if (by_status[i] > 0) {
            (void)printf("%s\"%d\": %zu", comma, i, (size_t)by_status[i]);
            comma = ", ";
        }
    (void)printf("}, \"p50\": %u, \"p90\": %u, \"p99\": %u, \"max\": %u}\n", n == 0 ? 0 : all[n / 2],
                 n == 0 ? 0 : all[n * 9 / 10], n == 0 ? 0 : all[n * 99 / 100], n == 0 ? 0 : all[n - 1]);
    free(all);
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

int main(int argc, char **argv)
{
    MUST(argc == 6);
    url = argv[1];
    ca_file = argv[2];
    size_t n_clients = strtoul(argv[3], NULL, 10);
    long limit = strtol(argv[5], NULL, 10);
    bool by_time = strcmp(argv[4], "seconds") == 0;
    leaves = strcmp(argv[4], "leave") == 0;
    MUST(n_clients > 0 && limit > 0);
    MUST(fread(body, 1, sizeof body - 1, stdin) > 0);
    raise_descriptors();
    MUST(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    atomic_store(&n_left, by_time ? INT32_MAX : leaves ? (long)n_clients : limit);

    pthread_attr_t small;
    struct client *clients = calloc(n_clients, sizeof *clients);
    MUST(clients != NULL && pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, STACK_BYTES) == 0);
    MUST(pthread_barrier_init(&ready, NULL, (unsigned)n_clients + 1) == 0);
    for (size_t i = 0; i < n_clients; i++)
        MUST(pthread_create(&clients[i].thread, &small, run, &clients[i]) == 0);
    (void)pthread_barrier_wait(&ready);
    int64_t started = now_us();
    end_us = by_time || leaves ? started + limit * 1000000 : 0;
    (void)pthread_barrier_wait(&ready);
    for (size_t i = 0; i < n_clients; i++)
        (void)pthread_join(clients[i].thread, NULL);
    tell(clients, n_clients, now_us() - started);
    return 0;
}
