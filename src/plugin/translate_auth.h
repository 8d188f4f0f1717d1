/* The Auth message: what a login grants and a renewal gives back. Part of translate.c's work. */
#pragma once

#include <stdint.h>

#include "vp/logical.h"

#include "wire.pb-c.h"

/* An Auth message being built; texts are borrowed from what it is built of. */
struct plugin_auth_parts {
    Wire__Auth auth;
    Wire__LeaseOptions lease;
    Wire__Timestamp issued;
    Wire__Alias alias;
    Wire__Pair *pairs; /* of metadata, then of the alias */
    Wire__Pair **pointers;
    Wire__Alias *groups;
    Wire__Alias **group_pointers;
};

/* VP_REASON_INTERNAL: no alias (the host refuses it) or no positive time to live (the host takes it for its maximum, 32
 * days). *ret_parts is to be cleared in any case. */
VP_MUST_USE enum vp_code plugin_translate_auth_out(const struct logical_auth *auth, int64_t now_s,
                                                   struct plugin_auth_parts *ret_parts, struct vp_error *err);
void plugin_auth_parts_clear(struct plugin_auth_parts *parts);

/* A deep copy of the token that is to be renewed. */
VP_MUST_USE enum vp_code plugin_translate_auth_in(const Wire__Auth *wire, struct logical_auth *ret_auth,
                                                  struct vp_error *err);

/* The given Auth with new times and group aliases, the rest as it came, unknown fields too; borrows all of it. Cleared
 * likewise. */
VP_MUST_USE enum vp_code plugin_translate_auth_renewed(const Wire__Auth *given, const struct logical_reply *reply,
                                                       struct plugin_auth_parts *ret_parts, struct vp_error *err);

/* Seconds to the wire's nanoseconds, saturated; and back, towards zero. */
int64_t plugin_translate_ns(int64_t seconds);
int64_t plugin_translate_s(int64_t nanoseconds);
