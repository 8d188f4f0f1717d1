/* One call to the host's own services, over the mount's channel. Blocks; any thread. */
#pragma once

#include <grpc/grpc.h>

#include "vp/cancel.h"
#include "vp/error.h"

#include "wire.h"

enum { PLUGIN_OUTBOUND_TIMEOUT_MS = 10000 };

/* A channel to the socket at `address`; connects when first used. Destroyed by grpc_channel_destroy(). */
grpc_channel *plugin_outbound_channel(const char *address, grpc_channel_credentials *credentials);

/* Failures are VP_REASON_HOST with the host's text, or VP_REASON_CANCELLED. `cancel` may be NULL. The reply is freed by
 * plugin_wire_free(). */
VP_MUST_USE enum vp_code plugin_outbound_call(grpc_channel *channel, const char *method,
                                              const ProtobufCMessage *request,
                                              const ProtobufCMessageDescriptor *reply_type, struct vp_cancel *cancel,
                                              ProtobufCMessage **ret_reply, struct vp_error *err);

/* A failure in the host's own words. */
enum vp_code plugin_outbound_fail(struct vp_error *err, const char *text);
