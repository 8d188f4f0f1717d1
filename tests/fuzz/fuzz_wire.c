/* Protobuf messages of the server. An unpacked message holds valid strings only, and packs and
 * unpacks to the same bytes. */
#include "fuzz.h"
#include "wire.h"
#include "wire.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const TYPES[] = {
        &wire__handle_request_args__descriptor, &wire__setup_args__descriptor,
        &wire__storage_get_reply__descriptor,   &wire__storage_list_reply__descriptor,
        &wire__invalidate_key_args__descriptor,
    };
    struct fuzz_input input = { data, size };
    const ProtobufCMessageDescriptor *type = TYPES[fuzz_byte(&input) % (sizeof TYPES / sizeof TYPES[0])];
    ProtobufCMessage *message = NULL, *again = NULL;
    struct plugin_bytes bytes = { 0 }, once_more = { 0 };
    if (plugin_wire_unpack(type, input.at, input.left, &message, &(struct vp_error){ 0 }) != VP_OK)
        return 0;
    assert(plugin_wire_pack(message, &bytes, &(struct vp_error){ 0 }) == VP_OK);
    assert(plugin_wire_unpack(type, bytes.data, bytes.len, &again, &(struct vp_error){ 0 }) == VP_OK);
    assert(plugin_wire_pack(again, &once_more, &(struct vp_error){ 0 }) == VP_OK);
    assert(bytes.len == once_more.len && memcmp(bytes.data, once_more.data, bytes.len) == 0);
    plugin_bytes_clear(&bytes);
    plugin_bytes_clear(&once_more);
    plugin_wire_free(message);
    plugin_wire_free(again);
    return 0;
}
