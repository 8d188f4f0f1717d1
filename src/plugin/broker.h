/* Where the host listens: it tells the addresses on one stream, and Setup asks for them by id on another call.
 *
 * The two race, both orders were seen, so taking an address waits for it. Any thread. */
#pragma once

#include <stdint.h>

#include "vp/error.h"

struct plugin_broker;

struct plugin_broker *plugin_broker_new(void); /* NULL without memory */
void plugin_broker_free(struct plugin_broker *broker);

enum {
    PLUGIN_BROKER_MAX = 256,          /* addresses that were sent and not taken; the oldest is dropped first */
    PLUGIN_BROKER_ADDRESS_SIZE = 108, /* of a Unix socket's path */
};

/* What the host sent. An address that is no Unix socket's is dropped. Needs no memory. */
void plugin_broker_tell(struct plugin_broker *broker, uint32_t id, const char *network, const char *address);

/* Waits up to timeout_ms. VP_REASON_INTERNAL when none came. */
VP_MUST_USE enum vp_code plugin_broker_take(struct plugin_broker *broker, uint32_t id, int64_t timeout_ms,
                                            char ret_address[PLUGIN_BROKER_ADDRESS_SIZE], struct vp_error *err);

/* Nobody waits any more, now and later. */
void plugin_broker_close(struct plugin_broker *broker);
