/* Rounds of three parallel GETs as a login asks them, so many at one time, over HTTP/1.1 or HTTP/2: what does it cost the client?
 *
 *   bench-rounds URL CA_FILE 1|2 AT_ONCE SECONDS
 *
 * One curl_multi thread with pooled connections, as src/http has it. Prints one line of JSON; times in microseconds. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROUND = 3, ROUNDS_MAX = 4096, WAIT_MS = 1000, SAMPLES_MAX = 1 << 20 };

#define MUST(condition)                                                                 \
    do {                                                                                \
        if (!(condition)) {                                                             \
            (void)fprintf(stderr, "bench-rounds: line %d: %s\n", __LINE__, #condition); \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)

struct round {
    CURL *easy[ROUND];
    int n_left;
    int64_t began_us;
};

static CURLM *multi;
static uint32_t took_us[SAMPLES_MAX];
static size_t n_took;
static int n_active; /* rounds */
static long n_connects;

static int64_t us_of(long seconds, long microseconds)
{
    return seconds * INT64_C(1000000) + microseconds;
}

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return us_of(now.tv_sec, now.tv_nsec / 1000);
}

static int64_t cpu_us(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return us_of(used.ru_utime.tv_sec + used.ru_stime.tv_sec, used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static size_t drop(char *bytes, size_t size, size_t n, void *unused)
{
    (void)bytes;
    (void)unused;
    return size * n;
}

static CURL *new_easy(const char *url, const char *ca_file, bool http2, struct round *round)
{
    CURL *easy = curl_easy_init();
    MUST(easy != NULL);
    MUST(curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK);
    MUST(curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK);
    MUST(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1) ==
         CURLE_OK);
    MUST(curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L) == CURLE_OK);
    MUST(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK);
    MUST(curl_easy_setopt(easy, CURLOPT_PRIVATE, round) == CURLE_OK);
    return easy;
}

static void begin(struct round *round)
{
    round->began_us = now_us();
    round->n_left = ROUND;
    n_active++;
    for (int i = 0; i < ROUND; i++)
        MUST(curl_multi_add_handle(multi, round->easy[i]) == CURLM_OK);
}

/* A request has ended; with the last of its round the next one begins. */
static void end_one(CURL *easy, CURLcode code, bool go_on, bool http2)
{
    struct round *round = NULL;
    long status = 0;
    long version = 0;
    long connects = 0;
    MUST(code == CURLE_OK);
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&round);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    (void)curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
    MUST(status == 200 && version == (http2 ? CURL_HTTP_VERSION_2_0 : CURL_HTTP_VERSION_1_1));
    n_connects += connects;
    MUST(curl_multi_remove_handle(multi, easy) == CURLM_OK);
    if (--round->n_left > 0)
        return;
    n_active--;
    MUST(n_took < SAMPLES_MAX);
    took_us[n_took++] = (uint32_t)(now_us() - round->began_us);
    if (go_on)
        begin(round);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    static struct round rounds[ROUNDS_MAX];
    MUST(argc == 6);
    bool http2 = strcmp(argv[3], "2") == 0;
    int n = atoi(argv[4]);
    MUST(n >= 1 && n <= ROUNDS_MAX);
    MUST(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && (multi = curl_multi_init()) != NULL);
    MUST(curl_multi_setopt(multi, CURLMOPT_PIPELINING, http2 ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING) == CURLM_OK);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < ROUND; j++)
            rounds[i].easy[j] = new_easy(argv[1], argv[2], http2, &rounds[i]);
    int64_t began_us = now_us();
    int64_t end_us = began_us + us_of(atoi(argv[5]), 0);
    int64_t cpu_before_us = cpu_us();
    for (int i = 0; i < n; i++)
        begin(&rounds[i]);
    while (n_active > 0) {
        CURLMsg *message;
        int n_running;
        int n_queued;
        MUST(curl_multi_perform(multi, &n_running) == CURLM_OK);
        while ((message = curl_multi_info_read(multi, &n_queued)) != NULL)
            end_one(message->easy_handle, message->data.result, now_us() < end_us, http2);
        MUST(n_active == 0 || curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL) == CURLM_OK);
    }
    int64_t cpu = cpu_us() - cpu_before_us;
    qsort(took_us, n_took, sizeof took_us[0], compare);
    (void)printf("{\"rounds\":%zu,\"seconds\":%.3f,\"p50\":%u,\"p99\":%u,\"cpu_us\":%.1f,\"connections\":%ld}\n",
                 n_took, (double)(now_us() - began_us) / 1e6, took_us[n_took / 2], took_us[n_took * 99 / 100],
                 (double)cpu / (double)n_took, n_connects);
    return EXIT_SUCCESS;
}
