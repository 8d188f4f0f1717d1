#include "server.h"

#include <assert.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vp/clock.h"
#include "vp/log.h"

#include "backend.h"
#include "bytes.h"
#include "handover.h"
#include "pool.h"
#include "translate.h"

enum {
    ARMED_CALLS = 16,          /* calls that can arrive at one time before the reader comes round */
    MESSAGE_MAX = 1024 * 2048, /* of a request that is looked at: a body of PLUGIN_BODY_MAX with room for escapes */
    /* What gRPC takes at all. Hosts let bodies of 32 MiB through, and Go writes '<' as \u003c: six
     * times that. Such a request is to get its 400 in words rather than a broken call; only the
     * pinned host can send it. Less would save no memory: gRPC looks at the length of a message
     * when it has all of it. */
    RECEIVE_MAX = 256 * 1024 * 1024,
    METADATA_MAX = 16 * 1024,
    IDLE_MS = 10000,
    STORM_CALLS = 128,
    CALM_CALLS = 2 * ARMED_CALLS,
    STUCK_SECONDS = 120, /* the host gives a request up after 90, and ours end with that */
    /* Calls at one time. More than all pools and queues hold, so that control calls always come
     * through: a host gives InvalidateKey up after a second or two, and tells nobody. Each call
     * that waits costs gRPC some 17 KB. */
    STREAMS_MAX = 10240,
    HANDSHAKE_TIMEOUT_MS = 10000,
    FINISH_MS = 800,  /* hosts kill 2 s after Shutdown was answered; all must be over after 1.5 s */
    STREAMS_MS = 150, /* hosts end their streams by themselves at once */
    CANCEL_MS = 250,
    STEP_MS = 5,
};

/* A login waits for Arvados with hardly any work of its own; administrators are few. */
static const struct plugin_pool_size POOLS[PLUGIN_N_POOLS] = {
    /* threads: least, of one mount alone, of all, of each of many; places in the queue; idle */
    [PLUGIN_POOL_CONTROL] = { 1, 4, 16, 1, 1024, IDLE_MS },
    [PLUGIN_POOL_ADMIN] = { 1, 8, 32, 2, 1024, IDLE_MS },
    [PLUGIN_POOL_RENEWAL] = { 1, 16, 64, 4, 2048, IDLE_MS },
    [PLUGIN_POOL_LOGIN] = { 2, 64, 256, 8, 5120, IDLE_MS },
};

struct plugin_server {
    struct plugin_service *service;
    const struct plugin_tls *tls;
    grpc_completion_queue *queue;
    grpc_server *server;
    struct plugin_pool *pools[PLUGIN_N_POOLS];
    pthread_t reader;
    bool reading;          /* the reader was started */
    atomic_size_t n_calls; /* alive, those still to arrive too */
    atomic_bool stopped;   /* the server said so */
    atomic_bool swollen;   /* memory was needed that is hardly needed again */
    atomic_uint n_refused; /* requests that waited in vain or found no place, since it was last logged */
    int64_t next_late_ms;  /* of the reader: when the first job's deadline passes; INT64_MAX: none waits */
};

struct call;

/* What a completion stands for. */
struct event {
    void (*happened)(struct call *call, bool ok);
    struct call *call;
};

/* One inbound call. Counted: it ends after its answer went out and the host closed, in either
 * order. Touched by one thread at a time (the reader, or the worker that runs it), but for the
 * cancel object. */
struct call {
    struct plugin_server *server;
    struct plugin_exchange exchange;
    struct vp_cancel cancel;
    struct plugin_pool_job job;
    atomic_uint n_users;

    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_byte_buffer *received_message;
    grpc_byte_buffer *sent_message;
    grpc_slice status_text;
    int cancelled;
    bool closed; /* `cancelled` says how */
    atomic_bool answered;
    bool large; /* its message; or it broke off, perhaps within a large one */

    struct event arrival, receipt, greeting, answer, closing;
};

/* ---- life of a call ---- */

static void call_arrived(struct call *call, bool ok);
static void call_received(struct call *call, bool ok);
static void call_greeted(struct call *call, bool ok);
static void call_answered(struct call *call, bool ok);
static void call_closed(struct call *call, bool ok);
static void run_job(struct plugin_pool_job *job);

static struct call *call_new(struct plugin_server *server)
{
    struct call *call = calloc(1, sizeof *call);

    if (call == NULL)
        return NULL;
    call->server = server;
    call->cancel = (struct vp_cancel)VP_CANCEL_INIT;
    call->job.run = run_job;
    call->status_text = grpc_empty_slice();
    call->arrival = (struct event){ call_arrived, call };
    call->receipt = (struct event){ call_received, call };
    call->greeting = (struct event){ call_greeted, call };
    call->answer = (struct event){ call_answered, call };
    call->closing = (struct event){ call_closed, call };
    atomic_init(&call->n_users, 1);
    grpc_call_details_init(&call->details);
    grpc_metadata_array_init(&call->metadata);
    atomic_fetch_add(&server->n_calls, 1);
    return call;
}

static void call_release(struct call *call)
{
    struct plugin_server *server = call->server;

    if (atomic_fetch_sub(&call->n_users, 1) != 1)
        return;
    /* Closed by now, with or without the host having the answer. */
    if (call->exchange.unsettled != NULL)
        plugin_deferred_add(call->exchange.service->deferred, call->exchange.mount_id,
                            VP_TAKE(call->exchange.unsettled), call->closed && call->cancelled == 0);
    plugin_exchange_clear(&call->exchange);
    if (call->call != NULL)
        grpc_call_unref(call->call);
    grpc_call_details_destroy(&call->details);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_byte_buffer_destroy(call->received_message);
    grpc_byte_buffer_destroy(call->sent_message);
    grpc_slice_unref(call->status_text);
    pthread_mutex_destroy(&call->cancel.lock);
    if (call->large)
        atomic_store(&server->swollen, true);
    free(call);
    atomic_fetch_sub(&server->n_calls, 1);
}

/* Starts a batch that keeps the call alive until its event came. */
static void start(struct call *call, const grpc_op *ops, size_t n, struct event *event)
{
    atomic_fetch_add(&call->n_users, 1);
    PLUGIN_TAG_GOES_IN(event);
    grpc_call_error error = grpc_call_start_batch(call->call, ops, n, event, NULL);
    assert(error == GRPC_CALL_OK); /* anything else is a misuse of ours */
    (void)error;
}

static void arm(struct plugin_server *server)
{
    struct call *call;
    unsigned n_tries = 0;

    while ((call = call_new(server)) == NULL)
        plugin_method_try_again(&n_tries);
    PLUGIN_TAG_GOES_IN(&call->arrival);
    if (grpc_server_request_call(server->server, &call->call, &call->details, &call->metadata, server->queue,
                                 server->queue, &call->arrival) != GRPC_CALL_OK)
        call_release(call);
}

/* ---- answering ---- */

static void send_answer(struct call *call, grpc_status_code status, const char *text,
                        const struct plugin_bytes *message)
{
    grpc_op ops[3] = { { 0 } };
    size_t n = 0;

    if (atomic_exchange(&call->answered, true))
        return;
    call->status_text = grpc_slice_from_copied_string(text == NULL ? "" : text);
    if (call->exchange.method == NULL || call->exchange.method->kind == PLUGIN_UNARY)
        ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA; /* streams have sent theirs */
    if (message != NULL) {
        call->sent_message = plugin_bytes_to_grpc(message);
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = call->sent_message;
    }
    ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[n].data.send_status_from_server.status = status;
    ops[n++].data.send_status_from_server.status_details = &call->status_text;
    start(call, ops, n, &call->answer);
}

static void send_exchange(struct call *call)
{
    struct plugin_exchange *exchange = &call->exchange;
    bool fine = exchange->status == GRPC_STATUS_OK;

    send_answer(call, exchange->status, exchange->status_text, fine ? &exchange->answer : NULL);
    plugin_exchange_settle(exchange);
}

static void run_exchange(struct call *call)
{
    call->exchange.method->run(&call->exchange);
    send_exchange(call);
}

static void refuse(struct call *call, const struct vp_error *why)
{
    plugin_exchange_refuse(&call->exchange, why);
    send_exchange(call);
}

static void refuse_overloaded(struct call *call, const struct vp_error *why)
{
    plugin_backend_count_refused(&call->exchange, why->reason);
    atomic_fetch_add(&call->server->n_refused, 1);
    refuse(call, why);
}

static struct call *call_of(struct plugin_pool_job *job)
{
    return (struct call *)(void *)((char *)job - offsetof(struct call, job));
}

static void refuse_late(struct call *call)
{
    struct vp_error why = { 0 };
    (void)vp_fail(&why, VP_REASON_OVERLOADED, "overloaded: the request waited for its turn in vain; try again");
    refuse_overloaded(call, &why);
    call_release(call); /* the job's */
}

static void run_job(struct plugin_pool_job *job)
{
    struct call *call = call_of(job);

    if (VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) >= job->deadline_ms) {
        refuse_late(call);
        return;
    }
    run_exchange(call);
    call_release(call);
}

static void call_answered(struct call *call, bool ok)
{
    (void)call;
    (void)ok;
}

static void call_greeted(struct call *call, bool ok)
{
    (void)call;
    (void)ok;
}

/* ---- reading ---- */

/* False: longer than any host gives. */
static bool read_mount_id(const grpc_metadata_array *metadata, char ret_id[PLUGIN_MOUNT_ID_SIZE])
{
    ret_id[0] = '\0';
    for (size_t i = 0; i < metadata->count; i++) {
        const grpc_slice *value = &metadata->metadata[i].value;
        size_t len = GRPC_SLICE_LENGTH(*value);
        if (grpc_slice_str_cmp(metadata->metadata[i].key, "multiplex_id") != 0)
            continue;
        if (len >= PLUGIN_MOUNT_ID_SIZE)
            return false;
        memcpy(ret_id, GRPC_SLICE_START_PTR(*value), len);
        ret_id[len] = '\0';
        return true;
    }
    return true;
}

static void receive(struct call *call)
{
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &call->received_message };

    start(call, &op, 1, &call->receipt);
}

static void open_stream(struct call *call)
{
    grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA };

    start(call, &op, 1, &call->greeting); /* go-plugin waits for it */
}

static void watch_closing(struct call *call)
{
    grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &call->cancelled };

    start(call, &op, 1, &call->closing);
}

static void call_arrived(struct call *call, bool ok)
{
    struct plugin_exchange *exchange = &call->exchange;

    if (!ok) /* the server stops */
        return;
    arm(call->server);
    watch_closing(call);
    exchange->service = call->server->service;
    exchange->cancel = &call->cancel;
    exchange->arrived_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
    if (!plugin_tls_call_is_hosts(call->server->tls, call->call)) {
        send_answer(call, GRPC_STATUS_UNAUTHENTICATED, "not the host's certificate", NULL);
        return;
    }
    if (!read_mount_id(&call->metadata, exchange->mount_id)) {
        send_answer(call, GRPC_STATUS_INVALID_ARGUMENT, "multiplex_id is too long", NULL);
        return;
    }
    exchange->method = plugin_method_find((const char *)GRPC_SLICE_START_PTR(call->details.method),
                                          GRPC_SLICE_LENGTH(call->details.method));
    if (exchange->method == NULL) {
        send_answer(call, GRPC_STATUS_UNIMPLEMENTED, "unknown method", NULL);
        return;
    }
    if (exchange->method->kind != PLUGIN_UNARY)
        open_stream(call);
    receive(call);
}

static enum vp_code unpack(struct call *call, struct vp_error *err)
{
    struct plugin_exchange *exchange = &call->exchange;
    struct plugin_bytes bytes = { 0 };

    if (exchange->request_bytes > MESSAGE_MAX)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the request is larger than 1 MiB");
    if (!plugin_bytes_from_grpc(call->received_message, &bytes))
        return vp_fail_no_memory(err);
    enum vp_code code = plugin_wire_unpack(exchange->method->request, bytes.data, bytes.len, &exchange->request, err);
    plugin_bytes_clear(&bytes);
    return code;
}

/* Unpacks what was received; refuses what can't be. */
static bool decode(struct call *call)
{
    struct plugin_exchange *exchange = &call->exchange;
    struct vp_error why = { 0 };
    unsigned n_tries = 0;
    enum vp_code code;

    plugin_wire_free(VP_TAKE(exchange->request));
    exchange->request_bytes = grpc_byte_buffer_length(call->received_message);
    call->large = call->large || exchange->request_bytes > PLUGIN_LOGIN_BODY_MAX;
    while ((code = unpack(call, &why)) == VP_ERR_INTERNAL && plugin_method_is_control(exchange->method))
        plugin_method_try_again(&n_tries);
    grpc_byte_buffer_destroy(VP_TAKE(call->received_message));
    if (code != VP_OK)
        refuse(call, &why);
    return code == VP_OK;
}

/* A number that two mounts hardly ever share; if they do, they share their threads as well. FNV-1a.
 * */
static uint64_t number_of(const char *mount_id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = mount_id; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return hash;
}

static void hand_over(struct call *call)
{
    struct plugin_server *server = call->server;
    struct plugin_exchange *exchange = &call->exchange;
    const struct plugin_method *method = exchange->method;
    struct vp_error why = { 0 };

    exchange->pool = method->pool == NULL ? PLUGIN_POOL_NONE : method->pool(exchange);
    if (exchange->pool == PLUGIN_POOL_NONE) {
        run_exchange(call);
        return;
    }
    if (method->check != NULL && method->check(exchange, &why) != VP_OK) {
        refuse(call, &why);
        return;
    }
    if (plugin_exchange_wait(exchange, &why) != VP_OK) {
        refuse_overloaded(call, &why);
        return;
    }
    call->job.mount = number_of(exchange->mount_id);
    call->job.deadline_ms = exchange->deadline_ms;
    if (exchange->deadline_ms < server->next_late_ms)
        server->next_late_ms = exchange->deadline_ms;
    atomic_fetch_add(&call->n_users, 1); /* the job's */
    if (!plugin_pool_add(server->pools[exchange->pool], &call->job)) {
        call_release(call);
        (void)vp_fail(&why, VP_REASON_OVERLOADED, "overloaded: too many requests are waiting; try again");
        refuse_overloaded(call, &why);
    }
}

static void call_received(struct call *call, bool ok)
{
    enum plugin_method_kind kind = call->exchange.method->kind;

    if (!ok || call->received_message == NULL) {
        call->large = true;
        if (kind != PLUGIN_HELD) /* its host has said all there is; the stream stays */
            send_answer(call, kind == PLUGIN_FED ? GRPC_STATUS_OK : GRPC_STATUS_CANCELLED, NULL, NULL);
        return;
    }
    if (kind == PLUGIN_HELD || !decode(call))
        return;
    if (kind == PLUGIN_UNARY) {
        hand_over(call);
        return;
    }
    call->exchange.method->run(&call->exchange);
    receive(call);
}

/* The host is through with the call: it has its answer, or wants none any more. */
static void call_closed(struct call *call, bool ok)
{
    call->closed = ok;
    if (call->cancelled != 0)
        vp_cancel_set(&call->cancel);
    if (call->exchange.pool != PLUGIN_POOL_NONE &&
        plugin_pool_remove(call->server->pools[call->exchange.pool], &call->job)) {
        send_answer(call, GRPC_STATUS_CANCELLED, NULL, NULL);
        plugin_exchange_settle(&call->exchange);
        call_release(call); /* the job's */
    }
    if (call->exchange.method != NULL && call->exchange.method->kind == PLUGIN_HELD)
        send_answer(call, GRPC_STATUS_OK, NULL, NULL);
}

/* Answers the jobs that waited as long as they may: when all workers are busy no other thread
 * would. */
static void refuse_all_late(struct plugin_server *server)
{
    int64_t now = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);

    if (now < server->next_late_ms)
        return;
    server->next_late_ms = INT64_MAX;
    for (size_t i = PLUGIN_POOL_NONE + 1; i < PLUGIN_N_POOLS; i++) {
        struct plugin_pool_job *job;
        int64_t next_ms;
        while ((job = plugin_pool_take_late(server->pools[i], now, &next_ms)) != NULL)
            refuse_late(call_of(job));
        if (next_ms < server->next_late_ms)
            server->next_late_ms = next_ms;
    }
}

static grpc_event next_event(const struct plugin_server *server)
{
    gpr_timespec until = gpr_inf_future(GPR_CLOCK_MONOTONIC);

    if (server->next_late_ms != INT64_MAX) {
        int64_t wait_ms = server->next_late_ms - VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
        until =
            gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(wait_ms > 0 ? wait_ms : 0, GPR_TIMESPAN));
    }
    return grpc_completion_queue_next(server->queue, until, NULL);
}

static void *read_events(void *context)
{
    struct plugin_server *server = context;
    grpc_event event;

    while (event = next_event(server), event.type != GRPC_QUEUE_SHUTDOWN) {
        if (event.type == GRPC_OP_COMPLETE) {
            PLUGIN_TAG_CAME_OUT(event.tag);
            if (event.tag == server) {
                atomic_store(&server->stopped, true);
            } else {
                struct event *what = event.tag;
                struct call *call = what->call;
                what->happened(call, event.success != 0);
                call_release(call);
            }
        }
        refuse_all_late(server);
    }
    return NULL;
}

/* ---- life of the server ---- */

static grpc_server *make_server(grpc_completion_queue *queue)
{
    grpc_arg args[] = {
        plugin_bytes_number_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RECEIVE_MAX),
        plugin_bytes_number_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1),
        plugin_bytes_number_arg(GRPC_ARG_MAX_METADATA_SIZE, METADATA_MAX),
        plugin_bytes_number_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, STREAMS_MAX),
        plugin_bytes_number_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS),
        plugin_bytes_number_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
    };
    grpc_server *server = grpc_server_create(&(grpc_channel_args){ sizeof args / sizeof args[0], args }, NULL);

    grpc_server_register_completion_queue(server, queue, NULL);
    return server;
}

static enum vp_code listen_on(struct plugin_server *server, const char *socket_path, struct vp_error *err)
{
    grpc_server_credentials *credentials = plugin_tls_server_credentials(server->tls);
    char *address = NULL;
    int bound = 0;

    if (credentials == NULL)
        return vp_fail(err, VP_REASON_INTERNAL, "gRPC takes neither our certificate nor the host's");
    if (asprintf(&address, "unix:%s", socket_path) >= 0)
        bound = grpc_server_add_http2_port(server->server, address, credentials);
    free(address);
    grpc_server_credentials_release(credentials);
    if (bound == 0)
        return vp_fail(err, VP_REASON_INTERNAL, "cannot listen on %.120s", socket_path);
    return VP_OK;
}

static enum vp_code start_threads(struct plugin_server *server, struct vp_error *err)
{
    for (size_t i = PLUGIN_POOL_NONE + 1; i < PLUGIN_N_POOLS; i++) {
        server->pools[i] = plugin_pool_new(&POOLS[i]);
        if (server->pools[i] == NULL)
            return vp_fail(err, VP_REASON_INTERNAL, "cannot start a thread");
    }
    server->reading = pthread_create(&server->reader, NULL, read_events, server) == 0;
    return server->reading ? VP_OK : vp_fail(err, VP_REASON_INTERNAL, "cannot start a thread");
}

enum vp_code plugin_server_new(struct plugin_service *service, const struct plugin_tls *tls, const char *socket_path,
                               struct plugin_server **ret_server, struct vp_error *err)
{
    struct plugin_server *server = calloc(1, sizeof *server);

    if (server == NULL)
        return vp_fail_no_memory(err);
    server->service = service;
    server->tls = tls;
    server->next_late_ms = INT64_MAX;
    server->queue = grpc_completion_queue_create_for_next(NULL);
    server->server = make_server(server->queue);
    enum vp_code code = listen_on(server, socket_path, err);
    if (code == VP_OK)
        code = start_threads(server, err);
    grpc_server_start(server->server); /* also before an end: a server that was never started can't be destroyed */
    if (code != VP_OK) {
        if (server->reading && plugin_server_stop(server, false))
            plugin_server_free(server);
        return code; /* without a reader nothing can be taken down in order; the process is about to exit */
    }
    for (unsigned i = 0; i < ARMED_CALLS; i++)
        arm(server);
    *ret_server = server;
    return VP_OK;
}

static bool wait_until(bool (*reached)(struct plugin_server *server), struct plugin_server *server, int64_t timeout_ms)
{
    int64_t deadline = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + timeout_ms;

    while (!reached(server)) {
        if (VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) >= deadline)
            return false;
        nanosleep(&(struct timespec){ .tv_nsec = STEP_MS * 1000000L }, NULL);
    }
    return true;
}

/* glibc keeps what a storm of logins needed, up to some ten megabytes, and what bodies of megabytes
 * did, up to a thousand. */
static void give_memory_back(struct plugin_server *server)
{
    size_t n_calls = atomic_load(&server->n_calls);

    if (n_calls >= STORM_CALLS)
        atomic_store(&server->swollen, true);
    if (n_calls <= CALM_CALLS && atomic_exchange(&server->swollen, false))
        malloc_trim(0);
}

/* A line for each of them would be the next flood. */
static void log_refused(struct plugin_server *server)
{
    unsigned n_refused = atomic_exchange(&server->n_refused, 0);

    if (n_refused > 0)
        vp_log(VP_LOG_WARN, "overloaded: requests were refused before they got a turn",
               (const struct vp_log_field[]){ { "requests", NULL, n_refused }, { 0 } });
}

bool plugin_server_look_after(void *context)
{
    struct plugin_server *server = context;

    give_memory_back(server);
    log_refused(server);
    for (size_t i = PLUGIN_POOL_NONE + 1; i < PLUGIN_N_POOLS; i++)
        if (plugin_pool_is_stuck(server->pools[i], STUCK_SECONDS))
            return true;
    return false;
}

static bool pools_are_empty(struct plugin_server *server)
{
    for (size_t i = PLUGIN_POOL_NONE + 1; i < PLUGIN_N_POOLS; i++)
        if (plugin_pool_load(server->pools[i]) > 0)
            return false;
    return true;
}

static bool calls_are_over(struct plugin_server *server)
{
    return atomic_load(&server->stopped) && atomic_load(&server->n_calls) == 0 && pools_are_empty(server);
}

bool plugin_server_stop(struct plugin_server *server, bool finish)
{
    plugin_broker_close(server->service->broker);
    PLUGIN_TAG_GOES_IN(server);
    grpc_server_shutdown_and_notify(server->server, server->queue, server);
    if (finish && wait_until(pools_are_empty, server, FINISH_MS) && wait_until(calls_are_over, server, STREAMS_MS))
        return true;
    grpc_server_cancel_all_calls(server->server);
    return wait_until(calls_are_over, server, CANCEL_MS);
}

void plugin_server_free(struct plugin_server *server)
{
    if (server == NULL)
        return;
    for (size_t i = 0; i < PLUGIN_N_POOLS; i++)
        plugin_pool_free(server->pools[i]);
    grpc_completion_queue_shutdown(server->queue);
    pthread_join(server->reader, NULL);
    grpc_server_destroy(server->server);
    grpc_completion_queue_destroy(server->queue);
    free(server);
}
