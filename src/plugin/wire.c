#include "wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "vp/secret.h"

void plugin_bytes_clear(struct plugin_bytes *bytes)
{
    vp_wipe(bytes->data, bytes->len);
    free(bytes->data);
    *bytes = (struct plugin_bytes){ 0 };
}

/* ---- an allocator that remembers sizes, so that it can wipe ---- */

struct block {
    size_t size;
    max_align_t bytes[];
};

static void *wiping_alloc(void *data, size_t size)
{
    size_t whole;
    bool *failed = data;

    struct block *block = __builtin_add_overflow(size, sizeof(struct block), &whole) ? NULL : calloc(1, whole);
    if (block == NULL) {
        *failed = true;
        return NULL;
    }
    block->size = size;
    return block->bytes;
}

static void wiping_free(void *data, void *pointer)
{
    (void)data;
    if (pointer == NULL)
        return;
    struct block *block = (struct block *)(void *)((char *)pointer - offsetof(struct block, bytes));
    vp_wipe(block->bytes, block->size);
    free(block);
}

/* protobuf-c takes it without const but changes nothing in it. What allocates also wants a bool as its data. */
static ProtobufCAllocator WIPING = { .alloc = wiping_alloc, .free = wiping_free };

/* ---- the check of the raw bytes ---- */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    unsigned *n_fields; /* seen so far in the whole message */
};

enum { TYPE_VARINT = 0, TYPE_64BIT = 1, TYPE_LENGTH = 2, TYPE_32BIT = 5, VARINT_BYTES_MAX = 10 };

static bool read_varint(struct cursor *cursor, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < VARINT_BYTES_MAX && cursor->at < cursor->end; i++) {
        uint8_t byte = *cursor->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Length of the UTF-8 sequence that starts with `lead`, and the bounds of its second byte (RFC 3629, section 4).
 * 0: none does. */
static unsigned utf8_sequence(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
    *ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

static bool is_text(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        if (*at < 0x80) {
            if (*at++ == 0)
                return false;
            continue;
        }
        uint8_t low, high;
        unsigned length = utf8_sequence(*at, &low, &high);
        if (length == 0 || (size_t)(end - at) < length || at[1] < low || at[1] > high)
            return false;
        for (unsigned i = 2; i < length; i++)
            if ((at[i] & 0xc0) != 0x80)
                return false;
        at += length;
    }
    return true;
}

static bool check_message(const ProtobufCMessageDescriptor *type, struct cursor cursor);

static bool check_length_field(const ProtobufCFieldDescriptor *field, struct cursor *cursor)
{
    uint64_t len;

    if (!read_varint(cursor, &len) || len > (uint64_t)(cursor->end - cursor->at))
        return false;
    struct cursor inner = { cursor->at, cursor->at + len, cursor->n_fields };
    cursor->at += len;
    if (field != NULL && field->type == PROTOBUF_C_TYPE_STRING)
        return is_text(inner.at, inner.end);
    if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_message(field->descriptor, inner);
    return true;
}

static bool skip_fixed(struct cursor *cursor, size_t len)
{
    if ((size_t)(cursor->end - cursor->at) < len)
        return false;
    cursor->at += len;
    return true;
}

static bool check_field(const ProtobufCMessageDescriptor *type, struct cursor *cursor)
{
    uint64_t tag, ignored;

    if (!read_varint(cursor, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
        return false;
    unsigned wire_type = tag & 7;
    if (wire_type == TYPE_LENGTH)
        return check_length_field(protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3)), cursor);
    if (wire_type == TYPE_VARINT)
        return read_varint(cursor, &ignored);
    if (wire_type == TYPE_64BIT)
        return skip_fixed(cursor, 8);
    return wire_type == TYPE_32BIT && skip_fixed(cursor, 4);
}

/* Recursion is as deep as our schema: none of its messages holds itself. */
static bool check_message(const ProtobufCMessageDescriptor *type, struct cursor cursor)
{
    while (cursor.at < cursor.end) {
        if (++*cursor.n_fields > PLUGIN_WIRE_FIELDS_MAX)
            return false;
        if (!check_field(type, &cursor))
            return false;
    }
    return true;
}

static bool check_bytes(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len)
{
    unsigned n_fields = 0;
    const uint8_t *start = bytes;

    return len == 0 || check_message(type, (struct cursor){ start, start + len, &n_fields });
}

/* ---- both ways ---- */

enum vp_code plugin_wire_unpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                                ProtobufCMessage **ret_message, struct vp_error *err)
{
    ProtobufCMessage *message = NULL;
    bool no_memory = false; /* protobuf-c itself does not tell why it gives up */
    ProtobufCAllocator allocator = WIPING;

    allocator.allocator_data = &no_memory;
    if (check_bytes(type, bytes, len))
        message = protobuf_c_message_unpack(type, &allocator, len, bytes);
    if (message == NULL && no_memory)
        return vp_fail_no_memory(err);
    if (message == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the request is not well-formed (texts must be UTF-8 without NUL)");
    *ret_message = message;
    return VP_OK;
}

void plugin_wire_free(ProtobufCMessage *message)
{
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, &WIPING);
}

void plugin_wire_freep(ProtobufCMessage **message)
{
    plugin_wire_free(*message);
}

enum vp_code plugin_wire_pack(const ProtobufCMessage *message, struct plugin_bytes *ret_bytes, struct vp_error *err)
{
    struct plugin_bytes bytes = { .len = protobuf_c_message_get_packed_size(message) };

    bytes.data = malloc(bytes.len + 1); /* an empty message is no failure */
    if (bytes.data == NULL)
        return vp_fail_no_memory(err);
    protobuf_c_message_pack(message, (uint8_t *)bytes.data);
    if (!check_bytes(message->descriptor, bytes.data, bytes.len)) {
        plugin_bytes_clear(&bytes);
        return vp_fail(err, VP_REASON_INTERNAL, "the answer is not valid UTF-8 or too large");
    }
    *ret_bytes = bytes;
    return VP_OK;
}
