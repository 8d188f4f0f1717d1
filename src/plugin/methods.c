#include "methods.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vp/log.h"

#include "backend.h"
#include "wire.pb-c.h"

/* ---- control calls ---- */

static void answer_empty(struct plugin_exchange *exchange)
{
    Wire__Empty reply;

    wire__empty__init(&reply);
    plugin_exchange_answer(exchange, &reply.base);
}

static void broker_fed(struct plugin_exchange *exchange)
{
    const Wire__ConnInfo *info = (const Wire__ConnInfo *)(const void *)exchange->request;
    plugin_broker_tell(exchange->service->broker, info->service_id, info->network, info->address);
}

static void multiplexing_support(struct plugin_exchange *exchange)
{
    Wire__MultiplexingSupportReply reply;

    wire__multiplexing_support_reply__init(&reply);
    reply.supported = 1;
    plugin_exchange_answer(exchange, &reply.base);
}

static void version(struct plugin_exchange *exchange)
{
    Wire__VersionReply reply;

    wire__version_reply__init(&reply);
    reply.plugin_version = (char *)(uintptr_t)exchange->service->backend->version; /* only read */
    plugin_exchange_answer(exchange, &reply.base);
}

/* go-plugin registers the one service "plugin". */
static void health(struct plugin_exchange *exchange)
{
    const Wire__HealthArgs *args = (const Wire__HealthArgs *)(const void *)exchange->request;
    Wire__HealthReply reply;

    wire__health_reply__init(&reply);
    if (strcmp(args->service, "plugin") != 0) {
        exchange->status = GRPC_STATUS_NOT_FOUND;
        exchange->status_text = "unknown service";
        return;
    }
    reply.status = 1;
    plugin_exchange_answer(exchange, &reply.base);
}

static void controller_shutdown(struct plugin_exchange *exchange)
{
    answer_empty(exchange);
    exchange->service->stop(exchange->service->stop_context);
}

/* ---- the table ---- */

#define EMPTY &wire__empty__descriptor

static const struct plugin_method METHODS[] = {
    { .path = "/plugin.GRPCStdio/StreamStdio", .kind = PLUGIN_HELD, .request = EMPTY },
    { .path = "/plugin.GRPCBroker/StartStream",
      .kind = PLUGIN_FED,
      .request = &wire__conn_info__descriptor,
      .run = broker_fed },
    { .path = "/plugin.GRPCController/Shutdown", .request = EMPTY, .run = controller_shutdown },
    { .path = "/pluginutil.multiplexing.PluginMultiplexing/MultiplexingSupport",
      .request = EMPTY,
      .run = multiplexing_support },
    { .path = "/logical.PluginVersion/Version", .request = EMPTY, .run = version },
    { .path = "/grpc.health.v1.Health/Check", .request = &wire__health_args__descriptor, .run = health },
    { .path = "/pb.Backend/Setup",
      .request = &wire__setup_args__descriptor,
      .pool = plugin_backend_control_pool,
      .run = plugin_backend_setup },
    { .path = "/pb.Backend/Type", .request = EMPTY, .run = plugin_backend_type },
    { .path = "/pb.Backend/SpecialPaths", .request = EMPTY, .run = plugin_backend_special_paths },
    { .path = "/pb.Backend/Initialize",
      .request = EMPTY,
      .pool = plugin_backend_control_pool,
      .run = plugin_backend_initialize },
    { .path = "/pb.Backend/HandleRequest",
      .request = &wire__handle_request_args__descriptor,
      .check = plugin_backend_check_request,
      .pool = plugin_backend_request_pool,
      .run = plugin_backend_request,
      .refuse = plugin_backend_refuse_request },
    { .path = "/pb.Backend/HandleExistenceCheck",
      .request = &wire__handle_existence_check_args__descriptor,
      .pool = plugin_backend_exists_pool,
      .run = plugin_backend_exists,
      .refuse = plugin_backend_refuse_exists },
    { .path = "/pb.Backend/InvalidateKey",
      .request = &wire__invalidate_key_args__descriptor,
      .run = plugin_backend_invalidate },
    { .path = "/pb.Backend/Cleanup",
      .request = EMPTY,
      .pool = plugin_backend_cleanup_pool,
      .run = plugin_backend_cleanup },
    { 0 },
};

const struct plugin_method *plugin_method_find(const char *path, size_t len)
{
    for (const struct plugin_method *method = METHODS; method->path != NULL; method++)
        if (strlen(method->path) == len && memcmp(method->path, path, len) == 0)
            return method;
    return NULL;
}

enum { TIMEOUT_MS = 10 * 1000 }; /* for a wait, where the backend names none */

/* ---- control calls and memory ---- */

enum { TRIES_MAX = 50, PAUSE_MS = 20, EXIT_NO_MEMORY = 70 /* EX_SOFTWARE */ };

bool plugin_method_is_control(const struct plugin_method *method)
{
    return method->refuse == NULL;
}

void plugin_method_try_again(unsigned *n_tries)
{
    if (++*n_tries > TRIES_MAX) {
        vp_log(VP_LOG_ERROR, "no memory for a call of the host, exiting", NULL);
        _exit(EXIT_NO_MEMORY);
    }
    nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
}

/* ---- answers ---- */

void plugin_exchange_answer(struct plugin_exchange *exchange, const ProtobufCMessage *message)
{
    unsigned n_tries = 0;
    struct vp_error fault = { 0 };
    enum vp_code code;

    plugin_bytes_clear(&exchange->answer);
    exchange->status = GRPC_STATUS_OK;
    while ((code = plugin_wire_pack(message, &exchange->answer, &fault)) != VP_OK &&
           plugin_method_is_control(exchange->method))
        plugin_method_try_again(&n_tries);
    if (code != VP_OK) {
        exchange->status = GRPC_STATUS_INTERNAL;
        exchange->status_text = "the answer could not be packed";
    }
}

void plugin_exchange_refuse(struct plugin_exchange *exchange, const struct vp_error *why)
{
    if (exchange->method->refuse != NULL) {
        exchange->method->refuse(exchange, why);
        return;
    }
    exchange->status =
        vp_reason_code(why->reason) == VP_ERR_INPUT ? GRPC_STATUS_INVALID_ARGUMENT : GRPC_STATUS_RESOURCE_EXHAUSTED;
    exchange->status_text = "refused";
}

struct plugin_instance *plugin_exchange_instance(struct plugin_exchange *exchange)
{
    if (exchange->instance == NULL)
        exchange->instance = plugin_instances_get(exchange->service->instances, exchange->mount_id);
    return exchange->instance;
}

enum vp_code plugin_exchange_wait(struct plugin_exchange *exchange, struct vp_error *err)
{
    const struct logical_backend *backend = exchange->service->backend;
    exchange->deadline_ms = INT64_MAX;
    if (exchange->pool == PLUGIN_POOL_CONTROL)
        return VP_OK;
    struct plugin_instance *instance = plugin_exchange_instance(exchange);
    if (instance == NULL || backend->request_timeout_ms == NULL) {
        exchange->deadline_ms = exchange->arrived_ms + TIMEOUT_MS;
    } else {
        exchange->deadline_ms = exchange->arrived_ms + backend->request_timeout_ms(instance->mount);
    }
    if (instance == NULL)
        return VP_OK;
    if (!vp_budget_take(&instance->bodies, exchange->request_bytes))
        return vp_fail(err, VP_REASON_OVERLOADED,
                       "overloaded: the requests that wait are too large together; try again");
    exchange->charged_bytes = exchange->request_bytes;
    return VP_OK;
}

void plugin_exchange_settle(struct plugin_exchange *exchange)
{
    plugin_wire_free(VP_TAKE(exchange->request));
    if (exchange->instance != NULL)
        vp_budget_give(&exchange->instance->bodies, exchange->charged_bytes);
    exchange->charged_bytes = 0;
    plugin_instances_put(exchange->service->instances, VP_TAKE(exchange->instance));
}

void plugin_exchange_clear(struct plugin_exchange *exchange)
{
    if (exchange->service != NULL)
        plugin_exchange_settle(exchange);
    free(exchange->unsettled);
    plugin_bytes_clear(&exchange->answer);
    *exchange = (struct plugin_exchange){ 0 };
}
