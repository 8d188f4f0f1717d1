#include <stdlib.h>

#include "check.h"
#include "translate.h"
#include "translate_auth.h"

static const struct logical_route ROUTES[] = {
    { .path = "login", .summary = "", .help = "", .unauthenticated = true },
    { .path = "config", .summary = "", .help = "" },
    { 0 },
};
static const struct logical_backend BACKEND = { .name = "test", .version = "v0", .routes = ROUTES };

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static Wire__Request request_of(const char *operation, const char *path, const char *data)
{
    Wire__Request wire;
    wire__request__init(&wire);

    wire.id = text("id-1");
    wire.operation = text(operation);
    wire.path = text(path);
    wire.data = text(data);
    wire.mount_point = text("auth/toy/");
    return wire;
}

static enum vp_code translate(const Wire__Request *wire, struct plugin_request *request, struct vp_error *err)
{
    const struct logical_match match = logical_find(&BACKEND, logical_operation_of(wire->operation), wire->path);

    return plugin_translate_request(&match, wire, request, err);
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

/* ---- in ---- */

TEST(a_request_becomes_a_call)
{
    Wire__Request wire = request_of("update", "config", "{\"a\":1}");
    Wire__Connection connection;
    wire__connection__init(&connection);
    struct plugin_request request;
    struct vp_error err = { 0 };
    connection.remote_addr = text("192.0.2.1");
    wire.connection = &connection;

    EXPECT_OK(translate(&wire, &request, &err), &err);

    EXPECT_INT(LOGICAL_UPDATE, request.call.operation);
    EXPECT_TEXT("config", request.call.path);
    EXPECT_TEXT("id-1", request.call.request_id);
    EXPECT_TEXT("auth/toy/", request.call.mount_point);
    EXPECT_TEXT("192.0.2.1", request.call.remote_addr);
    EXPECT_INT(1, vp_json_int(vp_json_get(request.call.data, "a")));
    EXPECT_NULL(request.call.auth);
    plugin_request_clear(&request);
}

TEST(no_body_and_a_null_body_are_no_data)
{
    static const char *const BODIES[] = { "", "null" };

    for (size_t i = 0; i < 2; i++) {
        Wire__Request wire = request_of("read", "config", BODIES[i]);
        struct plugin_request request;
        struct vp_error err = { 0 };
        EXPECT_OK(translate(&wire, &request, &err), &err);
        EXPECT_NULL(request.call.data);
        EXPECT_NULL(request.call.remote_addr);
        plugin_request_clear(&request);
    }
}

TEST(a_body_that_is_no_object_is_refused)
{
    static const char *const BODIES[] = { "[]", "1", "\"x\"", "{", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "nul" };

    for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
        Wire__Request wire = request_of("update", "config", BODIES[i]);
        struct plugin_request request;
        struct vp_error err = { 0 };
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, translate(&wire, &request, &err), &err);
        plugin_request_clear(&request);
    }
}

static enum vp_reason reason_for_body(const char *path, size_t len)
{
    char *body = malloc(len + 1);
    memset(body, 'x', len);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + len - 2, "\"}", 3);
    Wire__Request wire = request_of("update", path, body);
    struct plugin_request request;
    struct vp_error err = { 0 };

    (void)!translate(&wire, &request, &err);
    plugin_request_clear(&request);
    free(body);
    return err.reason;
}

TEST(strangers_have_less_room_than_admins)
{
    EXPECT_INT(VP_REASON_NONE, reason_for_body("login", PLUGIN_LOGIN_BODY_MAX));
    EXPECT_INT(VP_REASON_BAD_REQUEST, reason_for_body("login", PLUGIN_LOGIN_BODY_MAX + 1));
    EXPECT_INT(VP_REASON_NONE, reason_for_body("config", PLUGIN_BODY_MAX));
    EXPECT_INT(VP_REASON_BAD_REQUEST, reason_for_body("config", PLUGIN_BODY_MAX + 1));
}

TEST(the_body_of_an_operation_we_do_not_have_is_not_looked_at)
{
    Wire__Request wire = request_of("resolve-path", "login", "{{{");
    struct plugin_request request;
    struct vp_error err = { 0 };

    EXPECT_OK(translate(&wire, &request, &err), &err);

    EXPECT_INT(LOGICAL_UNKNOWN, request.call.operation);
    EXPECT_NULL(request.call.data);
    plugin_request_clear(&request);
}

/* The token of a renewal, as a host gives it. */
struct token {
    Wire__Auth auth;
    Wire__LeaseOptions lease;
    Wire__Timestamp issued;
    Wire__Alias alias;
    Wire__Pair pair;
    Wire__Pair *pairs[1];
    char *policies[1];
};

static void make_token(struct token *token)
{
    wire__timestamp__init(&token->issued);
    token->issued.seconds = 1000;
    wire__lease_options__init(&token->lease);
    token->lease.ttl = 600 * 1000000000LL;
    token->lease.max_ttl = 3600 * 1000000000LL;
    token->lease.increment = 5;
    token->lease.renewable = 1;
    token->lease.issue_time = &token->issued;
    wire__pair__init(&token->pair);
    token->pair.key = text("k");
    token->pair.value = text("v");
    token->pairs[0] = &token->pair;
    token->policies[0] = text("p");
    wire__alias__init(&token->alias);
    token->alias.name = text("user");
    wire__auth__init(&token->auth);
    token->auth.lease_options = &token->lease;
    token->auth.internal_data = text("{\"x\":1}");
    token->auth.display_name = text("toy-user");
    token->auth.n_policies = token->auth.n_token_policies = token->auth.n_metadata = 1;
    token->auth.policies = token->auth.token_policies = token->policies;
    token->auth.metadata = token->pairs;
    token->auth.alias = &token->alias;
}

TEST(a_renewal_brings_its_token)
{
    struct token token;
    make_token(&token);
    Wire__Request wire = request_of("renew", "login", "null");
    wire.auth = &token.auth;
    struct plugin_request request;
    struct vp_error err = { 0 };

    EXPECT_OK(translate(&wire, &request, &err), &err);

    const struct logical_auth *auth = request.call.auth;
    EXPECT_INT(600, auth->ttl_s);
    EXPECT_INT(3600, auth->max_ttl_s);
    EXPECT_INT(1000, auth->issued_at_s);
    EXPECT(auth->renewable);
    EXPECT_TEXT("{\"x\":1}", auth->internal_data);
    EXPECT_TEXT("user", auth->alias_name);
    EXPECT_TEXT("v", logical_pairs_get(&auth->metadata, "k"));
    EXPECT(vp_texts_has(&auth->policies, "p") && vp_texts_has(&auth->token_policies, "p"));
    plugin_request_clear(&request);
}

TEST(a_renewal_without_a_token_is_refused)
{
    Wire__Request wire = request_of("renew", "login", "null");
    struct plugin_request request;
    struct vp_error err = { 0 };

    EXPECT_FAIL(VP_REASON_BAD_REQUEST, translate(&wire, &request, &err), &err);

    plugin_request_clear(&request);
}

/* ---- out ---- */

static struct logical_auth *make_auth(void)
{
    struct logical_auth *auth = calloc(1, sizeof *auth);
    struct vp_error err = { 0 };

    auth->display_name = strdup("alice");
    auth->alias_name = strdup("uuid");
    auth->internal_data = strdup("{}");
    auth->ttl_s = 60;
    auth->max_ttl_s = 120;
    auth->explicit_max_ttl_s = 180;
    auth->renewable = true;
    EXPECT_OK(vp_texts_add(&auth->policies, "one", &err), &err);
    EXPECT_OK(vp_texts_add(&auth->policies, "two", &err), &err);
    EXPECT_OK(logical_pairs_add(&auth->metadata, "user", "alice", &err), &err);
    EXPECT_OK(logical_pairs_add(&auth->alias_metadata, "cluster", "zzzzz", &err), &err);
    return auth;
}

TEST(a_login_is_answered_with_just_what_was_granted)
{
    Wire__Request wire = request_of("update", "login", "null");
    struct logical_reply reply = { .auth = make_auth() };
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };
    EXPECT_OK(vp_texts_add(&reply.warnings, "careful", &err), &err);

    EXPECT_OK(plugin_translate_reply(&wire, &reply, 5000, &bytes, &err), &err);

    Wire__HandleRequestReply *got = unpack(&bytes);
    EXPECT_NULL(got->err);
    EXPECT_TEXT("null", got->response->data);
    EXPECT_INT(1, got->response->n_warnings);
    const Wire__Auth *auth = got->response->auth;
    EXPECT_INT(2, auth->n_policies);
    EXPECT_TEXT("two", auth->policies[1]);
    EXPECT_TEXT("alice", auth->display_name);
    EXPECT_TEXT("{}", auth->internal_data);
    EXPECT_TEXT("uuid", auth->alias->name);
    EXPECT_INT(1, auth->alias->n_metadata);
    EXPECT_TEXT("zzzzz", auth->alias->metadata[0]->value);
    EXPECT_INT(1, auth->n_metadata);
    EXPECT_TEXT("user", auth->metadata[0]->key);
    EXPECT_INT(0, auth->n_token_policies);
    EXPECT_INT(0, auth->base.n_unknown_fields); /* no other field is set */
    EXPECT_INT(0, auth->alias->base.n_unknown_fields);
    EXPECT(auth->lease_options->ttl == 60 * 1000000000LL);
    EXPECT(auth->lease_options->max_ttl == 120 * 1000000000LL);
    EXPECT(auth->explicit_max_ttl == 180 * 1000000000LL);
    EXPECT_INT(5000, auth->lease_options->issue_time->seconds);
    EXPECT(auth->lease_options->renewable);
    plugin_wire_free(&got->base);
    logical_reply_clear(&reply);
}

TEST(a_login_that_would_grant_too_much_is_not_answered)
{
    for (int i = 0; i < 8; i++) {
        Wire__Request wire = request_of("update", "login", "null");
        struct logical_reply reply = { .auth = make_auth() };
        struct plugin_bytes bytes = { 0 };
        struct vp_error err = { 0 };
        reply.auth->ttl_s = i == 0 ? 0 : i == 1 ? -1 : 60;
        reply.auth->max_ttl_s = i == 2 ? -1 : 0;
        reply.auth->explicit_max_ttl_s = i == 3 ? -1 : 0;
        reply.auth->period_s = i == 5 ? -1 : 0;
        reply.auth->num_uses = i == 6 ? -1 : 0;
        if (i == 4)
            reply.auth->alias_name[0] = '\0';
        if (i == 7) {
            free(reply.auth->alias_name);
            reply.auth->alias_name = NULL;
        }

        EXPECT_FAIL(VP_REASON_INTERNAL, plugin_translate_reply(&wire, &reply, 5000, &bytes, &err), &err);

        logical_reply_clear(&reply);
    }
}

TEST(a_renewal_gives_the_token_back_with_new_times)
{
    struct token token;
    make_token(&token);
    Wire__Request wire = request_of("renew", "login", "null");
    wire.auth = &token.auth;
    struct logical_reply reply = { .renewed = true, .ttl_s = 30, .max_ttl_s = 90 };
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };

    EXPECT_OK(plugin_translate_reply(&wire, &reply, 5000, &bytes, &err), &err);

    Wire__HandleRequestReply *got = unpack(&bytes);
    const Wire__Auth *auth = got->response->auth;
    EXPECT(auth->lease_options->ttl == 30 * 1000000000LL);
    EXPECT(auth->lease_options->max_ttl == 90 * 1000000000LL);
    EXPECT_INT(1000, auth->lease_options->issue_time->seconds);
    EXPECT_INT(5, auth->lease_options->increment);
    EXPECT_TEXT("toy-user", auth->display_name);
    EXPECT_TEXT("user", auth->alias->name);
    plugin_wire_free(&got->base);
}

static void expect_groups(struct plugin_bytes *bytes, const char *const *names, size_t n)
{
    Wire__HandleRequestReply *got = unpack(bytes);
    const Wire__Auth *auth = got->response->auth;
    EXPECT_INT(n, auth->n_group_aliases);
    for (size_t i = 0; i < n; i++)
        EXPECT_TEXT(names[i], auth->group_aliases[i]->name);
    plugin_wire_free(&got->base);
}

/* The host gives back those of the login; what stands now is what counts, and nothing is told as nothing. */
TEST(external_groups_are_those_of_now)
{
    static const char *const NAMES[] = { "one", "two" };
    struct token token;
    Wire__Alias old;
    Wire__Alias *olds[] = { &old };
    make_token(&token);
    wire__alias__init(&old);
    old.name = text("old");
    token.auth.n_group_aliases = 1;
    token.auth.group_aliases = olds;
    Wire__Request wire = request_of("renew", "login", "null");
    wire.auth = &token.auth;
    struct logical_reply login = { .auth = make_auth() };
    struct logical_reply renewal = { .renewed = true, .ttl_s = 30, .max_ttl_s = 90 };
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };

    EXPECT_OK(plugin_translate_reply(&wire, &renewal, 5000, &bytes, &err), &err);
    expect_groups(&bytes, NULL, 0);
    for (size_t i = 0; i < 2; i++) {
        EXPECT_OK(vp_texts_add(&renewal.group_aliases, NAMES[i], &err), &err);
        EXPECT_OK(vp_texts_add(&login.auth->group_aliases, NAMES[i], &err), &err);
    }
    EXPECT_OK(plugin_translate_reply(&wire, &renewal, 5000, &bytes, &err), &err);
    expect_groups(&bytes, NAMES, 2);
    EXPECT_OK(plugin_translate_reply(&wire, &login, 5000, &bytes, &err), &err);
    expect_groups(&bytes, NAMES, 2);
    logical_reply_clear(&renewal);
    logical_reply_clear(&login);
}

TEST(a_renewal_without_a_time_to_live_is_not_answered)
{
    struct token token;
    make_token(&token);
    Wire__Request wire = request_of("renew", "login", "null");
    wire.auth = &token.auth;
    static const struct logical_reply REPLIES[] = {
        { .renewed = true, .ttl_s = 0, .max_ttl_s = 90 },
        { .renewed = true, .ttl_s = 60, .max_ttl_s = -1 },
        { .renewed = true, .ttl_s = 60, .period_s = -1 },
    };
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };

    for (size_t i = 0; i < sizeof REPLIES / sizeof REPLIES[0]; i++)
        EXPECT_FAIL(VP_REASON_INTERNAL, plugin_translate_reply(&wire, &REPLIES[i], 5000, &bytes, &err), &err);
}

TEST(a_renewal_of_a_token_without_a_lease_is_not_answered)
{
    const struct logical_reply reply = { .renewed = true, .ttl_s = 60, .max_ttl_s = 90 };
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };
    struct token token;

    for (int i = 0; i < 3; i++) {
        make_token(&token);
        Wire__Request wire = request_of("renew", "login", "null");
        wire.auth = i == 0 ? NULL : &token.auth;
        if (i == 1)
            token.auth.lease_options = NULL;
        if (i == 2)
            token.auth.lease_options->issue_time = NULL;
        EXPECT_FAIL(VP_REASON_INTERNAL, plugin_translate_reply(&wire, &reply, 5000, &bytes, &err), &err);
    }
}

TEST(a_token_of_a_renewal_may_lack_lease_and_alias)
{
    struct token token;
    struct vp_error err = { 0 };

    for (int i = 0; i < 3; i++) {
        struct plugin_request request;
        make_token(&token);
        Wire__Request wire = request_of("renew", "login", "null");
        wire.auth = &token.auth;
        if (i == 0)
            token.auth.lease_options = NULL;
        if (i == 1)
            token.auth.lease_options->issue_time = NULL;
        if (i == 2)
            token.auth.alias = NULL;
        EXPECT_OK(translate(&wire, &request, &err), &err);
        EXPECT_INT(i == 2 ? 1000 : 0, request.call.auth->issued_at_s);
        EXPECT((request.call.auth->alias_name == NULL) == (i == 2));
        plugin_request_clear(&request);
    }
}

TEST(data_and_nothing_are_answered_as_such)
{
    Wire__Request wire = request_of("read", "config", "null");
    struct logical_reply reply = { .data = VP_BUF_INIT(100) };
    struct plugin_bytes bytes = { 0 };
    struct vp_error err = { 0 };

    EXPECT_OK(plugin_translate_reply(&wire, &reply, 0, &bytes, &err), &err);
    Wire__HandleRequestReply *got = unpack(&bytes);
    EXPECT(got->response == NULL && got->err == NULL);
    plugin_wire_free(&got->base);

    vp_buf_add_text(&reply.data, "{\"a\":1}");
    EXPECT_OK(plugin_translate_reply(&wire, &reply, 0, &bytes, &err), &err);
    got = unpack(&bytes);
    EXPECT_TEXT("{\"a\":1}", got->response->data);
    plugin_wire_free(&got->base);
    logical_reply_clear(&reply);
}

/* ---- failures ---- */

TEST(each_kind_of_failure_has_its_shape)
{
    static const struct {
        enum vp_reason reason;
        enum logical_operation operation;
        int type; /* -1: no ProtoError */
        int64_t http;
        const char *data; /* NULL: no response */
    } CASES[] = {
        { VP_REASON_BAD_REQUEST, LOGICAL_UPDATE, -1, 0, "{\"error\":\"why \\\"so\\\"\"}" },
        { VP_REASON_NO_GRANT, LOGICAL_UPDATE, 8, 0, "{\"error\":\"why \\\"so\\\"\"}" },
        { VP_REASON_NO_GRANT, LOGICAL_RENEW, 3, 403, NULL },
        { VP_REASON_BAD_REQUEST, LOGICAL_RENEW, -1, 0, "{\"error\":\"why \\\"so\\\"\"}" },
        { VP_REASON_NOT_FOUND, LOGICAL_READ, -1, 0, NULL },
        { VP_REASON_NOT_FOUND, LOGICAL_LIST, -1, 0, NULL },
        { VP_REASON_NOT_FOUND, LOGICAL_UPDATE, 6, 0, NULL },
        { VP_REASON_NOT_FOUND, LOGICAL_DELETE, 6, 0, NULL },
        { VP_REASON_UNSUPPORTED_OPERATION, LOGICAL_UNKNOWN, 5, 0, NULL },
        { VP_REASON_UPSTREAM_BAD_ANSWER, LOGICAL_UPDATE, 3, 502, NULL },
        { VP_REASON_UPSTREAM_TIMEOUT, LOGICAL_UPDATE, 3, 503, NULL },
        { VP_REASON_OVERLOADED, LOGICAL_UPDATE, 3, 503, NULL },
        { VP_REASON_INTERNAL, LOGICAL_UPDATE, 3, 500, NULL },
        { VP_REASON_HOST, LOGICAL_UPDATE, 0, 0, NULL },
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct vp_error failure = { 0 }, err = { 0 };
        struct plugin_bytes bytes = { 0 };
        vp_fail(&failure, CASES[i].reason, "why \"so\"");
        EXPECT_OK(plugin_translate_failure(&failure, CASES[i].operation, false, &bytes, &err), &err);
        Wire__HandleRequestReply *got = unpack(&bytes);
        EXPECT_INT(CASES[i].type, got->err == NULL ? -1 : (int)got->err->err_type);
        if (got->err != NULL) {
            EXPECT_INT(CASES[i].http, got->err->err_code);
            EXPECT_TEXT("why \"so\"", got->err->err_msg);
        }
        EXPECT_INT(CASES[i].data == NULL, got->response == NULL);
        if (got->response != NULL)
            EXPECT_TEXT(CASES[i].data, got->response->data);
        plugin_wire_free(&got->base);
    }
}

/* Vault wraps the errors of renewals, so a coded one would end as 500. */
TEST(a_renewal_on_vault_keeps_its_status)
{
    static const struct {
        enum vp_reason reason;
        enum logical_operation operation;
        int type;
        int64_t http;
        const char *text;
    } CASES[] = {
        { VP_REASON_NO_GRANT, LOGICAL_RENEW, 4, 0, "why" },
        { VP_REASON_CONTAINER_NOT_RUNNING, LOGICAL_RENEW, 4, 0, "why" },
        { VP_REASON_UPSTREAM_TIMEOUT, LOGICAL_RENEW, 0, 0, "overloaded, try again later" },
        { VP_REASON_OVERLOADED, LOGICAL_RENEW, 0, 0, "overloaded, try again later" },
        { VP_REASON_INTERNAL, LOGICAL_RENEW, 3, 500, "why" },
        { VP_REASON_NO_GRANT, LOGICAL_UPDATE, 8, 0, "why" },
        { VP_REASON_UPSTREAM_TIMEOUT, LOGICAL_UPDATE, 3, 503, "why" },
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct vp_error failure = { 0 }, err = { 0 };
        struct plugin_bytes bytes = { 0 };
        vp_fail(&failure, CASES[i].reason, "why");
        EXPECT_OK(plugin_translate_failure(&failure, CASES[i].operation, true, &bytes, &err), &err);
        Wire__HandleRequestReply *got = unpack(&bytes);
        EXPECT(got->err != NULL);
        EXPECT_INT(CASES[i].type, got->err->err_type);
        EXPECT_INT(CASES[i].http, got->err->err_code);
        EXPECT_TEXT(CASES[i].text, got->err->err_msg);
        EXPECT_INT(CASES[i].operation != LOGICAL_RENEW && CASES[i].reason == VP_REASON_NO_GRANT, got->response != NULL);
        plugin_wire_free(&got->base);
    }
}

TEST(no_reason_makes_an_error_that_the_host_falls_over)
{
    for (int reason = VP_REASON_NONE; reason < VP_REASON_N; reason++) {
        struct vp_error failure = { .reason = (enum vp_reason)reason };
        Wire__ProtoError error = plugin_translate_error(&failure);
        EXPECT(error.err_type <= 8);
        EXPECT(error.err_type != 3 || (error.err_code >= 400 && error.err_code < 600));
    }
}

TEST(times_saturate)
{
    EXPECT(plugin_translate_ns(1) == 1000000000);
    EXPECT(plugin_translate_ns(INT64_MAX) == INT64_MAX);
    EXPECT(plugin_translate_ns(INT64_MIN) == INT64_MIN);
    EXPECT(plugin_translate_ns(9223372037) == INT64_MAX);
    EXPECT(plugin_translate_s(1999999999) == 1);
    EXPECT(plugin_translate_s(-1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_request_becomes_a_call),
        CASE(no_body_and_a_null_body_are_no_data),
        CASE(a_body_that_is_no_object_is_refused),
        CASE(strangers_have_less_room_than_admins),
        CASE(the_body_of_an_operation_we_do_not_have_is_not_looked_at),
        CASE(a_renewal_brings_its_token),
        CASE(a_renewal_without_a_token_is_refused),
        CASE(a_login_is_answered_with_just_what_was_granted),
        CASE(a_login_that_would_grant_too_much_is_not_answered),
        CASE(a_renewal_gives_the_token_back_with_new_times),
        CASE(external_groups_are_those_of_now),
        CASE(a_renewal_without_a_time_to_live_is_not_answered),
        CASE(a_renewal_of_a_token_without_a_lease_is_not_answered),
        CASE(a_token_of_a_renewal_may_lack_lease_and_alias),
        CASE(data_and_nothing_are_answered_as_such),
        CASE(each_kind_of_failure_has_its_shape),
        CASE(a_renewal_on_vault_keeps_its_status),
        CASE(no_reason_makes_an_error_that_the_host_falls_over),
        CASE(times_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
