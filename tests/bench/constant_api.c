/* An HTTPS server that always gives the same answers, at once or after a settable delay: what stands for Arvados, or for
 * Kubernetes, while plugins are compared. One thread, so that its own cost is small and the same for all.
 *
 *   bench-api CERTIFICATE KEY PREFIX=FILE...
 *
 * Prints its port, then obeys lines of standard input: "delay MS", "hang" (answers nothing any more), "count" (from now on,
 * and prints what was counted before as a line of JSON). Ends with its standard input. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROUTES_MAX = 32, INPUT_MAX = 64 * 1024, EVENTS_MAX = 256, BACKLOG = 4096, COMMAND_MAX = 128 };

#define MUST(condition)                                                                                   \
    do {                                                                                                  \
        if (!(condition)) {                                                                               \
            (void)fprintf(stderr, "bench-api: line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
            exit(1);                                                                                      \
        }                                                                                                 \
    } while (0)

struct route {
    const char *prefix;
    char *answer; /* the whole of it, head and body */
    size_t len;
};

struct connection {
    int fd;
    SSL *tls;
    char input[INPUT_MAX];
    size_t input_len;
    const struct route *owed; /* an answer that waits for its time */
    int64_t due_us;
    struct connection *next_due;
    size_t sent; /* of the answer, once its time has come */
    bool is_closed;
};

static struct route routes[ROUTES_MAX];
static size_t n_routes;
static const struct route *missing;
static SSL_CTX *context;
static int epoll;
static int64_t delay_us;
static bool hangs;
static struct connection *first_due, **last_due = &first_due; /* one delay for all: first come, first due */
static size_t n_requests, n_open, most_open, n_owed, most_owed, n_accepted;

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* ---- answers ---- */

static void add_route(const char *prefix, const char *status, const char *body, size_t len)
{
    MUST(n_routes < ROUTES_MAX);
    struct route *route = &routes[n_routes++];
    int head =
        snprintf(NULL, 0, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, len);
    route->prefix = prefix;
    route->answer = malloc((size_t)head + len + 1);
    MUST(route->answer != NULL);
    (void)sprintf(route->answer, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
                  len);
    memcpy(route->answer + head, body, len);
    route->len = (size_t)head + len;
}

static void add_file(char *word)
{
    char *path = strrchr(word, '='); /* a prefix may have a query */
    static char body[4 * 1024 * 1024];
    MUST(path != NULL);
    *path++ = '\0';
    FILE *file = fopen(path, "rb");
    MUST(file != NULL);
    size_t len = fread(body, 1, sizeof body, file);
    MUST(len < sizeof body);
    (void)fclose(file);
    add_route(word, "200 OK", body, len);
}

static const struct route *find_route(const char *target)
{
    const struct route *best = missing;
    for (size_t i = 0; i < n_routes; i++)
        if (strncmp(target, routes[i].prefix, strlen(routes[i].prefix)) == 0 &&
            strlen(routes[i].prefix) > strlen(best->prefix))
            best = &routes[i];
    return best;
}

/* ---- connections ---- */

static void close_connection(struct connection *connection)
{
    if (connection->is_closed)
        return;
    (void)close(connection->fd);
    connection->is_closed = true;
    n_open--;
    if (connection->owed != NULL)
        n_owed--;
    if (connection->due_us != 0) /* it stands in the list of what is due, and is freed there */
        return;
    SSL_free(connection->tls);
    free(connection);
}

/* True: it went on as far as it can for now. */
static bool is_alive(struct connection *connection, int result)
{
    int why = SSL_get_error(connection->tls, result);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static bool send_owed(struct connection *connection)
{
    while (connection->sent < connection->owed->len) {
        int n = SSL_write(connection->tls, connection->owed->answer + connection->sent,
                          (int)(connection->owed->len - connection->sent));
        if (n <= 0)
            return is_alive(connection, n);
        connection->sent += (size_t)n;
    }
    connection->owed = NULL;
    n_owed--;
    return true;
}

/* The length of a whole request at the start of the input, or 0. */
static size_t request_len(struct connection *connection)
{
    connection->input[connection->input_len] = '\0';
    const char *end = strstr(connection->input, "\r\n\r\n");
    if (end == NULL)
        return 0;
    size_t len = (size_t)(end + 4 - connection->input);
    const char *line = strcasestr(connection->input, "\r\nContent-Length:");
    if (line != NULL && line < end)
        len += strtoul(line + strlen("\r\nContent-Length:"), NULL, 10);
    return len <= connection->input_len ? len : 0;
}

static void owe(struct connection *connection)
{
    const char *target = strchr(connection->input, ' ');
    MUST(target != NULL);
    connection->owed = find_route(target + 1);
    connection->sent = 0;
    n_requests++;
    if (++n_owed > most_owed)
        most_owed = n_owed;
    if (delay_us == 0 || hangs)
        return;
    connection->due_us = now_us() + delay_us;
    connection->next_due = NULL;
    *last_due = connection;
    last_due = &connection->next_due;
}

static bool serve(struct connection *connection)
{
    for (;;) {
        if (connection->owed != NULL) {
            if (hangs || connection->due_us != 0)
                return true;
            if (!send_owed(connection))
                return false;
            if (connection->owed != NULL)
                return true;
        }
        size_t len = request_len(connection);
        if (len > 0) {
            owe(connection);
            connection->input_len -= len;
            memmove(connection->input, connection->input + len, connection->input_len);
            continue;
        }
        int n = SSL_read(connection->tls, connection->input + connection->input_len,
                         (int)(INPUT_MAX - 1 - connection->input_len));
        if (n <= 0)
            return is_alive(connection, n);
        connection->input_len += (size_t)n;
    }
}

/* While an answer is owed nobody reads: a peer that leaves is noticed by itself. */
static bool has_left(const struct connection *connection, uint32_t events)
{
    return connection->owed != NULL && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
}

static void handle(struct connection *connection, uint32_t events)
{
    if (has_left(connection, events) || !serve(connection))
        close_connection(connection);
}

static void answer_due(void)
{
    int64_t now = now_us();
    while (first_due != NULL && first_due->due_us <= now) {
        struct connection *connection = first_due;
        first_due = connection->next_due;
        if (first_due == NULL)
            last_due = &first_due;
        connection->due_us = 0;
        if (connection->is_closed) {
            SSL_free(connection->tls);
            free(connection);
        } else {
            handle(connection, 0);
        }
    }
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        MUST(connection != NULL);
        MUST(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) == 0);
        connection->fd = fd;
        connection->tls = SSL_new(context);
        MUST(connection->tls != NULL && SSL_set_fd(connection->tls, fd) == 1);
        SSL_set_accept_state(connection->tls);
        n_accepted++;
        if (++n_open > most_open)
            most_open = n_open;
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection };
        MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    }
}

/* ---- orders ---- */

static void count(void)
{
    (void)printf("{\"requests\": %zu, \"connections\": %zu, \"most_connections\": %zu, \"accepted\": %zu, "
                 "\"unanswered\": %zu, "
                 "\"most_at_once\": %zu}\n",
                 n_requests, n_open, most_open, n_accepted, n_owed, most_owed);
    (void)fflush(stdout);
    n_requests = n_accepted = 0;
    most_open = n_open;
    most_owed = n_owed;
}

static bool obey(void)
{
    static char line[COMMAND_MAX];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, line + len, sizeof line - 1 - len);
    if (n <= 0)
        return false;
    len += (size_t)n;
    line[len] = '\0';
    char *end;
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        if (strncmp(line, "delay ", 6) == 0)
            delay_us = strtol(line + 6, NULL, 10) * 1000;
        else if (strcmp(line, "hang") == 0)
            hangs = true;
        else if (strcmp(line, "count") == 0)
            count();
        len -= (size_t)(end + 1 - line);
        memmove(line, end + 1, len + 1);
    }
    return true;
}

/* ---- the server ---- */

static int listen_somewhere(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0);
    MUST(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    (void)printf("%u\n", (unsigned)ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static int wait_ms(void)
{
    if (first_due == NULL)
        return -1;
    int64_t left = first_due->due_us - now_us();
    return left <= 0 ? 0 : (int)((left + 999) / 1000);
}

int main(int argc, char **argv)
{
    static int order;
    static const char NOT_FOUND[] = "{\"errors\": [\"not found\"]}";
    MUST(argc > 3 && signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* peers may leave before their answer */
    raise_descriptors();
    context = SSL_CTX_new(TLS_server_method());
    MUST(context != NULL && SSL_CTX_use_certificate_chain_file(context, argv[1]) == 1 &&
         SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) == 1);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    add_route("", "404 Not Found", NOT_FOUND, strlen(NOT_FOUND));
    missing = &routes[0];
    for (int i = 3; i < argc; i++)
        add_file(argv[i]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_somewhere();
    struct epoll_event events[EVENTS_MAX] = { { .events = EPOLLIN, .data.ptr = NULL },
                                              { .events = EPOLLIN, .data.ptr = &order } };
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]) == 0);
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &events[1]) == 0);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, wait_ms());
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else if (events[i].data.ptr != &order)
                handle(events[i].data.ptr, events[i].events);
            else if (!obey())
                return 0;
        }
        answer_due();
    }
}
