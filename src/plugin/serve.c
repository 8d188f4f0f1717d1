#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "vp/libraries.h"
#include "vp/log.h"
#include "vp/plugin.h"
#include "vp/thread.h"
#include "vp/version.h"

#include "handshake.h"
#include "process.h"
#include "sandbox.h"
#include "selfcheck.h"
#include "server.h"
#include "socket_dir.h"
#include "watch.h"

enum {
    EXIT_ILL = 70, /* EX_SOFTWARE; the host starts us again at its next request */
    EXIT_AFTER_MS = 1500,
};

/* ---- run by hand ---- */

static void print_use(FILE *to, const struct logical_backend *backend)
{
    bool secrets = backend->kind == LOGICAL_SECRETS_ENGINE;

    fprintf(to,
            "%s is %s plugin of OpenBao and Vault. It is not run by hand: register it in the server's\n"
            "plugin catalog with its SHA-256, then enable it, and the server starts it:\n"
            "\n"
            "  bao plugin register -sha256=<sum> %s %s\n"
            "  bao %s enable -path=<mount> %s\n"
            "\n"
            "By hand it answers\n"
            "  -version    name, version and commit\n"
            "  -selfcheck  can it work on this machine?\n"
            "  -help       this text\n",
            backend->name, secrets ? "a secrets" : "an auth", secrets ? "secret" : "auth", backend->name,
            secrets ? "secrets" : "auth", backend->name);
}

static int print_version(const struct logical_backend *backend)
{
    printf("%s %s (%s)\n", backend->name, backend->version, VP_COMMIT);
    return EXIT_SUCCESS;
}

static int print_help(const struct logical_backend *backend)
{
    print_use(stdout, backend);
    return EXIT_SUCCESS;
}

static int by_hand(const struct logical_backend *backend)
{
    print_use(stderr, backend);
    return EXIT_FAILURE;
}

static const struct {
    const char *word;
    int (*run)(const struct logical_backend *backend);
} COMMANDS[] = {
    { "version", print_version },
    { "selfcheck", plugin_selfcheck },
    { "help", print_help },
    { "h", print_help },
};

/* One dash or two, as Go programs take it. Other arguments come from the registration; none is known. */
static bool run_command(const struct logical_backend *backend, const char *argument, int *ret_status)
{
    if (*argument != '-')
        return false;
    argument += argument[1] == '-' ? 2 : 1;
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        if (strcmp(argument, COMMANDS[i].word) == 0) {
            *ret_status = COMMANDS[i].run(backend);
            return true;
        }
    }
    return false;
}

/* ---- run by a host ---- */

/* All that lives as long as the process serves. */
struct process {
    struct plugin_handshake handshake;
    struct plugin_tls *tls;
    struct plugin_socket_dir dir;
    struct plugin_service service;
    struct plugin_server *server;
    void *shared;
    int stop_fd;
};

static void ask_to_stop(void *context)
{
    const struct process *process = context;
    (void)eventfd_write(process->stop_fd, 1); /* fails only when it is full of earlier wishes */
}

/* gRPC says as an error what is none to an operator, such as a connection that goes away. */
static void log_grpc(gpr_log_func_args *args)
{
    vp_log(VP_LOG_DEBUG, "grpc",
           (const struct vp_log_field[]){
               { "text", args->message, 0 }, { "file", args->file, 0 }, { "line", NULL, args->line }, { 0 } });
}

static void lock_memory(void)
{
    const char *reason = NULL;

    if (!plugin_process_lock_memory(&reason))
        vp_log(VP_LOG_WARN, "memory is not locked although the host's is",
               (const struct vp_log_field[]){ { "reason", reason, 0 }, { 0 } });
}

/* Builds with a sanitizer or coverage, which are never installed, write files of their own and stay outside. */
static void enter_sandbox(const struct process *process)
{
    struct plugin_sandbox sandbox = { 0 };

#ifndef VPA_INSTRUMENTED
    plugin_sandbox_enter(process->dir.path, &sandbox);
#else
    (void)process;
#endif
    vp_log(VP_LOG_DEBUG, "sandbox",
           (const struct vp_log_field[]){
               { "landlock", NULL, sandbox.landlock }, { "seccomp", sandbox.calls ? "on" : "off", 0 }, { 0 } });
}

static enum vp_code build_service(struct process *process, const struct logical_backend *backend, struct vp_error *err)
{
    VP_TRY(backend->shared_new(&process->shared, err));
    process->service = (struct plugin_service){
        .backend = backend,
        .metadata_mode = process->handshake.metadata_mode,
        .on_vault = process->handshake.on_vault,
        .broker = plugin_broker_new(),
        .instances = plugin_instances_new(backend, process->shared),
        .credentials = plugin_tls_channel_credentials(process->tls),
        .stop = ask_to_stop,
        .stop_context = process,
    };
    if (process->service.broker == NULL || process->service.instances == NULL)
        return vp_fail_no_memory(err);
    process->service.deferred = plugin_deferred_new(backend, process->service.instances);
    if (process->service.deferred == NULL)
        return vp_fail_no_memory(err);
    if (process->service.credentials == NULL)
        return vp_fail(err, VP_REASON_INTERNAL, "gRPC takes neither our certificate nor the host's");
    return VP_OK;
}

static enum vp_code start_serving(struct process *process, const struct logical_backend *backend, struct vp_error *err)
{
    const struct plugin_handshake *handshake = &process->handshake;

    VP_TRY(plugin_tls_new(handshake->host_cert_pem, &process->tls, err));
    VP_TRY(build_service(process, backend, err));
    VP_TRY(plugin_server_new(&process->service, process->tls, process->dir.socket, &process->server, err));
    if (handshake->socket_group != NULL)
        VP_TRY(plugin_socket_dir_share(&process->dir, handshake->socket_group, err));
    return plugin_handshake_answer(STDOUT_FILENO, handshake, process->dir.socket, plugin_tls_certificate(process->tls),
                                   err);
}

static void exit_now(int signal)
{
    (void)signal;
    _exit(EXIT_SUCCESS);
}

/* Whatever hangs from here on: the process is gone in time, in the kernel's hands. */
static void set_last_moment(int64_t in_ms)
{
    sigaction(SIGALRM, &(struct sigaction){ .sa_handler = exit_now }, NULL);
    setitimer(ITIMER_REAL,
              &(struct itimerval){ .it_value = { .tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000 } }, NULL);
}

static void clear_process(struct process *process, const struct logical_backend *backend)
{
    plugin_server_free(process->server);
    plugin_deferred_free(process->service.deferred);
    plugin_instances_free(process->service.instances);
    plugin_broker_free(process->service.broker);
    grpc_channel_credentials_release(process->service.credentials);
    backend->shared_free(process->shared);
    grpc_shutdown_blocking();
    plugin_tls_free(process->tls);
    plugin_handshake_clear(&process->handshake);
    close(process->stop_fd);
}

/* Waits for the end and takes everything down in order, if it ends in time. */
static int serve_until_end(struct process *process, const struct logical_backend *backend)
{
    static const char *const ENDS[] = { [PLUGIN_END_ASKED] = "stopping",
                                        [PLUGIN_END_ORPHANED] = "the host is gone, stopping",
                                        [PLUGIN_END_DEAF] = "the socket takes no connections any more, exiting",
                                        [PLUGIN_END_STUCK] = "requests wait and none is taken up, exiting" };
    enum plugin_end end =
        plugin_watch(process->stop_fd, process->dir.socket, plugin_server_look_after, process->server);
    bool ill = end == PLUGIN_END_DEAF || end == PLUGIN_END_STUCK;

    vp_log(ill ? VP_LOG_ERROR : VP_LOG_DEBUG, ENDS[end], NULL);
    set_last_moment(EXIT_AFTER_MS);
    plugin_socket_dir_clear(&process->dir); /* first, so that nothing stays whatever follows; connections live on */
    bool ended = !ill && plugin_server_stop(process->server, end == PLUGIN_END_ASKED);
    if (!ended)
        _exit(ill ? EXIT_ILL : EXIT_SUCCESS);
    clear_process(process, backend);
    set_last_moment(0);
    return EXIT_SUCCESS;
}

static void log_failed_start(const struct vp_error *err)
{
    vp_log(VP_LOG_ERROR, "the plugin cannot start",
           (const struct vp_log_field[]){ { "error", err->message, 0 }, { "detail", err->detail, 0 }, { 0 } });
}

static int fail_start(struct process *process, const struct vp_error *err)
{
    log_failed_start(err);
    plugin_socket_dir_clear(&process->dir);
    _exit(EXIT_FAILURE); /* threads may run by now */
}

static int serve(const struct logical_backend *backend)
{
    struct process process = { .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    struct vp_error err = { 0 };

    enum vp_code code = plugin_handshake_read(&process.handshake, &err);
    plugin_process_purge_environment();
    if (code != VP_OK)
        return fail_start(&process, &err);
    if (process.handshake.lock_memory)
        lock_memory();
    if (plugin_socket_dir_make(process.handshake.socket_dir, &process.dir, &err) != VP_OK)
        return fail_start(&process, &err);
    enter_sandbox(&process);
    gpr_set_log_function(log_grpc);
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    grpc_init();
    if (start_serving(&process, backend, &err) != VP_OK)
        return fail_start(&process, &err);
    return serve_until_end(&process, backend);
}

int plugin_serve(const struct logical_backend *backend, int argc, char **argv)
{
    struct vp_error err = { 0 };
    int status;

    plugin_process_restrict();
    vp_threads_settle();
    if (vp_libraries_settle(&err) != VP_OK) {
        log_failed_start(&err);
        return EXIT_FAILURE;
    }
    for (int i = 1; i < argc; i++)
        if (run_command(backend, argv[i], &status))
            return status;
    if (!plugin_handshake_has_cookie())
        return by_hand(backend);
    return serve(backend);
}
