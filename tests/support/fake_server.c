#include "fake_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 128 * 1024, DAY_S = 24 * 3600, SERVER_YEARS_S = 365 * DAY_S };

/* Set-up that fails leaves nothing to test. */
#define MUST(condition)                                                                        \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            (void)fprintf(stderr, "%s:%d: fake server: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

struct rule {
    char *prefix;
    char *bytes;
    size_t len;
    size_t piece_at; /* from here on it repeats; len: it does not */
    size_t cut_at;
    enum fake_end end;
    int delay_ms;
    int drip_ms;
    bool held;
    bool used;
    struct rule *next; /* in order of scripting */
};

struct request {
    char *head;
    const char *target; /* in head */
    size_t target_len;
    bool forgotten;
    struct request *next; /* latest first */
};

struct connection {
    struct fake_server *server;
    pthread_t thread;
    int fd; /* -1 once closed; guarded by the server's lock */
    struct connection *next;
};

struct fake_server {
    enum fake_profile profile;
    SSL_CTX *context;
    char *ca_pem;
    int fd;
    uint16_t port;
    pthread_t thread;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t change;
    struct rule *rules;
    struct rule *spent; /* forgotten while an answer may still be read from them */
    struct request *requests;
    struct connection *connections;
    size_t n_connections;
    size_t n_resumed;
    size_t n_busy;
    size_t most_busy;
    bool released;
    bool stopping;
};

/* ---- certificates ---- */

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    MUST(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *make_certificate(EVP_PKEY *key, const char *name, const char *issuer, EVP_PKEY *issuer_key, long from_s,
                              long until_s)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    MUST(certificate != NULL);
    X509_NAME *names[] = { X509_get_subject_name(certificate), X509_get_issuer_name(certificate) };
    const char *const texts[] = { name, issuer };
    for (int i = 0; i < 2; i++)
        MUST(X509_NAME_add_entry_by_txt(names[i], "CN", MBSTRING_ASC, (const unsigned char *)texts[i], -1, -1, 0) == 1);
    MUST(X509_set_version(certificate, 2) == 1);
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(certificate), __atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED)) == 1);
    MUST(X509_gmtime_adj(X509_getm_notBefore(certificate), from_s) != NULL);
    MUST(X509_gmtime_adj(X509_getm_notAfter(certificate), until_s) != NULL);
    MUST(X509_set_pubkey(certificate, key) == 1);
    if (key == issuer_key && strcmp(name, issuer) == 0 && strstr(name, "CA") != NULL) {
        add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    return certificate;
}

static void sign(X509 *certificate, EVP_PKEY *key)
{
    MUST(X509_sign(certificate, key, EVP_sha256()) > 0);
}

static char *to_pem(X509 *certificate)
{
    char *bytes = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(bio != NULL && PEM_write_bio_X509(bio, certificate) == 1);
    long len = BIO_get_mem_data(bio, &bytes);
    char *pem = strndup(bytes, (size_t)len);
    BIO_free(bio);
    MUST(pem != NULL);
    return pem;
}

static void set_up_tls(struct fake_server *server)
{
    static unsigned n_servers;
    char ca_name[32];
    enum fake_profile profile = server->profile;
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    MUST(ca_key != NULL && key != NULL);
    (void)snprintf(ca_name, sizeof ca_name, "fake CA %u", __atomic_fetch_add(&n_servers, 1, __ATOMIC_RELAXED));
    X509 *ca = make_certificate(ca_key, ca_name, ca_name, ca_key, -DAY_S, SERVER_YEARS_S);
    sign(ca, ca_key);
    server->ca_pem = to_pem(ca);

    bool self_signed = profile == FAKE_SELF_SIGNED;
    long from_s = profile == FAKE_EXPIRED ? -2 * DAY_S : profile == FAKE_NOT_YET ? DAY_S : -DAY_S;
    long until_s = profile == FAKE_EXPIRED ? -DAY_S : SERVER_YEARS_S;
    X509 *certificate = make_certificate(key, "fake server", self_signed ? "fake server" : ca_name,
                                         self_signed ? key : ca_key, from_s, until_s);
    add_extension(certificate, NID_subject_alt_name,
                  profile == FAKE_WRONG_NAME ? "DNS:other.fake.example"
                                             : "DNS:localhost,DNS:api.fake.example,IP:127.0.0.1");
    sign(certificate, self_signed ? key : ca_key);

    server->context = SSL_CTX_new(TLS_server_method());
    MUST(server->context != NULL);
    MUST(SSL_CTX_use_certificate(server->context, certificate) == 1);
    MUST(SSL_CTX_use_PrivateKey(server->context, key) == 1);
    if (profile == FAKE_TLS_1_1) {
        MUST(SSL_CTX_set_cipher_list(server->context, "ALL:@SECLEVEL=0") == 1);
        MUST(SSL_CTX_set_min_proto_version(server->context, TLS1_1_VERSION) == 1);
        MUST(SSL_CTX_set_max_proto_version(server->context, TLS1_1_VERSION) == 1);
    }
    X509_free(certificate);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

/* ---- one connection ---- */

/* An end of a connection, with TLS or without. */
struct line {
    int fd;
    SSL *ssl;
};

static int line_read(struct line *line, char *bytes, int size)
{
    return line->ssl == NULL ? (int)read(line->fd, bytes, (size_t)size) : SSL_read(line->ssl, bytes, size);
}

static bool line_write(struct line *line, const char *bytes, size_t len)
{
    while (len > 0) {
        int piece = len > 16384 ? 16384 : (int)len;
        int n = line->ssl == NULL ? (int)write(line->fd, bytes, (size_t)piece) : SSL_write(line->ssl, bytes, piece);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* False when the server ends meanwhile. */
static bool sleep_ms(struct fake_server *server, int ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&server->lock);
    while (!server->stopping && pthread_cond_timedwait(&server->change, &server->lock, &until) == 0) {
    }
    bool stopping = server->stopping;
    pthread_mutex_unlock(&server->lock);
    return !stopping;
}

static bool wait_release(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    while (!server->stopping && !server->released)
        pthread_cond_wait(&server->change, &server->lock);
    bool stopping = server->stopping;
    pthread_mutex_unlock(&server->lock);
    return !stopping;
}

/* A head up to its empty line, as a heap string; NULL: none came. */
static char *read_head(struct line *line)
{
    char *head = calloc(1, HEAD_MAX + 1);
    size_t len = 0;
    MUST(head != NULL);
    while (len < HEAD_MAX) {
        int n = line_read(line, head + len, (int)(HEAD_MAX - len));
        if (n <= 0)
            break;
        len += (size_t)n;
        if (strstr(head, "\r\n\r\n") != NULL)
            return head;
    }
    free(head);
    return NULL;
}

static struct request *make_request(const char *head, const char *sni)
{
    struct request *request = calloc(1, sizeof *request);
    size_t size = strlen(head) + strlen(sni) + 32;
    MUST(request != NULL);
    request->head = malloc(size);
    MUST(request->head != NULL);
    (void)snprintf(request->head, size, "%sX-Seen-Sni: %s\r\n", head, sni);
    const char *space = strchr(request->head, ' ');
    request->target = space == NULL ? "" : space + 1;
    request->target_len = strcspn(request->target, " \r\n");
    return request;
}

static bool fits(const struct request *request, const char *prefix)
{
    return !request->forgotten && strlen(prefix) <= request->target_len &&
           memcmp(request->target, prefix, strlen(prefix)) == 0;
}

static bool is_last_of_prefix(const struct rule *rule)
{
    for (const struct rule *other = rule->next; other != NULL; other = other->next)
        if (strcmp(other->prefix, rule->prefix) == 0)
            return false;
    return true;
}

/* With the lock held. */
static const struct rule *find_rule(struct fake_server *server, const struct request *request)
{
    struct rule *best = NULL;
    for (struct rule *rule = server->rules; rule != NULL; rule = rule->next) {
        if (!fits(request, rule->prefix) || (rule->used && !is_last_of_prefix(rule)))
            continue;
        if (best == NULL || strlen(rule->prefix) > strlen(best->prefix))
            best = rule;
    }
    if (best != NULL)
        best->used = true;
    return best;
}

static const struct rule *take_request(struct fake_server *server, struct request *request)
{
    pthread_mutex_lock(&server->lock);
    const struct rule *rule = find_rule(server, request);
    request->next = server->requests;
    server->requests = request;
    server->n_busy++;
    if (server->n_busy > server->most_busy)
        server->most_busy = server->n_busy;
    pthread_cond_broadcast(&server->change);
    pthread_mutex_unlock(&server->lock);
    return rule;
}

static void end_request(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->n_busy--;
    pthread_mutex_unlock(&server->lock);
}

static bool write_slowly(struct fake_server *server, struct line *line, const char *bytes, size_t len, int drip_ms)
{
    if (drip_ms == 0)
        return line_write(line, bytes, len);
    for (size_t i = 0; i < len; i++)
        if (!line_write(line, bytes + i, 1) || !sleep_ms(server, drip_ms))
            return false;
    return true;
}

/* False when there will be none. */
static bool wait_for_turn(struct fake_server *server, const struct rule *rule)
{
    if (rule != NULL && rule->held && !wait_release(server))
        return false;
    return rule == NULL || rule->delay_ms == 0 || sleep_ms(server, rule->delay_ms);
}

/* What becomes of the connection. */
static enum fake_end give_answer(struct fake_server *server, struct line *line, const struct rule *rule)
{
    static const char NOTHING[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 27\r\n\r\n{\"errors\":[\"not scripted\"]}";
    if (rule == NULL)
        return line_write(line, NOTHING, strlen(NOTHING)) ? FAKE_KEEP : FAKE_ABORT;
    size_t len = rule->cut_at < rule->len ? rule->cut_at : rule->len;
    if (!write_slowly(server, line, rule->bytes, len, rule->drip_ms))
        return FAKE_ABORT;
    while (rule->piece_at < rule->len)
        if (!write_slowly(server, line, rule->bytes + rule->piece_at, rule->len - rule->piece_at, rule->drip_ms))
            return FAKE_ABORT;
    return rule->end;
}

static enum fake_end talk(struct fake_server *server, struct line *line)
{
    const char *sni = line->ssl == NULL ? NULL : SSL_get_servername(line->ssl, TLSEXT_NAMETYPE_host_name);
    enum fake_end end = FAKE_KEEP;
    while (end == FAKE_KEEP) {
        char *head = read_head(line);
        if (head == NULL)
            return FAKE_CLOSE;
        struct request *request = make_request(head, sni == NULL ? "" : sni);
        free(head);
        const struct rule *rule = take_request(server, request);
        bool answered = wait_for_turn(server, rule);
        end_request(server); /* before the client can know, and ask again */
        end = answered ? give_answer(server, line, rule) : FAKE_ABORT;
    }
    return end;
}

/* Until the client or the server is tired of it. */
static void say_nothing(int fd)
{
    char byte;
    while (read(fd, &byte, 1) == 1) {
    }
}

/* What web servers say to a TLS client on the port for HTTP. */
static enum fake_end refuse_plain(struct line *line)
{
    static const char ANSWER[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char bytes[4096];
    if (read(line->fd, bytes, sizeof bytes) > 0)
        (void)line_write(line, ANSWER, strlen(ANSWER));
    return FAKE_CLOSE;
}

static enum fake_end serve(struct fake_server *server, struct line *line)
{
    if (server->profile == FAKE_HANGS_UP)
        return FAKE_ABORT;
    if (server->profile == FAKE_SILENT) {
        say_nothing(line->fd);
        return FAKE_ABORT;
    }
    if (server->profile == FAKE_PLAIN)
        return refuse_plain(line);
    line->ssl = SSL_new(server->context);
    MUST(line->ssl != NULL && SSL_set_fd(line->ssl, line->fd) == 1);
    if (SSL_accept(line->ssl) != 1)
        return FAKE_ABORT;
    pthread_mutex_lock(&server->lock);
    server->n_resumed += (size_t)SSL_session_reused(line->ssl);
    pthread_mutex_unlock(&server->lock);
    return talk(server, line);
}

static void *run_connection(void *context)
{
    struct connection *connection = context;
    struct line line = { .fd = connection->fd };
    enum fake_end end = serve(connection->server, &line);
    if (end == FAKE_CLOSE && line.ssl != NULL)
        (void)SSL_shutdown(line.ssl);
    SSL_free(line.ssl);
    ERR_clear_error();
    if (end == FAKE_RESET) {
        struct linger linger = { .l_onoff = 1, .l_linger = 0 };
        (void)setsockopt(line.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    pthread_mutex_lock(&connection->server->lock);
    connection->fd = -1;
    (void)close(line.fd);
    pthread_mutex_unlock(&connection->server->lock);
    return NULL;
}

/* ---- life ---- */

static void start_connection(struct fake_server *server, int fd)
{
    struct connection *connection = calloc(1, sizeof *connection);
    int at_once = 1;
    MUST(connection != NULL);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    connection->server = server;
    connection->fd = fd;
    pthread_mutex_lock(&server->lock);
    server->n_connections++;
    connection->next = server->connections;
    server->connections = connection;
    if (server->stopping)
        (void)shutdown(fd, SHUT_RDWR);
    MUST(pthread_create(&connection->thread, NULL, run_connection, connection) == 0);
    pthread_mutex_unlock(&server->lock);
}

static void *run_server(void *context)
{
    struct fake_server *server = context;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd >= 0)
            start_connection(server, fd);
        else if (errno != EMFILE || !sleep_ms(server, 1)) /* a test may take away all descriptors for a while */
            return NULL;
    }
}

static void listen_on_loopback(struct fake_server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(server->fd >= 0);
    MUST(bind(server->fd, (const struct sockaddr *)&address, size) == 0);
    MUST(listen(server->fd, 128) == 0);
    MUST(getsockname(server->fd, (struct sockaddr *)&address, &size) == 0);
    server->port = ntohs(address.sin_port);
}

struct fake_server *fake_server_new(enum fake_profile profile)
{
    struct fake_server *server = calloc(1, sizeof *server);
    pthread_condattr_t monotonic;
    sigset_t all;
    sigset_t before;
    MUST(server != NULL);
    server->profile = profile;
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&server->change, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    set_up_tls(server);
    listen_on_loopback(server);
    /* Writing to a client that is gone must not end the test. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    MUST(pthread_create(&server->thread, NULL, run_server, server) == 0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return server;
}

static void free_rules(struct rule *rule)
{
    while (rule != NULL) {
        struct rule *next = rule->next;
        free(rule->prefix);
        free(rule->bytes);
        free(rule);
        rule = next;
    }
}

static void end_connections(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (struct connection *connection = server->connections; connection != NULL; connection = connection->next)
        if (connection->fd >= 0)
            (void)shutdown(connection->fd, SHUT_RDWR);
    pthread_cond_broadcast(&server->change);
    pthread_mutex_unlock(&server->lock);
}

void fake_server_free(struct fake_server *server)
{
    if (server == NULL)
        return;
    end_connections(server);
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    for (struct connection *connection = server->connections; connection != NULL;) {
        struct connection *next = connection->next;
        (void)pthread_join(connection->thread, NULL);
        free(connection);
        connection = next;
    }
    for (struct request *request = server->requests; request != NULL;) {
        struct request *next = request->next;
        free(request->head);
        free(request);
        request = next;
    }
    free_rules(server->rules);
    free_rules(server->spent);
    (void)close(server->fd);
    SSL_CTX_free(server->context);
    free(server->ca_pem);
    (void)pthread_cond_destroy(&server->change);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

uint16_t fake_server_port(const struct fake_server *server)
{
    return server->port;
}

const char *fake_server_ca_pem(const struct fake_server *server)
{
    return server->ca_pem;
}

/* ---- script ---- */

static struct rule *last_rule(struct fake_server *server)
{
    struct rule *rule = server->rules;
    MUST(rule != NULL);
    while (rule->next != NULL)
        rule = rule->next;
    return rule;
}

static void add_rule(struct fake_server *server, const char *prefix, const char *bytes, size_t len, size_t piece_at,
                     enum fake_end end)
{
    struct rule *rule = calloc(1, sizeof *rule);
    MUST(rule != NULL);
    rule->prefix = strdup(prefix);
    rule->bytes = malloc(len + 1);
    MUST(rule->prefix != NULL && rule->bytes != NULL);
    memcpy(rule->bytes, bytes, len);
    rule->len = len;
    rule->piece_at = piece_at;
    rule->cut_at = SIZE_MAX;
    rule->end = end;
    pthread_mutex_lock(&server->lock);
    struct rule **at = &server->rules;
    while (*at != NULL)
        at = &(*at)->next;
    *at = rule;
    pthread_mutex_unlock(&server->lock);
}

void fake_server_raw(struct fake_server *server, const char *prefix, const char *bytes, size_t len, enum fake_end end)
{
    add_rule(server, prefix, bytes, len, len, end);
}

void fake_server_answer_with(struct fake_server *server, const char *prefix, int status, const char *lines,
                             const char *body)
{
    size_t size = strlen(lines) + strlen(body) + 128;
    char *bytes = malloc(size);
    MUST(bytes != NULL);
    int len =
        snprintf(bytes, size, "HTTP/1.1 %d Fake\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
                 status, strlen(body), lines, body);
    fake_server_raw(server, prefix, bytes, (size_t)len, FAKE_KEEP);
    free(bytes);
}

void fake_server_answer(struct fake_server *server, const char *prefix, int status, const char *body)
{
    fake_server_answer_with(server, prefix, status, "", body);
}

void fake_server_endless(struct fake_server *server, const char *prefix, const char *start, const char *piece)
{
    size_t size = strlen(start) + strlen(piece) + 1;
    char *bytes = malloc(size);
    MUST(bytes != NULL);
    (void)snprintf(bytes, size, "%s%s", start, piece);
    add_rule(server, prefix, bytes, size - 1, strlen(start), FAKE_KEEP);
    free(bytes);
}

void fake_server_delay(struct fake_server *server, int ms)
{
    pthread_mutex_lock(&server->lock);
    last_rule(server)->delay_ms = ms;
    pthread_mutex_unlock(&server->lock);
}

void fake_server_drip(struct fake_server *server, int ms)
{
    pthread_mutex_lock(&server->lock);
    last_rule(server)->drip_ms = ms;
    pthread_mutex_unlock(&server->lock);
}

void fake_server_cut(struct fake_server *server, size_t n, enum fake_end end)
{
    pthread_mutex_lock(&server->lock);
    struct rule *rule = last_rule(server);
    rule->cut_at = n;
    rule->end = end;
    pthread_mutex_unlock(&server->lock);
}

void fake_server_hold(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    last_rule(server)->held = true;
    pthread_mutex_unlock(&server->lock);
}

void fake_server_release(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->released = true;
    pthread_cond_broadcast(&server->change);
    pthread_mutex_unlock(&server->lock);
}

void fake_server_forget(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct rule **at = &server->spent;
    while (*at != NULL)
        at = &(*at)->next;
    *at = server->rules;
    server->rules = NULL;
    for (struct request *request = server->requests; request != NULL; request = request->next)
        request->forgotten = true;
    server->most_busy = 0;
    pthread_mutex_unlock(&server->lock);
}

/* ---- record ---- */

/* With the lock held. */
static size_t count(const struct fake_server *server, const char *prefix)
{
    size_t n = 0;
    for (const struct request *request = server->requests; request != NULL; request = request->next)
        n += fits(request, prefix);
    return n;
}

size_t fake_server_count(struct fake_server *server, const char *prefix)
{
    pthread_mutex_lock(&server->lock);
    size_t n = count(server, prefix);
    pthread_mutex_unlock(&server->lock);
    return n;
}

void fake_server_wait(struct fake_server *server, const char *prefix, size_t n)
{
    pthread_mutex_lock(&server->lock);
    while (count(server, prefix) < n)
        pthread_cond_wait(&server->change, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

size_t fake_server_connections(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->n_connections;
    pthread_mutex_unlock(&server->lock);
    return n;
}

size_t fake_server_resumed(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->n_resumed;
    pthread_mutex_unlock(&server->lock);
    return n;
}

size_t fake_server_most_at_once(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->most_busy;
    pthread_mutex_unlock(&server->lock);
    return n;
}

const char *fake_server_last(struct fake_server *server, const char *prefix)
{
    pthread_mutex_lock(&server->lock);
    const char *head = "";
    for (const struct request *request = server->requests; request != NULL && *head == '\0'; request = request->next)
        if (fits(request, prefix))
            head = request->head;
    pthread_mutex_unlock(&server->lock);
    return head;
}
