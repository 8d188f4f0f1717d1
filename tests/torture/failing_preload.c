/* Loaded before the real plugin (LD_PRELOAD): makes the n-th call of our own code that can fail do so. Which calls: those
 * listed below that come from the program itself, and allocations of libjson-c.
 * Other libraries' calls pass: what gRPC does without memory is to end the process, and that is not ours to test.
 *
 * With FAILING_ONLY only in a program of that name, not in what it starts.
 *
 * Whoever tests writes into a file (FAILING_CONTROL) that is mapped here, so that it works in a process that its host
 * started, and takes the count from there. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

struct control {
    atomic_uint armed;
    atomic_uint nth;   /* 0: only count */
    atomic_uint calls; /* since it was armed */
    char last[52];     /* the symbol that failed */
};

static struct control *control;

struct range {
    uintptr_t start, end;
};
static struct range ranges[2]; /* the program, libjson-c */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static int find_range(struct dl_phdr_info *info, size_t size, void *context)
{
    const char *name = info->dlpi_name == NULL ? "" : info->dlpi_name;
    (void)size;
    (void)context;
    struct range *range = *name == '\0' ? &ranges[0] : strstr(name, "libjson-c") != NULL ? &ranges[1] : NULL;
    for (int i = 0; range != NULL && range->end == 0 && i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X) != 0)
            *range = (struct range){ info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
                                     info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz };
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAILING_CONTROL");
    const char *only = getenv("FAILING_ONLY");
    if (only != NULL && strcmp(only, program_invocation_short_name) != 0)
        return;
    int fd = path == NULL ? -1 : open(path, O_RDWR);
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    dl_iterate_phdr(find_range, NULL);
    if (mapped != MAP_FAILED)
        control = mapped;
}

static int within(const struct range *range, const void *address)
{
    return (uintptr_t)address >= range->start && (uintptr_t)address < range->end;
}

/* For a program that knows of us (it declares this weakly): -1 takes the work that follows out, 1 puts it back in. */
static _Thread_local int outside;
void failing_step(int direction);
void failing_step(int direction)
{
    outside -= direction;
}

static int fails(const char *symbol, const void *caller, int json_too)
{
    if (control == NULL || outside > 0 || atomic_load(&control->armed) == 0)
        return 0;
    if (!within(&ranges[0], caller) && !(json_too && within(&ranges[1], caller)))
        return 0;
    unsigned call = atomic_fetch_add(&control->calls, 1) + 1;
    if (call != atomic_load(&control->nth))
        return 0;
    strncpy(control->last, symbol, sizeof control->last - 1);
    return 1;
}

#define HIT(symbol, error) (fails(symbol, __builtin_return_address(0), 0) ? (errno = (error), 1) : 0)
#define HIT_MEMORY(symbol) (fails(symbol, __builtin_return_address(0), 1) ? (errno = ENOMEM, 1) : 0)

/* ---- memory ---- */

void *malloc(size_t size)
{
    return HIT_MEMORY("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return HIT_MEMORY("calloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    return HIT_MEMORY("realloc") ? NULL : __libc_realloc(memory, size);
}

void *reallocarray(void *memory, size_t n, size_t size)
{
    size_t bytes;
    if (HIT_MEMORY("reallocarray") || __builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return __libc_realloc(memory, bytes);
}

char *strndup(const char *text, size_t len)
{
    size_t n = strnlen(text, len);
    char *copy = HIT_MEMORY("strndup") ? NULL : __libc_malloc(n + 1);
    if (copy != NULL) {
        memcpy(copy, text, n);
        copy[n] = '\0';
    }
    return copy;
}

char *strdup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = HIT_MEMORY("strdup") ? NULL : __libc_malloc(n);
    return copy == NULL ? NULL : memcpy(copy, text, n);
}

/* ---- all others: the real one stands behind this one ---- */

#define BEHIND(type, symbol, parameters) type(*real) parameters = (type(*) parameters)dlsym(RTLD_NEXT, #symbol)
#define PASSED(type, symbol, parameters, arguments, error, failure) \
    type symbol parameters                                          \
    {                                                               \
        BEHIND(type, symbol, parameters);                           \
        return HIT(#symbol, error) ? (failure) : real arguments;    \
    }

PASSED(ssize_t, read, (int fd, void *bytes, size_t n), (fd, bytes, n), EIO, -1)
PASSED(ssize_t, write, (int fd, const void *bytes, size_t n), (fd, bytes, n), EIO, -1)
PASSED(int, poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout), EINTR, -1)
PASSED(int, socket, (int domain, int type, int protocol), (domain, type, protocol), EMFILE, -1)
PASSED(int, connect, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len), ECONNREFUSED, -1)
PASSED(FILE *, fopen, (const char *path, const char *mode), (path, mode), EMFILE, NULL)
PASSED(size_t, fread, (void *bytes, size_t size, size_t n, FILE *file), (bytes, size, n, file), EIO, 0)
PASSED(BIO *, BIO_new_mem_buf, (const void *bytes, int len), (bytes, len), ENOMEM, NULL)
PASSED(X509 *, PEM_read_bio_X509, (BIO * bio, X509 **place, pem_password_cb *callback, void *context),
       (bio, place, callback, context), ENOMEM, NULL)
PASSED(CURL *, curl_easy_init, (void), (), ENOMEM, NULL)
PASSED(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text), (list, text), ENOMEM, NULL)
PASSED(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL *easy), (multi, easy), ENOMEM, CURLM_OUT_OF_MEMORY)
PASSED(CURLMcode, curl_multi_perform, (CURLM * multi, int *running), (multi, running), ENOMEM, CURLM_INTERNAL_ERROR)
PASSED(CURLMcode, curl_multi_poll, (CURLM * multi, struct curl_waitfd fds[], unsigned n, int timeout_ms, int *ready),
       (multi, fds, n, timeout_ms, ready), ENOMEM, CURLM_OUT_OF_MEMORY)
PASSED(CURLMcode, curl_multi_wakeup, (CURLM * multi), (multi), EAGAIN, CURLM_WAKEUP_FAILURE)

PASSED(int, fsync, (int fd), (fd), EIO, -1)
PASSED(int, fchmod, (int fd, mode_t mode), (fd, mode), EPERM, -1)
PASSED(int, linkat, (int from, const char *path, int to, const char *name, int flags), (from, path, to, name, flags), EPERM, -1)
PASSED(int, renameat, (int from, const char *path, int to, const char *name), (from, path, to, name), EROFS, -1)
PASSED(int, renameat2, (int from, const char *path, int to, const char *name, unsigned flags), (from, path, to, name, flags), EROFS, -1)
PASSED(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags), EMFILE, -1)
PASSED(int, eventfd, (unsigned start, int flags), (start, flags), EMFILE, -1)
PASSED(int, pthread_create, (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *context),
       (thread, attributes, start, context), EAGAIN, EAGAIN)
PASSED(ssize_t, getrandom, (void *bytes, size_t n, unsigned flags), (bytes, n, flags), ENOSYS, -1)
PASSED(int, execvpe, (const char *file, char *const *argv, char *const *environment), (file, argv, environment), E2BIG, -1)

/* The mode is only looked at where there is one. */
int openat(int folder, const char *path, int flags, ...)
{
    BEHIND(int, openat, (int, const char *, int, mode_t));
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return HIT("openat", EMFILE) ? -1 : real(folder, path, flags, mode);
}

/* One argument of the size of a register, whatever its type: so it is on the machines that we build for. */
#define PASSED_ONE_MORE(symbol, second)                                                                      \
    CURLcode(symbol)(CURL * easy, second option, ...)                                                        \
    {                                                                                                        \
        CURLcode (*real)(CURL *, second, ...) = (CURLcode(*)(CURL *, second, ...))dlsym(RTLD_NEXT, #symbol); \
        va_list arguments;                                                                                   \
        va_start(arguments, option);                                                                         \
        void *argument = va_arg(arguments, void *);                                                          \
        va_end(arguments);                                                                                   \
        return HIT(#symbol, ENOMEM) ? CURLE_OUT_OF_MEMORY : real(easy, option, argument);                    \
    }

PASSED_ONE_MORE(curl_easy_setopt, CURLoption)
PASSED_ONE_MORE(curl_easy_getinfo, CURLINFO)
