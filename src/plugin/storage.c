#include "storage.h"

#include <stdint.h>

#include "outbound.h"
#include "wire.pb-c.h"

static const char METHOD_GET[] = "/pb.Storage/Get";
static const char METHOD_PUT[] = "/pb.Storage/Put";
static const char METHOD_DELETE[] = "/pb.Storage/Delete";
static const char METHOD_LIST[] = "/pb.Storage/List";

/* protobuf-c's structs hold texts without const; packing only reads them. */
static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* Storage errors come in the reply or as a gRPC status; both are the host's words. */
static enum vp_code reply_error(const char *text, struct vp_error *err)
{
    return *text == '\0' ? VP_OK : plugin_outbound_fail(err, text);
}

static enum vp_code take_entry(const Wire__StorageGetReply *reply, struct vp_buf *value, bool *ret_found,
                               struct vp_error *err)
{
    VP_TRY(reply_error(reply->err, err));
    *ret_found = reply->entry != NULL;
    if (reply->entry == NULL)
        return VP_OK;
    if (reply->entry->value.len > LOGICAL_ENTRY_MAX)
        return plugin_outbound_fail(err, "a stored entry is larger than this plugin ever writes");
    vp_buf_add(value, reply->entry->value.data, reply->entry->value.len);
    return vp_buf_check(value, "a stored entry", err);
}

static enum vp_code storage_get(void *self, const char *key, struct vp_cancel *cancel, struct vp_buf *value,
                                bool *ret_found, struct vp_error *err)
{
    Wire__StorageGetArgs args;
    VP_AUTO(plugin_wire_freep) ProtobufCMessage *reply = NULL;

    wire__storage_get_args__init(&args);
    args.key = borrowed(key);
    VP_TRY(
        plugin_outbound_call(self, METHOD_GET, &args.base, &wire__storage_get_reply__descriptor, cancel, &reply, err));
    return take_entry((const Wire__StorageGetReply *)(const void *)reply, value, ret_found, err);
}

static enum vp_code storage_put(void *self, const char *key, const char *value, size_t len, bool seal_wrap,
                                struct vp_cancel *cancel, struct vp_error *err)
{
    Wire__StoragePutArgs args;
    Wire__StorageEntry entry;
    VP_AUTO(plugin_wire_freep) ProtobufCMessage *reply = NULL;

    wire__storage_put_args__init(&args);
    wire__storage_entry__init(&entry);
    if (len > LOGICAL_ENTRY_MAX)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "more than %d bytes are not stored", LOGICAL_ENTRY_MAX);
    entry.key = borrowed(key);
    entry.value = (ProtobufCBinaryData){ len, (uint8_t *)(uintptr_t)value };
    entry.seal_wrap = seal_wrap;
    args.entry = &entry;
    VP_TRY(
        plugin_outbound_call(self, METHOD_PUT, &args.base, &wire__storage_put_reply__descriptor, cancel, &reply, err));
    return reply_error(((const Wire__StoragePutReply *)(const void *)reply)->err, err);
}

static enum vp_code storage_remove(void *self, const char *key, struct vp_cancel *cancel, struct vp_error *err)
{
    Wire__StorageDeleteArgs args;
    VP_AUTO(plugin_wire_freep) ProtobufCMessage *reply = NULL;

    wire__storage_delete_args__init(&args);
    args.key = borrowed(key);
    VP_TRY(plugin_outbound_call(self, METHOD_DELETE, &args.base, &wire__storage_delete_reply__descriptor, cancel,
                                &reply, err));
    return reply_error(((const Wire__StorageDeleteReply *)(const void *)reply)->err, err);
}

static enum vp_code storage_list(void *self, const char *prefix, struct vp_cancel *cancel, struct vp_texts *ret_keys,
                                 struct vp_error *err)
{
    Wire__StorageListArgs args;
    VP_AUTO(plugin_wire_freep) ProtobufCMessage *message = NULL;
    struct vp_texts keys = { 0 };

    wire__storage_list_args__init(&args);
    args.prefix = borrowed(prefix);
    VP_TRY(plugin_outbound_call(self, METHOD_LIST, &args.base, &wire__storage_list_reply__descriptor, cancel, &message,
                                err));
    const Wire__StorageListReply *reply = (const Wire__StorageListReply *)(const void *)message;
    enum vp_code code = reply_error(reply->err, err);
    for (size_t i = 0; code == VP_OK && i < reply->n_keys; i++)
        code = vp_texts_add(&keys, reply->keys[i], err);
    if (code != VP_OK) {
        vp_texts_clear(&keys);
        return code;
    }
    *ret_keys = keys;
    return VP_OK;
}

struct logical_storage plugin_storage_on(grpc_channel *channel)
{
    return (struct logical_storage){
        .get = storage_get, .put = storage_put, .remove = storage_remove, .list = storage_list, .self = channel
    };
}
