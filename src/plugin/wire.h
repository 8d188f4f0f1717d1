/* Messages as bytes: the only place that packs and unpacks protobuf.
 *
 * What comes out of plugin_wire_unpack() has been checked: every text we declare is valid UTF-8 without NUL (protobuf-c
 * stops a text at a NUL and checks no UTF-8), the number of fields is bounded. What goes out is checked the same way:
 * one invalid byte makes a whole reply fail on the host's side. Memory of messages and bytes is wiped when freed, since
 * most calls carry a credential. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "vp/error.h"

/* Owned bytes; freed by plugin_bytes_clear(), which wipes. */
struct plugin_bytes {
    char *data;
    size_t len;
};
void plugin_bytes_clear(struct plugin_bytes *bytes);

enum { PLUGIN_WIRE_FIELDS_MAX = 65536 }; /* of one message, nested ones counted */

/* VP_REASON_BAD_REQUEST for bytes that are no such message, VP_REASON_INTERNAL without memory. Freed by
 * plugin_wire_free(). */
VP_MUST_USE enum vp_code plugin_wire_unpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                                            ProtobufCMessage **ret_message, struct vp_error *err);
void plugin_wire_free(ProtobufCMessage *message); /* NULL is fine; only for unpacked ones */
void plugin_wire_freep(ProtobufCMessage **message);

/* VP_REASON_INTERNAL without memory and for a text that is not valid UTF-8. */
VP_MUST_USE enum vp_code plugin_wire_pack(const ProtobufCMessage *message, struct plugin_bytes *ret_bytes,
                                          struct vp_error *err);
