/* Our values and gRPC's. */
#pragma once

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <stdbool.h>

#include "wire.h"

/* A copy that we own and will wipe; false without memory. */
bool plugin_bytes_from_grpc(grpc_byte_buffer *buffer, struct plugin_bytes *ret_bytes);

/* A copy for gRPC, destroyed by grpc_byte_buffer_destroy(). */
grpc_byte_buffer *plugin_bytes_to_grpc(const struct plugin_bytes *bytes);

/* Arguments of channels and servers. gRPC takes their texts without const, and changes nothing in them. */
grpc_arg plugin_bytes_number_arg(const char *name, int number);
grpc_arg plugin_bytes_text_arg(const char *name, const char *text);
