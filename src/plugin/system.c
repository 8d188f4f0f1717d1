#include "system.h"

#include "outbound.h"
#include "translate_auth.h"
#include "wire.pb-c.h"

enum { STANDBY_UNKNOWN, STANDBY_NO, STANDBY_YES };

/* A bit among others: an active raft node says 0x2020, its standby 0x6000, Vault's active node 0x3000. */
enum { STATE_STANDBY = 0x4000 };

static const char METHOD_REPLICATION_STATE[] = "/pb.SystemView/ReplicationState";
static const char METHOD_DEFAULT_LEASE_TTL[] = "/pb.SystemView/DefaultLeaseTTL";
static const char METHOD_MAX_LEASE_TTL[] = "/pb.SystemView/MaxLeaseTTL";
static const char METHOD_ENTITY_INFO[] = "/pb.SystemView/EntityInfo";

bool plugin_system_known_standby(struct plugin_system *system)
{
    return atomic_load(&system->standby) == STANDBY_YES;
}

bool plugin_system_is_standby(struct plugin_system *system, grpc_channel *channel)
{
    Wire__Empty args;
    VP_AUTO(plugin_wire_freep) ProtobufCMessage *message = NULL;
    struct vp_error fault = { 0 };

    wire__empty__init(&args);
    if (atomic_load(&system->standby) == STANDBY_UNKNOWN &&
        plugin_outbound_call(channel, METHOD_REPLICATION_STATE, &args.base, &wire__replication_state_reply__descriptor,
                             NULL, &message, &fault) == VP_OK) {
        const Wire__ReplicationStateReply *reply = (const Wire__ReplicationStateReply *)(const void *)message;
        atomic_store(&system->standby, (reply->state & STATE_STANDBY) != 0 ? STANDBY_YES : STANDBY_NO);
    }
    return plugin_system_known_standby(system);
}

static enum vp_code ask_ttl(grpc_channel *channel, const char *method, struct vp_cancel *cancel, int64_t *ret_s,
                            struct vp_error *err)
{
    Wire__Empty args;
    VP_AUTO(plugin_wire_freep) ProtobufCMessage *message = NULL;

    wire__empty__init(&args);
    VP_TRY(plugin_outbound_call(channel, method, &args.base, &wire__ttl_reply__descriptor, cancel, &message, err));
    *ret_s = plugin_translate_s(((const Wire__TtlReply *)(const void *)message)->ttl);
    return VP_OK;
}

static enum vp_code lease_ttls(void *self, struct vp_cancel *cancel, int64_t *ret_default_s, int64_t *ret_max_s,
                               struct vp_error *err)
{
    VP_TRY(ask_ttl(self, METHOD_DEFAULT_LEASE_TTL, cancel, ret_default_s, err));
    return ask_ttl(self, METHOD_MAX_LEASE_TTL, cancel, ret_max_s, err);
}

static enum vp_code take_entity(const Wire__Entity *wire, struct logical_entity *entity, struct vp_error *err)
{
    entity->disabled = wire->disabled;
    for (size_t i = 0; i < wire->n_aliases; i++)
        VP_TRY(logical_pairs_add(&entity->aliases, wire->aliases[i]->mount_accessor, wire->aliases[i]->name, err));
    return VP_OK;
}

static enum vp_code entity(void *self, const char *entity_id, struct vp_cancel *cancel,
                           struct logical_entity *ret_entity, struct vp_error *err)
{
    Wire__EntityInfoArgs args;
    struct logical_entity found = { 0 };
    VP_AUTO(plugin_wire_freep) ProtobufCMessage *message = NULL;

    wire__entity_info_args__init(&args);
    args.entity_id = (char *)(uintptr_t)entity_id; /* only read */
    VP_TRY(plugin_outbound_call(self, METHOD_ENTITY_INFO, &args.base, &wire__entity_info_reply__descriptor, cancel,
                                &message, err));
    const Wire__EntityInfoReply *reply = (const Wire__EntityInfoReply *)(const void *)message;
    if (*reply->err != '\0')
        return plugin_outbound_fail(err, reply->err);
    if (reply->entity == NULL || *reply->entity->id == '\0')
        return vp_fail(err, VP_REASON_NOT_FOUND, "the caller's entity does not exist");
    enum vp_code code = take_entity(reply->entity, &found, err);
    if (code != VP_OK) {
        logical_entity_clear(&found);
        return code;
    }
    *ret_entity = found;
    return VP_OK;
}

struct logical_system plugin_system_on(grpc_channel *channel)
{
    return (struct logical_system){ .lease_ttls = lease_ttls, .entity = entity, .self = channel };
}
