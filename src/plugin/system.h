/* The host's view of the system, as far as we ask: is this node a standby, how long may a lease be, who is an entity? */
#pragma once

#include <grpc/grpc.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "vp/logical.h"

/* Constant for the life of a process, since a change of role restarts it; so asked until it was answered once. */
struct plugin_system {
    atomic_int standby; /* enum in system.c; 0: not known yet */
};

/* Asks the host if need be; false when it can't tell. Blocks then. Any thread. */
bool plugin_system_is_standby(struct plugin_system *system, grpc_channel *channel);

/* What is known by now; false when nothing is. Does not block. */
bool plugin_system_known_standby(struct plugin_system *system);

/* What a backend may ask, over the mount's channel. */
struct logical_system plugin_system_on(grpc_channel *channel);
