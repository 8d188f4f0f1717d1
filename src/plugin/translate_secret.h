/* The Secret message: what a secrets engine gives on a lease, and what the host sends back to renew or revoke it. Part of
 * translate.c's work. */
#pragma once

#include <stdint.h>

#include "vp/logical.h"

#include "wire.pb-c.h"

/* A Secret message being built; texts are borrowed from what it is built of. Nothing to free. */
struct plugin_secret_parts {
    Wire__Secret secret;
    Wire__LeaseOptions lease;
    Wire__Timestamp issued;
};

/* `given` is the secret that is renewed, whose issue time and unknown fields are kept; NULL for a new one.
 * VP_REASON_INTERNAL: no positive TTL (the host takes it for its maximum, 32 days) or no internal data. */
VP_MUST_USE enum vp_code plugin_translate_secret_out(const Wire__Secret *given, const struct logical_secret *secret,
                                                     int64_t now_s, struct plugin_secret_parts *ret_parts,
                                                     struct vp_error *err);

/* A deep copy of the secret that is to be renewed or revoked. */
VP_MUST_USE enum vp_code plugin_translate_secret_in(const Wire__Secret *wire, struct logical_secret *ret_secret,
                                                    struct vp_error *err);
