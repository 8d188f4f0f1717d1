#include "bytes.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool plugin_bytes_from_grpc(grpc_byte_buffer *buffer, struct plugin_bytes *ret_bytes)
{
    size_t max = grpc_byte_buffer_length(buffer);
    struct plugin_bytes bytes = { .data = malloc(max + 1) };
    grpc_byte_buffer_reader reader;
    grpc_slice slice;

    if (bytes.data == NULL || grpc_byte_buffer_reader_init(&reader, buffer) == 0) {
        free(bytes.data);
        return false;
    }
    while (grpc_byte_buffer_reader_next(&reader, &slice) != 0) {
        size_t len = GRPC_SLICE_LENGTH(slice);
        if (len > max - bytes.len)
            len = max - bytes.len;
        memcpy(bytes.data + bytes.len, GRPC_SLICE_START_PTR(slice), len);
        bytes.len += len;
        grpc_slice_unref(slice);
    }
    grpc_byte_buffer_reader_destroy(&reader);
    *ret_bytes = bytes;
    return true;
}

grpc_byte_buffer *plugin_bytes_to_grpc(const struct plugin_bytes *bytes)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(bytes->data, bytes->len);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);

    grpc_slice_unref(slice);
    return buffer;
}

grpc_arg plugin_bytes_number_arg(const char *name, int number)
{
    return (grpc_arg){ GRPC_ARG_INTEGER, (char *)(uintptr_t)name, { .integer = number } };
}

grpc_arg plugin_bytes_text_arg(const char *name, const char *text)
{
    return (grpc_arg){ GRPC_ARG_STRING, (char *)(uintptr_t)name, { .string = (char *)(uintptr_t)text } };
}
