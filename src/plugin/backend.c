#include "backend.h"

#include <assert.h>
#include <string.h>

#include "vp/clock.h"
#include "vp/log.h"

#include "outbound.h"
#include "request_log.h"
#include "translate.h"

enum {
    TYPE_SECRETS = 1,
    TYPE_CREDENTIAL = 2,
    UNAUTHENTICATED_MAX = 16, /* paths of a backend */
    SETUP_TRIES = 25,         /* where memory is short; a backend that can't make a mount at all is an error */
    SETUP_WAIT_MS = 5000,     /* for the address that the host tells on another stream */
};

/* ---- life of a mount ---- */

enum plugin_pool_kind plugin_backend_control_pool(struct plugin_exchange *exchange)
{
    (void)exchange;
    return PLUGIN_POOL_CONTROL;
}

static enum vp_code add_instance(struct plugin_exchange *exchange, const char *address, struct vp_error *err)
{
    struct plugin_service *service = exchange->service;
    grpc_channel *channel = plugin_outbound_channel(address, service->credentials);
    if (channel == NULL)
        return vp_fail(err, VP_REASON_INTERNAL, "no channel to the host's storage can be made");
    return plugin_instances_add(service->instances, exchange->mount_id, channel, err);
}

static enum vp_code set_up(struct plugin_exchange *exchange, struct vp_error *err)
{
    const Wire__SetupArgs *args = (const Wire__SetupArgs *)(const void *)exchange->request;
    char address[PLUGIN_BROKER_ADDRESS_SIZE];
    unsigned n_tries = 0;
    enum vp_code code;

    VP_TRY(plugin_broker_take(exchange->service->broker, args->broker_id, SETUP_WAIT_MS, address, err));
    while ((code = add_instance(exchange, address, err)) == VP_ERR_INTERNAL && n_tries < SETUP_TRIES)
        plugin_method_try_again(&n_tries);
    return code;
}

/* Reads no storage and fails for next to nothing: a host that is told of a failure forgets the process without
 * stopping it, and the next enable talks to it again. */
void plugin_backend_setup(struct plugin_exchange *exchange)
{
    Wire__SetupReply reply;
    struct vp_error err = { 0 };

    wire__setup_reply__init(&reply);
    if (set_up(exchange, &err) != VP_OK) {
        vp_log(VP_LOG_ERROR, "a mount could not be set up",
               (const struct vp_log_field[]){ { "error", err.message, 0 }, { 0 } });
        reply.err = err.message;
    }
    plugin_exchange_answer(exchange, &reply.base);
}

/* Never fails: the mount would stay in the host's table and fail every request with the same text. Requests must not
 * count on it having run, either. */
void plugin_backend_initialize(struct plugin_exchange *exchange)
{
    Wire__InitializeReply reply;
    Wire__ProtoError refused;
    struct plugin_service *service = exchange->service;
    struct plugin_instance *instance = plugin_instances_get(service->instances, exchange->mount_id);
    char why[] = "started for its metadata only";

    wire__initialize_reply__init(&reply);
    wire__proto_error__init(&refused);
    if (service->metadata_mode) {
        refused.err_msg = why;
        reply.err = &refused;
    } else if (instance != NULL) {
        (void)plugin_system_is_standby(&service->system, instance->channel); /* it remembers */
    }
    plugin_instances_put(service->instances, instance);
    plugin_exchange_answer(exchange, &reply.base);
}

/* What waits for the mount needs the host's storage, which is there until Cleanup is answered. */
enum plugin_pool_kind plugin_backend_cleanup_pool(struct plugin_exchange *exchange)
{
    return plugin_deferred_has(exchange->service->deferred, exchange->mount_id) ? PLUGIN_POOL_CONTROL
                                                                                : PLUGIN_POOL_NONE;
}

void plugin_backend_cleanup(struct plugin_exchange *exchange)
{
    Wire__Empty reply;

    wire__empty__init(&reply);
    plugin_deferred_flush(exchange->service->deferred, exchange->mount_id);
    plugin_instances_remove(exchange->service->instances, exchange->mount_id);
    plugin_exchange_answer(exchange, &reply.base);
}

void plugin_backend_invalidate(struct plugin_exchange *exchange)
{
    const Wire__InvalidateKeyArgs *args = (const Wire__InvalidateKeyArgs *)(const void *)exchange->request;
    Wire__Empty reply;
    struct plugin_service *service = exchange->service;
    struct plugin_instance *instance = plugin_instances_get(service->instances, exchange->mount_id);

    wire__empty__init(&reply);
    if (instance != NULL && service->backend->invalidate != NULL)
        service->backend->invalidate(instance->mount, args->key);
    plugin_instances_put(service->instances, instance);
    plugin_exchange_answer(exchange, &reply.base);
}

/* ---- what the backend is ---- */

void plugin_backend_type(struct plugin_exchange *exchange)
{
    Wire__TypeReply reply;

    wire__type_reply__init(&reply);
    reply.type = exchange->service->backend->kind == LOGICAL_SECRETS_ENGINE ? TYPE_SECRETS : TYPE_CREDENTIAL;
    plugin_exchange_answer(exchange, &reply.base);
}

/* Paths that need no token; the host lets a login pass only on these. */
static size_t list_unauthenticated(const struct logical_route *routes, char **ret_paths)
{
    size_t n = 0;

    for (; routes->path != NULL; routes++) {
        if (!routes->unauthenticated)
            continue;
        if (ret_paths != NULL)
            ret_paths[n] = (char *)(uintptr_t)routes->path; /* only read */
        n++;
    }
    return n;
}

static size_t count_texts(const char *const *texts)
{
    size_t n = 0;

    while (texts != NULL && texts[n] != NULL)
        n++;
    return n;
}

void plugin_backend_special_paths(struct plugin_exchange *exchange)
{
    const struct logical_backend *backend = exchange->service->backend;
    Wire__SpecialPathsReply reply;
    Wire__Paths paths;
    char *unauthenticated[UNAUTHENTICATED_MAX];

    wire__special_paths_reply__init(&reply);
    wire__paths__init(&paths);
    paths.n_unauthenticated = list_unauthenticated(backend->routes, NULL);
    assert(paths.n_unauthenticated <= UNAUTHENTICATED_MAX);
    paths.unauthenticated = unauthenticated;
    list_unauthenticated(backend->routes, paths.unauthenticated);
    paths.n_seal_wrap_storage = count_texts(backend->seal_wrapped);
    paths.seal_wrap_storage = (char **)(uintptr_t)backend->seal_wrapped; /* only read */
    reply.paths = &paths;
    plugin_exchange_answer(exchange, &reply.base);
}

/* ---- requests ---- */

static const Wire__Request *request_of(const struct plugin_exchange *exchange)
{
    return ((const Wire__HandleRequestArgs *)(const void *)exchange->request)->request;
}

enum plugin_pool_kind plugin_backend_request_pool(struct plugin_exchange *exchange)
{
    const Wire__Request *wire = request_of(exchange);

    if (wire == NULL)
        return PLUGIN_POOL_NONE;
    enum logical_operation operation = logical_operation_of(wire->operation);
    exchange->match = logical_find(exchange->service->backend, operation, wire->path);
    if (exchange->match.quick)
        return PLUGIN_POOL_NONE;
    /* The server waits for the role before it applies a quota to the login: it must not queue behind other logins. */
    if (operation == LOGICAL_RESOLVE_ROLE)
        return PLUGIN_POOL_CONTROL;
    if (operation == LOGICAL_RENEW || operation == LOGICAL_REVOKE)
        return PLUGIN_POOL_RENEWAL;
    return exchange->match.login ? PLUGIN_POOL_LOGIN : PLUGIN_POOL_ADMIN;
}

/* The body of a request that can only be refused must not wait with it. */
enum vp_code plugin_backend_check_request(const struct plugin_exchange *exchange, struct vp_error *err)
{
    const Wire__Request *wire = request_of(exchange);
    enum vp_code code = wire == NULL ? VP_OK : plugin_translate_check_size(&exchange->match, wire, err);
    if (code != VP_OK && logical_operation_of(wire->operation) == LOGICAL_RESOLVE_ROLE)
        return vp_fail(err, VP_REASON_UNSUPPORTED_OPERATION, "no role");
    return code;
}

/* The parts of a call that the mount gives. */
static enum vp_code join_mount(struct plugin_exchange *exchange, struct plugin_instance *instance,
                               struct logical_call *call, struct vp_error *err)
{
    struct plugin_service *service = exchange->service;

    call->cancel = exchange->cancel;
    call->arrived_ms = exchange->arrived_ms;
    call->yields = exchange->pool == PLUGIN_POOL_LOGIN;
    if (service->metadata_mode)
        return vp_fail(err, VP_REASON_INTERNAL, "the plugin was started for its metadata only");
    if (call->operation == LOGICAL_UNKNOWN)
        return VP_OK; /* refused by type alone, mount or not */
    if (instance == NULL)
        return vp_fail(err, VP_REASON_INTERNAL, "the mount is not set up in this plugin process");
    call->mount = instance->mount;
    call->storage = &instance->storage;
    call->system = &instance->system;
    /* Pools may wait for the host, the reading thread may not. */
    call->standby = exchange->pool == PLUGIN_POOL_NONE ? plugin_system_known_standby(&service->system)
                                                       : plugin_system_is_standby(&service->system, instance->channel);
    return VP_OK;
}

static enum vp_code run_request(struct plugin_exchange *exchange, struct plugin_instance *instance,
                                struct plugin_request *request, struct vp_error *err)
{
    const struct logical_backend *backend = exchange->service->backend;
    const Wire__Request *wire = request_of(exchange);

    if (vp_cancel_is_set(exchange->cancel))
        return vp_fail(err, VP_REASON_CANCELLED, "the request was cancelled");
    enum vp_code code = plugin_translate_request(&exchange->match, wire, request, err);
    /* A role asked for after a login: a body we can't read names none. */
    if (code != VP_OK && request->call.operation == LOGICAL_RESOLVE_ROLE)
        return vp_fail(err, VP_REASON_UNSUPPORTED_OPERATION, "no role");
    VP_TRY(code);
    VP_TRY(join_mount(exchange, instance, &request->call, err));
    VP_TRY(logical_dispatch(backend, &exchange->match, &request->call, err));
    VP_TRY(plugin_translate_reply(wire, &request->reply, VP_CLOCK_SYSTEM.now_s(VP_CLOCK_SYSTEM.self), &exchange->answer,
                                  err));
    exchange->unsettled = VP_TAKE(request->reply.unsettled);
    return VP_OK;
}

void plugin_backend_count_refused(struct plugin_exchange *exchange, enum vp_reason reason)
{
    const struct logical_backend *backend = exchange->service->backend;
    const struct plugin_instance *instance = exchange->instance;
    bool login = exchange->pool == PLUGIN_POOL_LOGIN;

    if (backend->refused != NULL && instance != NULL && (login || exchange->pool == PLUGIN_POOL_RENEWAL))
        backend->refused(instance->mount, login, reason);
}

void plugin_backend_refuse_request(struct plugin_exchange *exchange, const struct vp_error *why)
{
    const Wire__Request *wire = exchange->request == NULL ? NULL : request_of(exchange);
    enum logical_operation operation = wire == NULL ? LOGICAL_UNKNOWN : logical_operation_of(wire->operation);
    struct vp_error unpacked = { 0 };

    plugin_bytes_clear(&exchange->answer);
    if (why->reason == VP_REASON_CANCELLED) {
        exchange->status = GRPC_STATUS_CANCELLED;
        exchange->status_text = "cancelled";
    } else if (plugin_translate_failure(why, operation, exchange->service->on_vault, &exchange->answer, &unpacked) !=
               VP_OK) {
        exchange->status = GRPC_STATUS_INTERNAL;
        exchange->status_text = "the error could not be packed";
    }
}

void plugin_backend_request(struct plugin_exchange *exchange)
{
    struct plugin_request request = { 0 };
    struct vp_error err = { 0 };

    if (request_of(exchange) == NULL) {
        vp_fail(&err, VP_REASON_BAD_REQUEST, "a call without a request");
        plugin_backend_refuse_request(exchange, &err);
        return;
    }
    enum vp_code code = run_request(exchange, plugin_exchange_instance(exchange), &request, &err);
    if (code != VP_OK)
        plugin_backend_refuse_request(exchange, &err);
    if (request.reply.unsettled != NULL)
        exchange->service->backend->finish(&request.call, request.reply.unsettled, false);
    plugin_request_log(&request.call, code == VP_OK ? NULL : &err, exchange->arrived_ms);
    plugin_request_clear(&request);
}

/* ---- existence check: is this update a create? ---- */

enum plugin_pool_kind plugin_backend_exists_pool(struct plugin_exchange *exchange)
{
    const Wire__Request *wire = request_of(exchange);

    if (wire == NULL)
        return PLUGIN_POOL_NONE;
    exchange->match = logical_find(exchange->service->backend, logical_operation_of(wire->operation), wire->path);
    return exchange->match.has_exists ? PLUGIN_POOL_ADMIN : PLUGIN_POOL_NONE;
}

static enum vp_code run_exists(struct plugin_exchange *exchange, struct plugin_instance *instance,
                               struct plugin_request *request, Wire__HandleExistenceCheckReply *reply,
                               struct vp_error *err)
{
    const Wire__Request *wire = request_of(exchange);
    bool exists = false;

    if (wire == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "a call without a request");
    plugin_translate_head(wire, request);
    if (request->call.operation == LOGICAL_UNKNOWN)
        return vp_fail(err, VP_REASON_UNSUPPORTED_OPERATION, "unsupported operation");
    VP_TRY(join_mount(exchange, instance, &request->call, err));
    if (!exchange->match.has_exists)
        return VP_OK; /* every write is an update */
    VP_TRY(logical_exists(&exchange->match, &request->call, &exists, err));
    reply->check_found = true;
    reply->exists = exists;
    return VP_OK;
}

/* The host makes "internal error" of any failure here. So the caller's faults are left for the request that follows,
 * which says them in words; for others the host must not go on, or it would check the wrong permission. */
void plugin_backend_refuse_exists(struct plugin_exchange *exchange, const struct vp_error *why)
{
    Wire__HandleExistenceCheckReply reply;
    Wire__ProtoError error = plugin_translate_error(why);

    wire__handle_existence_check_reply__init(&reply);
    if (why->reason == VP_REASON_CANCELLED) {
        exchange->status = GRPC_STATUS_CANCELLED;
        exchange->status_text = "cancelled";
        return;
    }
    if (!plugin_translate_is_callers(why))
        reply.err = &error;
    plugin_exchange_answer(exchange, &reply.base);
}

void plugin_backend_exists(struct plugin_exchange *exchange)
{
    Wire__HandleExistenceCheckReply reply;
    struct plugin_request request = { 0 };
    struct vp_error err = { 0 };

    wire__handle_existence_check_reply__init(&reply);
    if (run_exists(exchange, plugin_exchange_instance(exchange), &request, &reply, &err) == VP_OK) {
        plugin_exchange_answer(exchange, &reply.base);
    } else {
        if (!plugin_translate_is_callers(&err))
            plugin_request_log(&request.call, &err, exchange->arrived_ms);
        plugin_backend_refuse_exists(exchange, &err);
    }
    plugin_request_clear(&request);
}
