/* The host's storage for one mount, as the backend sees it: pb.Storage over the mount's channel. */
#pragma once

#include <grpc/grpc.h>

#include "vp/logical.h"

/* `channel` is borrowed for as long as the storage is used. */
struct logical_storage plugin_storage_on(grpc_channel *channel);
