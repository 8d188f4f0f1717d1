#include <stdlib.h>

#include "check.h"
#include "wire.h"
#include "wire.pb-c.h"

static enum vp_code unpack(const void *bytes, size_t len, Wire__ConnInfo **ret_info, struct vp_error *err)
{
    ProtobufCMessage *message = NULL;

    enum vp_code code = plugin_wire_unpack(&wire__conn_info__descriptor, bytes, len, &message, err);
    *ret_info = (Wire__ConnInfo *)(void *)message;
    return code;
}

TEST(a_message_comes_back_as_it_was_packed)
{
    Wire__ConnInfo info;
    wire__conn_info__init(&info);
    Wire__ConnInfo *got = NULL;
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };
    char network[] = "unix", address[] = "/tmp/gr\xc3\xbc\xc3\x9f"
                                         "e \xe2\x82\xac \xf0\x9f\x98\x80";
    info.service_id = 7;
    info.network = network;
    info.address = address;

    EXPECT_OK(plugin_wire_pack(&info.base, &bytes, &err), &err);
    EXPECT_OK(unpack(bytes.data, bytes.len, &got, &err), &err);

    EXPECT_INT(7, got->service_id);
    EXPECT_TEXT("unix", got->network);
    EXPECT_TEXT(address, got->address);
    plugin_wire_free(&got->base);
    plugin_bytes_clear(&bytes);
}

TEST(an_empty_message_is_fine)
{
    Wire__Empty empty;
    wire__empty__init(&empty);
    Wire__ConnInfo *got = NULL;
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };

    EXPECT_OK(plugin_wire_pack(&empty.base, &bytes, &err), &err);
    EXPECT_INT(0, bytes.len);
    EXPECT_OK(unpack(bytes.data, bytes.len, &got, &err), &err);

    EXPECT_TEXT("", got->address);
    plugin_wire_free(&got->base);
    plugin_bytes_clear(&bytes);
}

TEST(bytes_that_are_no_such_message_are_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } CASES[] = {
        { "\x12\x02"
          "a\0",
          4 },                             /* NUL inside a text */
        { "\x12\x01\xff", 3 },             /* no UTF-8 at all */
        { "\x12\x02\xc0\xaf", 4 },         /* overlong */
        { "\x12\x03\xe0\x80\xaf", 5 },     /* overlong */
        { "\x12\x03\xed\xa0\x80", 5 },     /* surrogate */
        { "\x12\x04\xf4\x90\x80\x80", 6 }, /* past U+10FFFF */
        { "\x12\x04\xf0\x8f\xbf\xbf", 6 }, /* overlong */
        { "\x12\x02\xe2\x82", 4 },         /* cut */
        { "\x12\x03\xe2\x28\xa1", 5 },     /* broken inside */
        { "\x12\x05"
          "abc",
          5 },                                                  /* longer than the rest */
        { "\x12", 1 },                                          /* no length */
        { "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* a huge length */
        { "\x00\x00", 2 },                                      /* field 0 */
        { "\x0b", 1 },                                          /* a group */
        { "\x09\x01", 2 },                                      /* cut fixed number */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* endless tag */
        { "\x08\x80", 2 },                                      /* cut varint */
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        Wire__ConnInfo *got = NULL;
        struct vp_error err = { 0 };
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, unpack(CASES[i].bytes, CASES[i].len, &got, &err), &err);
        EXPECT_NULL(got);
    }
}

TEST(texts_inside_of_other_messages_are_checked_too)
{
    /* HandleRequestArgs{request{auth{alias{name: NUL}}}} */
    static const char BYTES[] = "\x12\x07\x3a\x05\x5a\x03\x1a\x01\0";
    ProtobufCMessage *message = NULL;
    struct vp_error err = { 0 };

    EXPECT_FAIL(VP_REASON_BAD_REQUEST,
                plugin_wire_unpack(&wire__handle_request_args__descriptor, BYTES, 9, &message, &err), &err);
}

TEST(fields_we_do_not_know_are_kept_and_go_back)
{
    static const char BYTES[] = "\x1a\x01u\xaa\x06\x03new\xb0\x06\x05"; /* fields 101 and 102 */
    ProtobufCMessage *message = NULL;
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };

    EXPECT_OK(plugin_wire_unpack(&wire__auth__descriptor, BYTES, sizeof BYTES - 1, &message, &err), &err);
    EXPECT_OK(plugin_wire_pack(message, &bytes, &err), &err);

    EXPECT_INT(sizeof BYTES - 1, bytes.len);
    assert_memory_equal(bytes.data, BYTES, bytes.len);
    plugin_bytes_clear(&bytes);
    plugin_wire_free(message);
}

TEST(a_message_of_endlessly_many_fields_is_refused)
{
    size_t len = 2 * (PLUGIN_WIRE_FIELDS_MAX + 1);
    char *bytes = malloc(len);
    Wire__ConnInfo *got = NULL;
    struct vp_error err = { 0 };
    for (size_t i = 0; i < len; i++)
        bytes[i] = i % 2 == 0 ? 8 : 1;

    EXPECT_FAIL(VP_REASON_BAD_REQUEST, unpack(bytes, len, &got, &err), &err);
    EXPECT_OK(unpack(bytes, len - 2, &got, &err), &err);

    plugin_wire_free(&got->base);
    free(bytes);
}

TEST(what_the_host_could_not_read_is_not_packed)
{
    Wire__ConnInfo info;
    wire__conn_info__init(&info);
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };
    char invalid[] = "a\xff";
    info.address = invalid;

    EXPECT_FAIL(VP_REASON_INTERNAL, plugin_wire_pack(&info.base, &bytes, &err), &err);
    EXPECT_NULL(bytes.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_comes_back_as_it_was_packed),      CASE(an_empty_message_is_fine),
        CASE(bytes_that_are_no_such_message_are_refused), CASE(texts_inside_of_other_messages_are_checked_too),
        CASE(fields_we_do_not_know_are_kept_and_go_back), CASE(a_message_of_endlessly_many_fields_is_refused),
        CASE(what_the_host_could_not_read_is_not_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
