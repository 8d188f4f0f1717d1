#include "system.h"

#include "outbound.h"
#include "wire.pb-c.h"

enum { STANDBY_UNKNOWN, STANDBY_NO, STANDBY_YES };

/* A bit among others: an active raft node says 0x2020, its standby 0x6000, Vault's active node 0x3000. */
enum { STATE_STANDBY = 0x4000 };

static const char METHOD_REPLICATION_STATE[] = "/pb.SystemView/ReplicationState";

bool plugin_system_known_standby(struct plugin_system *system)
{
    return atomic_load(&system->standby) == STANDBY_YES;
}

bool plugin_system_is_standby(struct plugin_system *system, grpc_channel *channel)
{
    Wire__Empty args;
    VP_AUTO(plugin_wire_freep) ProtobufCMessage *message = NULL;

    wire__empty__init(&args);
    if (atomic_load(&system->standby) == STANDBY_UNKNOWN &&
        plugin_outbound_call(channel, METHOD_REPLICATION_STATE, &args.base, &wire__replication_state_reply__descriptor,
                             NULL, &message, NULL) == VP_OK) {
        const Wire__ReplicationStateReply *reply = (const Wire__ReplicationStateReply *)(const void *)message;
        atomic_store(&system->standby, (reply->state & STATE_STANDBY) != 0 ? STANDBY_YES : STANDBY_NO);
    }
    return plugin_system_known_standby(system);
}
