#include "methods.h"

#include <stdlib.h>
#include <string.h>

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
      .lane = plugin_backend_control_lane,
      .run = plugin_backend_setup },
    { .path = "/pb.Backend/Type", .request = EMPTY, .run = plugin_backend_type },
    { .path = "/pb.Backend/SpecialPaths", .request = EMPTY, .run = plugin_backend_special_paths },
    { .path = "/pb.Backend/Initialize",
      .request = EMPTY,
      .lane = plugin_backend_control_lane,
      .run = plugin_backend_initialize },
    { .path = "/pb.Backend/HandleRequest",
      .request = &wire__handle_request_args__descriptor,
      .lane = plugin_backend_request_lane,
      .run = plugin_backend_request,
      .refuse = plugin_backend_refuse_request },
    { .path = "/pb.Backend/HandleExistenceCheck",
      .request = &wire__handle_existence_check_args__descriptor,
      .lane = plugin_backend_exists_lane,
      .run = plugin_backend_exists,
      .refuse = plugin_backend_refuse_exists },
    { .path = "/pb.Backend/InvalidateKey",
      .request = &wire__invalidate_key_args__descriptor,
      .run = plugin_backend_invalidate },
    { .path = "/pb.Backend/Cleanup",
      .request = EMPTY,
      .lane = plugin_backend_cleanup_lane,
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

/* ---- answers ---- */

void plugin_exchange_answer(struct plugin_exchange *exchange, const ProtobufCMessage *message)
{
    plugin_bytes_clear(&exchange->answer);
    exchange->status = GRPC_STATUS_OK;
    if (plugin_wire_pack(message, &exchange->answer, NULL) != VP_OK) {
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

void plugin_exchange_clear(struct plugin_exchange *exchange)
{
    free(exchange->mount_id);
    free(exchange->unsettled);
    plugin_wire_free(exchange->request);
    plugin_bytes_clear(&exchange->answer);
    *exchange = (struct plugin_exchange){ 0 };
}
