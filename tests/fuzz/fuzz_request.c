/* A request of the server, from its bytes to the decoded fields of a handler. */
#include "vp/auth.h"

#include "fuzz.h"
#include "translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *message = NULL;
    struct plugin_request request = { 0 };
    struct vp_error err = { 0 };
    if (plugin_wire_unpack(&wire__handle_request_args__descriptor, data, size, &message, &(struct vp_error){ 0 }) !=
        VP_OK)
        return 0;
    const Wire__Request *wire = ((const Wire__HandleRequestArgs *)(const void *)message)->request;
    if (wire != NULL) {
        const struct logical_match match =
            logical_find(auth_backend(), logical_operation_of(wire->operation), wire->path);
        if (plugin_translate_request(&match, wire, &request, &err) == VP_OK)
            assert(request.call.path != NULL && request.call.data == NULL == (request.document == NULL));
        else
            assert(err.reason == VP_REASON_BAD_REQUEST);
        plugin_request_clear(&request);
    }
    plugin_wire_free(message);
    return 0;
}
