/* Leases on the wire: a new secret, and what comes back to renew or revoke it. */
#include <stdlib.h>

#include "check.h"
#include "translate.h"
#include "translate_auth.h"
#include "translate_secret.h"

static const struct logical_route ROUTES[] = {
    { .path = "creds/+", .parameter = "role", .summary = "", .help = "" },
    { 0 },
};
static const struct logical_backend BACKEND = { .name = "test", .version = "v0", .routes = ROUTES };

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

struct lease {
    Wire__Request request;
    Wire__Secret secret;
    Wire__LeaseOptions options;
    Wire__Timestamp issued;
};

static void make(const char *operation, struct lease *lease)
{
    wire__request__init(&lease->request);
    wire__secret__init(&lease->secret);
    wire__lease_options__init(&lease->options);
    wire__timestamp__init(&lease->issued);
    lease->issued.seconds = 1000;
    lease->options.ttl = plugin_translate_ns(3600);
    lease->options.max_ttl = plugin_translate_ns(7200);
    lease->options.increment = plugin_translate_ns(60);
    lease->options.renewable = 1;
    lease->options.issue_time = &lease->issued;
    lease->secret.lease_options = &lease->options;
    lease->secret.internal_data = text("{\"k\":1}");
    lease->secret.lease_id = text("arvados/creds/ci/1");
    lease->request.operation = text(operation);
    lease->request.path = text("creds/ci");
    lease->request.data = text("{\"data\":{\"user_token\":\"never read\"}}");
    lease->request.entity_id = text("e-1");
    lease->request.secret = &lease->secret;
}

static Wire__HandleRequestReply *unpack(struct plugin_bytes *bytes)
{
    ProtobufCMessage *message = NULL;
    struct vp_error err = { 0 };

    EXPECT_OK(plugin_wire_unpack(&wire__handle_request_reply__descriptor, bytes->data, bytes->len, &message, &err),
              &err);
    plugin_bytes_clear(bytes);
    return (Wire__HandleRequestReply *)(void *)message;
}

static enum vp_code translate(const Wire__Request *wire, struct plugin_request *request, struct vp_error *err)
{
    const struct logical_match match = logical_find(&BACKEND, logical_operation_of(wire->operation), wire->path);

    return plugin_translate_request(&match, wire, request, err);
}

TEST(a_renewal_and_a_revocation_bring_their_secret_and_no_body)
{
    static const char *const OPERATIONS[] = { "renew", "revoke" };

    for (size_t i = 0; i < 2; i++) {
        struct lease lease;
        struct plugin_request request;
        struct vp_error err = { 0 };
        make(OPERATIONS[i], &lease);
        EXPECT_OK(translate(&lease.request, &request, &err), &err);
        EXPECT_TEXT("{\"k\":1}", request.call.secret->internal_data);
        EXPECT_INT(3600, request.call.secret->ttl_s);
        EXPECT_INT(7200, request.call.secret->max_ttl_s);
        EXPECT_INT(60, request.call.secret->increment_s);
        EXPECT_INT(1000, request.call.secret->issued_at_s);
        EXPECT(request.call.secret->renewable);
        EXPECT_TEXT("e-1", request.call.entity_id);
        EXPECT_NULL(request.call.data);
        EXPECT_NULL(request.call.auth);
        plugin_request_clear(&request);
    }
}

TEST(a_revocation_without_a_secret_is_refused)
{
    struct lease lease;
    struct plugin_request request;
    struct vp_error err = { 0 };
    make("revoke", &lease);
    lease.request.secret = NULL;

    EXPECT_INT(VP_ERR_INPUT, translate(&lease.request, &request, &err));

    plugin_request_clear(&request);
}

TEST(a_new_secret_goes_out_with_its_data_and_lease)
{
    struct lease lease;
    struct logical_secret secret = {
        .internal_data = text("{\"s\":2}"), .ttl_s = 60, .max_ttl_s = 120, .renewable = true
    };
    struct logical_reply reply = { .data = VP_BUF_INIT(LOGICAL_REPLY_MAX), .secret = &secret };
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };
    make("read", &lease);
    lease.request.secret = NULL;
    vp_buf_add_text(&reply.data, "{\"user_token\":\"x\"}");

    EXPECT_OK(plugin_translate_reply(&lease.request, &reply, 5000, &bytes, &err), &err);

    Wire__HandleRequestReply *got = unpack(&bytes);
    EXPECT_TEXT("{\"user_token\":\"x\"}", got->response->data);
    EXPECT_TEXT("{\"s\":2}", got->response->secret->internal_data);
    EXPECT(got->response->secret->lease_options->ttl == plugin_translate_ns(60));
    EXPECT(got->response->secret->lease_options->max_ttl == plugin_translate_ns(120));
    EXPECT_INT(1, got->response->secret->lease_options->renewable);
    EXPECT_INT(5000, got->response->secret->lease_options->issue_time->seconds);
    plugin_wire_free(&got->base);
    vp_buf_clear(&reply.data);
}

TEST(a_renewed_secret_keeps_its_issue_time_and_lease_id)
{
    struct lease lease;
    struct logical_secret secret = {
        .internal_data = text("{\"s\":3}"), .ttl_s = 60, .max_ttl_s = 120, .renewable = true
    };
    struct logical_reply reply = { .data = VP_BUF_INIT(LOGICAL_REPLY_MAX), .secret = &secret };
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };
    make("renew", &lease);

    EXPECT_OK(plugin_translate_reply(&lease.request, &reply, 5000, &bytes, &err), &err);

    Wire__HandleRequestReply *got = unpack(&bytes);
    EXPECT_INT(1000, got->response->secret->lease_options->issue_time->seconds);
    EXPECT_TEXT("arvados/creds/ci/1", got->response->secret->lease_id);
    EXPECT_TEXT("{\"s\":3}", got->response->secret->internal_data);
    EXPECT(got->response->secret->lease_options->ttl == plugin_translate_ns(60));
    plugin_wire_free(&got->base);
}

TEST(a_secret_that_would_last_32_days_is_not_returned)
{
    static const struct logical_secret SECRETS[] = {
        { .internal_data = (char *)(uintptr_t) "{}", .ttl_s = 0, .max_ttl_s = 1 },
        { .internal_data = (char *)(uintptr_t) "{}", .ttl_s = -1, .max_ttl_s = 1 },
        { .internal_data = (char *)(uintptr_t) "{}", .ttl_s = 1, .max_ttl_s = -1 },
        { .internal_data = NULL, .ttl_s = 1, .max_ttl_s = 1 },
    };

    for (size_t i = 0; i < sizeof SECRETS / sizeof SECRETS[0]; i++) {
        struct plugin_secret_parts parts;
        struct vp_error err = { 0 };
        EXPECT_INT(VP_ERR_INTERNAL, plugin_translate_secret_out(NULL, &SECRETS[i], 1, &parts, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_renewal_and_a_revocation_bring_their_secret_and_no_body),
        CASE(a_revocation_without_a_secret_is_refused),
        CASE(a_new_secret_goes_out_with_its_data_and_lease),
        CASE(a_renewed_secret_keeps_its_issue_time_and_lease_id),
        CASE(a_secret_that_would_last_32_days_is_not_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
