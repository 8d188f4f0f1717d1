#include "outbound.h"

#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"

grpc_channel *plugin_outbound_channel(const char *address, grpc_channel_credentials *credentials)
{
    grpc_arg args[] = {
        plugin_bytes_text_arg(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, "localhost"), /* the name in the host's certificate */
        plugin_bytes_number_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        plugin_bytes_number_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, -1),
        plugin_bytes_number_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1),
        plugin_bytes_number_arg(GRPC_ARG_ENABLE_RETRIES, 0), /* a write must not repeat */
        plugin_bytes_number_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        plugin_bytes_number_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000),
    };
    char target[256];

    if (snprintf(target, sizeof target, "unix:%s", address) >= (int)sizeof target)
        return NULL;
    return grpc_channel_create(target, credentials, &(grpc_channel_args){ sizeof args / sizeof args[0], args });
}

enum vp_code plugin_outbound_fail(struct vp_error *err, const char *text)
{
    /* This text as a whole message makes the host take our process for dead. */
    if (strcmp(text, "connection is shut down") == 0)
        text = "the connection to the host is gone";
    return vp_fail(err, VP_REASON_HOST, "%s", *text == '\0' ? "the host failed without a reason" : text);
}

/* One call while it lasts. */
struct outbound {
    grpc_completion_queue *queue;
    grpc_call *call;
    grpc_byte_buffer *request;
    grpc_byte_buffer *reply;
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_status_code status;
    grpc_slice details;
};

static void outbound_open(struct outbound *out, grpc_channel *channel, const char *method,
                          const struct plugin_bytes *request)
{
    gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(PLUGIN_OUTBOUND_TIMEOUT_MS, GPR_TIMESPAN));

    *out = (struct outbound){ .queue = grpc_completion_queue_create_for_pluck(NULL),
                              .request = plugin_bytes_to_grpc(request),
                              .details = grpc_empty_slice() };
    grpc_metadata_array_init(&out->initial);
    grpc_metadata_array_init(&out->trailing);
    out->call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, out->queue,
                                         grpc_slice_from_static_string(method), NULL, deadline, NULL);
}

static void outbound_close(struct outbound *out)
{
    grpc_call_unref(out->call);
    grpc_slice_unref(out->details);
    grpc_metadata_array_destroy(&out->initial);
    grpc_metadata_array_destroy(&out->trailing);
    grpc_byte_buffer_destroy(out->request);
    grpc_byte_buffer_destroy(out->reply);
    grpc_completion_queue_shutdown(out->queue);
    grpc_completion_queue_destroy(out->queue);
}

static void cancel_call(void *context)
{
    grpc_call *call = context;
    grpc_call_cancel(call, NULL);
}

/* Runs the whole call; what came back is in *out. */
static void outbound_run(struct outbound *out, struct vp_cancel *cancel)
{
    grpc_op ops[] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = out->request },
        { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
        { .op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &out->initial },
        { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &out->reply },
        { .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
          .data.recv_status_on_client = { .trailing_metadata = &out->trailing,
                                          .status = &out->status,
                                          .status_details = &out->details } },
    };

    if (grpc_call_start_batch(out->call, ops, sizeof ops / sizeof ops[0], out, NULL) != GRPC_CALL_OK) {
        out->status = GRPC_STATUS_INTERNAL;
        return;
    }
    vp_cancel_listen(cancel, cancel_call, out->call);
    grpc_completion_queue_pluck(out->queue, out, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    vp_cancel_unlisten(cancel);
}

static enum vp_code outbound_fail(const struct outbound *out, struct vp_cancel *cancel, struct vp_error *err)
{
    if (vp_cancel_is_set(cancel))
        return vp_fail(err, VP_REASON_CANCELLED, "the request was cancelled");
    char *text = grpc_slice_to_c_string(out->details);
    enum vp_code code = plugin_outbound_fail(err, text);
    gpr_free(text);
    vp_error_add_detail(err, "host call ended with gRPC status %d", (int)out->status);
    return code;
}

static enum vp_code outbound_result(const struct outbound *out, const ProtobufCMessageDescriptor *reply_type,
                                    struct vp_cancel *cancel, ProtobufCMessage **ret_reply, struct vp_error *err)
{
    struct plugin_bytes bytes = { 0 };

    if (out->status != GRPC_STATUS_OK || out->reply == NULL)
        return outbound_fail(out, cancel, err);
    if (!plugin_bytes_from_grpc(out->reply, &bytes))
        return vp_fail_no_memory(err);
    enum vp_code code = plugin_wire_unpack(reply_type, bytes.data, bytes.len, ret_reply, err);
    plugin_bytes_clear(&bytes);
    return code == VP_OK ? VP_OK : plugin_outbound_fail(err, "the host's answer is not well-formed");
}

enum vp_code plugin_outbound_call(grpc_channel *channel, const char *method, const ProtobufCMessage *request,
                                  const ProtobufCMessageDescriptor *reply_type, struct vp_cancel *cancel,
                                  ProtobufCMessage **ret_reply, struct vp_error *err)
{
    struct plugin_bytes bytes = { 0 };
    struct outbound out;

    VP_TRY(plugin_wire_pack(request, &bytes, err));
    outbound_open(&out, channel, method, &bytes);
    plugin_bytes_clear(&bytes);
    outbound_run(&out, cancel);
    enum vp_code code = outbound_result(&out, reply_type, cancel, ret_reply, err);
    outbound_close(&out);
    return code;
}
