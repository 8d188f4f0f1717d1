/* Path and operation to handler; help and the API document out of the same tables. */
#include "vp/logical.h"

#include "check.h"

static const char *handled_by;

static enum vp_code plain(const struct logical_call *call, struct vp_error *err)
{
    (void)err;
    handled_by = call->name == NULL ? "plain" : call->name;
    return VP_OK;
}

static enum vp_code renew(const struct logical_call *call, struct vp_error *err)
{
    (void)call;
    (void)err;
    handled_by = "renew";
    return VP_OK;
}

static enum vp_code revoke(const struct logical_call *call, struct vp_error *err)
{
    (void)call;
    (void)err;
    handled_by = "revoke";
    return VP_OK;
}

static enum vp_code rollback(const struct logical_call *call, struct vp_error *err)
{
    (void)call;
    (void)err;
    handled_by = "rollback";
    return VP_OK;
}

static enum vp_code exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    (void)err;
    *ret_exists = call->name == NULL || strcmp(call->name, "there") == 0;
    return VP_OK;
}

static const struct logical_field FIELDS[] = {
    { "host", LOGICAL_TEXT, 0, LOGICAL_REQUIRED, NULL, 0, 0, "Where." },
    { "token", LOGICAL_SECRET, 0, LOGICAL_REQUIRED, NULL, 0, 0, "Which." },
    { "on", LOGICAL_BOOL, 0, 0, "true", 0, 0, "Whether." },
    { "many", LOGICAL_INT, 0, 0, "64", 0, 0, "How many." },
    { "long", LOGICAL_DURATION, 0, 0, "10s", 0, 0, "How long." },
    { "names", LOGICAL_TEXTS, 0, 0, NULL, 0, 0, "Which ones." },
    { 0 },
};

/* ---- handlers with fields ---- */

struct order {
    char *host;
    struct vp_secret *token;
    int64_t many;
};

static const struct logical_field ORDER_FIELDS[] = {
    { "host", LOGICAL_TEXT, offsetof(struct order, host), 0, NULL, 0, 0, "Where." },
    { "token", LOGICAL_SECRET, offsetof(struct order, token), 0, NULL, 0, 0, "Which." },
    { "many", LOGICAL_INT, offsetof(struct order, many), 0, "64", 0, 0, "How many." },
    { 0 },
};

/* Fails as `failure` says. The test reads what the fields had from `seen_*`. */
static struct vp_error failure;
static int64_t seen_many;
static bool seen_token;

static enum vp_code take_order(const struct logical_call *call, struct vp_error *fault)
{
    const struct order *order = call->args;
    handled_by = "take_order";
    seen_many = order->many;
    seen_token = order->token != NULL;
    *fault = failure;
    return vp_reason_code(failure.reason);
}

static const struct logical_route ROUTES[] = {
    { .path = "login",
      .summary = "Log in.",
      .help = "Logs in.",
      .fields = FIELDS,
      .unauthenticated = true,
      .on = { [LOGICAL_UPDATE] = plain, [LOGICAL_RESOLVE_ROLE] = plain } },
    { .path = "order",
      .summary = "Order.",
      .help = "Orders.",
      .fields = ORDER_FIELDS,
      .args_size = sizeof(struct order),
      .on = { [LOGICAL_UPDATE] = take_order } },
    { .path = "public",
      .summary = "Order without a token.",
      .help = "Orders.",
      .fields = ORDER_FIELDS,
      .args_size = sizeof(struct order),
      .ignores_unknown = true,
      .unauthenticated = true,
      .on = { [LOGICAL_UPDATE] = take_order } },
    { .path = "config",
      .summary = "Config.",
      .help = "Configures.",
      .exists = exists,
      .on = { [LOGICAL_CREATE] = plain, [LOGICAL_UPDATE] = plain, [LOGICAL_READ] = plain, [LOGICAL_DELETE] = plain } },
    { .path = "role", .summary = "Roles.", .help = "Lists roles.", .on = { [LOGICAL_LIST] = plain } },
    { .path = "role/+",
      .parameter = "name",
      .summary = "A role.",
      .help = "One role.",
      .exists = exists,
      .on = { [LOGICAL_UPDATE] = plain, [LOGICAL_READ] = plain } },
    { 0 },
};

static const struct logical_backend BACKEND = {
    .name = "toy",
    .version = "v1.2.3",
    .help = "A toy.",
    .routes = ROUTES,
    .reason_path = "explain",
    .public_messages = { [VP_ERR_DENIED] = "permission denied", [VP_ERR_INTERNAL] = "not now" },
    .renew = renew,
};

static struct logical_reply reply;
static struct vp_error err;

static enum vp_code dispatch(enum logical_operation operation, const char *path)
{
    struct logical_call call = { .operation = operation, .path = path, .request_id = "", .reply = &reply };
    logical_reply_clear(&reply);
    err = (struct vp_error){ 0 };
    handled_by = "nobody";
    const struct logical_match match = logical_find(&BACKEND, operation, path);
    return logical_dispatch(&BACKEND, &match, &call, &err);
}

/* The same with a body. */
static enum vp_code order(const char *path, const char *body)
{
    static const struct vp_json_source BODY = { "the body", VP_REASON_BAD_REQUEST, 4096, 4, 100, 0, 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    const struct logical_match match = logical_find(&BACKEND, LOGICAL_UPDATE, path);
    EXPECT_OK(vp_json_parse(body, strlen(body), &BODY, &document, &err), &err);
    struct logical_call call = {
        .operation = LOGICAL_UPDATE, .path = path, .request_id = "id-1", .data = document, .reply = &reply
    };
    handled_by = "nobody";
    err = (struct vp_error){ 0 };
    enum vp_code code = logical_dispatch(&BACKEND, &match, &call, &err);
    EXPECT_NULL(call.args);
    return code;
}

TEST(a_handler_gets_its_fields_decoded_with_defaults)
{
    failure = (struct vp_error){ 0 };
    EXPECT_OK(order("order", "{\"token\":\"geheim\"}"), &err);
    EXPECT_INT(64, seen_many);
    EXPECT(seen_token);
    EXPECT_OK(order("order", "{\"many\":3,\"token\":null}"), &err);
    EXPECT_INT(3, seen_many);
    EXPECT(!seen_token);
}

TEST(fields_that_do_not_fit_never_reach_the_handler)
{
    failure = (struct vp_error){ 0 };
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, order("order", "{\"many\":\"x\"}"), &err);
    EXPECT_TEXT("nobody", handled_by);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, order("order", "{\"mny\":1}"), &err);
    EXPECT_TEXT("nobody", handled_by);
    EXPECT_OK(order("public", "{\"mny\":1}"), &err);
}

TEST(an_unauthenticated_caller_reads_the_class_of_a_failure_only)
{
    static const struct {
        enum vp_reason reason;
        const char *message, *wanted;
        enum vp_reason wanted_reason;
    } ROWS[] = {
        { VP_REASON_TOKEN_REJECTED, "inside", "permission denied (", VP_REASON_TOKEN_REJECTED },
        { VP_REASON_INTERNAL, "inside", "not now (", VP_REASON_INTERNAL },
        { VP_REASON_UPSTREAM_TIMEOUT, "inside", "the request failed (", VP_REASON_UPSTREAM_TIMEOUT },
        { VP_REASON_UPSTREAM_BAD_ANSWER, "inside", "the request failed (", VP_REASON_UPSTREAM_BAD_ANSWER },
        { VP_REASON_HOST, "inside", "not now (", VP_REASON_INTERNAL },
        { VP_REASON_HOST, "cannot write to readonly storage", "cannot write to readonly storage", VP_REASON_HOST },
        { VP_REASON_HOST, "please forward to the active node", "please forward to the active node", VP_REASON_HOST },
        { VP_REASON_BAD_REQUEST, "your mistake", "your mistake", VP_REASON_BAD_REQUEST },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        print_message("row %zu\n", i);
        (void)vp_fail(&failure, ROWS[i].reason, "%s", ROWS[i].message);
        vp_error_add_detail(&failure, "more");
        EXPECT_FAIL(ROWS[i].wanted_reason, order("public", "{}"), &err);
        EXPECT_CONTAINS(ROWS[i].wanted, err.message);
        EXPECT_LACKS("inside", err.message);
        EXPECT_CONTAINS("more", err.detail);
        if (strcmp(ROWS[i].message, "inside") == 0) {
            EXPECT_CONTAINS("id-1", err.message);
            EXPECT_CONTAINS("inside", err.detail);
        }
        EXPECT_FAIL(ROWS[i].reason, order("order", "{}"), &err);
        EXPECT_TEXT(ROWS[i].message, err.message);
    }
}

TEST(paths_find_their_handler_by_segments)
{
    EXPECT_OK(dispatch(LOGICAL_UPDATE, "login"), &err);
    EXPECT_TEXT("plain", handled_by);
    EXPECT_OK(dispatch(LOGICAL_READ, "role/ci"), &err);
    EXPECT_TEXT("ci", handled_by);
    EXPECT_OK(dispatch(LOGICAL_LIST, "role/"), &err);
    EXPECT_OK(dispatch(LOGICAL_LIST, "role"), &err);
    EXPECT_OK(dispatch(LOGICAL_RENEW, ""), &err);
    EXPECT_TEXT("renew", handled_by);
}

TEST(paths_that_are_not_in_the_table_are_not_found)
{
    static const char *const PATHS[] = { "",         "/",        "logi",     "login/",          "login/x",
                                         "logins",   "LOGIN",    " login",   "role/",           "role//",
                                         "role/a/b", "role/ci/", "/role/ci", "config/../login", "+" };
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        EXPECT_FAIL(VP_REASON_NOT_FOUND, dispatch(LOGICAL_UPDATE, PATHS[i]), &err);
        EXPECT_TEXT("nobody", handled_by);
    }
}

TEST(what_a_path_says_is_not_repeated_in_the_error)
{
    EXPECT_FAIL(VP_REASON_NOT_FOUND, dispatch(LOGICAL_UPDATE, "v2/secret-token"), &err);
    EXPECT_LACKS("secret-token", err.message);
}

TEST(operations_are_refused_by_type_also_where_the_path_has_others)
{
    static const char *const WORDS[] = { "resolve-path", "patch", "scan", "header", "alias-lookahead", "" };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        EXPECT_INT(LOGICAL_UNKNOWN, logical_operation_of(WORDS[i]));
        EXPECT_FAIL(VP_REASON_UNSUPPORTED_OPERATION, dispatch(logical_operation_of(WORDS[i]), "config"), &err);
        EXPECT_TEXT("nobody", handled_by);
    }
    EXPECT_FAIL(VP_REASON_UNSUPPORTED_OPERATION, dispatch(LOGICAL_READ, "login"), &err);
    EXPECT_FAIL(VP_REASON_UNSUPPORTED_OPERATION, dispatch(LOGICAL_LIST, "config"), &err);
    EXPECT_FAIL(VP_REASON_UNSUPPORTED_OPERATION, dispatch(LOGICAL_RESOLVE_ROLE, "config"), &err);
    EXPECT_FAIL(VP_REASON_UNSUPPORTED_OPERATION, dispatch(LOGICAL_REVOKE, "config"), &err);
    EXPECT_FAIL(VP_REASON_UNSUPPORTED_OPERATION, dispatch(LOGICAL_ROLLBACK, ""), &err);
    EXPECT_INT(LOGICAL_RESOLVE_ROLE, logical_operation_of("resolve-role"));
    for (int i = LOGICAL_UNKNOWN + 1; i < LOGICAL_N_OPERATIONS; i++)
        EXPECT_INT(i, logical_operation_of(logical_operation_word((enum logical_operation)i)));
}

TEST(a_secrets_engine_revokes_and_rolls_back_whatever_the_path)
{
    static const struct logical_route CREDS[] = {
        { .path = "creds/+", .summary = "", .help = "", .frequent = true, .on = { [LOGICAL_READ] = plain } },
        { .path = "config", .summary = "", .help = "", .on = { [LOGICAL_READ] = plain } },
        { 0 },
    };
    static const struct logical_backend ENGINE = { .name = "engine",
                                                   .version = "v1",
                                                   .help = "",
                                                   .kind = LOGICAL_SECRETS_ENGINE,
                                                   .routes = CREDS,
                                                   .renew = renew,
                                                   .revoke = revoke,
                                                   .rollback = rollback };
    static const struct {
        enum logical_operation operation;
        const char *path, *handled_by;
        bool login;
    } ROWS[] = { { LOGICAL_RENEW, "creds/ci", "renew", true },
                 { LOGICAL_REVOKE, "creds/ci", "revoke", true },
                 { LOGICAL_REVOKE, "elsewhere", "revoke", true },
                 { LOGICAL_ROLLBACK, "", "rollback", false } };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct logical_call call = { .operation = ROWS[i].operation, .path = ROWS[i].path };
        const struct logical_match match = logical_find(&ENGINE, ROWS[i].operation, ROWS[i].path);
        EXPECT_OK(logical_dispatch(&ENGINE, &match, &call, &err), &err);
        EXPECT_TEXT(ROWS[i].handled_by, handled_by);
        EXPECT(!match.quick);
        EXPECT_INT(ROWS[i].login, match.login);
    }
    EXPECT(logical_find(&ENGINE, LOGICAL_READ, "creds/ci").login);
    EXPECT(!logical_find(&ENGINE, LOGICAL_READ, "config").login);
    EXPECT(logical_find(&BACKEND, LOGICAL_ROLLBACK, "").quick);
    EXPECT(logical_find(&BACKEND, LOGICAL_REVOKE, "config").quick);
}

TEST(creates_are_told_from_updates_where_a_route_can_tell)
{
    static const struct {
        const char *path;
        bool known, exists;
    } ROWS[] = { { "config", true, true },
                 { "role/there", true, true },
                 { "role/new", true, false },
                 { "login", false, false },
                 { "nothing", false, false } };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct logical_call call = { .operation = LOGICAL_UPDATE, .path = ROWS[i].path };
        const struct logical_match match = logical_find(&BACKEND, call.operation, call.path);
        bool there = false;
        EXPECT_INT(ROWS[i].known, match.has_exists);
        if (match.has_exists)
            EXPECT_OK(logical_exists(&match, &call, &there, &err), &err);
        EXPECT_INT(ROWS[i].exists, there);
    }
}

/* ---- help ---- */

static const struct vp_json_source ANSWER = { "the answer", VP_REASON_INTERNAL, 1 << 20, 32, 10000, 0, 0 };

static struct vp_json *help(const char *path)
{
    struct vp_json *document = NULL;
    EXPECT_OK(dispatch(LOGICAL_HELP, path), &err);
    EXPECT_OK(vp_json_parse(vp_buf_text(&reply.data), reply.data.len, &ANSWER, &document, &err), &err);
    return document;
}

TEST(the_help_of_a_path_names_its_fields_and_what_they_are)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = help("login");
    const char *text = vp_json_text(vp_json_get(document, "help"));
    EXPECT_CONTAINS("Log in.", text);
    EXPECT_CONTAINS("token (string, required, sensitive)", text);
    EXPECT_CONTAINS("long (duration, default 10s)", text);
    EXPECT_CONTAINS("names (list)", text);
}

TEST(the_help_of_the_mount_names_every_path)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = help("");
    const char *text = vp_json_text(vp_json_get(document, "help"));
    for (const struct logical_route *route = ROUTES; route->path != NULL; route++)
        EXPECT_CONTAINS(route->path, text);
    EXPECT_CONTAINS("A toy.", text);
    EXPECT_FAIL(VP_REASON_NOT_FOUND, dispatch(LOGICAL_HELP, "nothing"), &err);
}

static const struct vp_json *walk(const struct vp_json *value, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        value = vp_json_get(value, *keys);
    return value;
}

#define WALK(value, ...) walk(value, (const char *const[]){ __VA_ARGS__, NULL })

TEST(the_api_document_has_every_path_with_types_defaults_and_marks)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = help("");
    const struct vp_json *paths = WALK(document, "openapi", "paths");
    EXPECT_INT(6, vp_json_len(paths));
    EXPECT(vp_json_bool(WALK(paths, "/login", "x-vault-unauthenticated")));
    EXPECT_NULL(WALK(paths, "/config", "x-vault-unauthenticated"));
    EXPECT(vp_json_bool(WALK(paths, "/config", "x-vault-createSupported")));
    EXPECT_TEXT("name", vp_json_text(vp_json_get(vp_json_at(WALK(paths, "/role/{name}", "parameters"), 0), "name")));
    EXPECT_TEXT("list", vp_json_text(vp_json_get(vp_json_at(WALK(paths, "/role/", "get", "parameters"), 0), "name")));
    EXPECT(WALK(paths, "/config", "delete", "responses", "204") != NULL);

    const struct vp_json *schema =
        WALK(paths, "/login", "post", "requestBody", "content", "application/json", "schema");
    EXPECT_INT(2, vp_json_len(vp_json_get(schema, "required")));
    const struct vp_json *properties = vp_json_get(schema, "properties");
    EXPECT_INT(6, vp_json_len(properties));
    EXPECT(vp_json_bool(WALK(properties, "token", "x-vault-displayAttrs", "sensitive")));
    EXPECT_TEXT("integer", vp_json_text(WALK(properties, "many", "type")));
    EXPECT_INT(64, vp_json_int(WALK(properties, "many", "default")));
    EXPECT_INT(10, vp_json_int(WALK(properties, "long", "default")));
    EXPECT_TEXT("seconds", vp_json_text(WALK(properties, "long", "format")));
    EXPECT_TEXT("string", vp_json_text(WALK(properties, "names", "items", "type")));
    EXPECT(vp_json_bool(WALK(properties, "on", "default")));
}

static int tear_down(void **state)
{
    (void)state;
    logical_reply_clear(&reply);
    return 0;
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_handler_gets_its_fields_decoded_with_defaults),
        CASE(fields_that_do_not_fit_never_reach_the_handler),
        CASE(an_unauthenticated_caller_reads_the_class_of_a_failure_only),
        CASE(paths_find_their_handler_by_segments),
        CASE(paths_that_are_not_in_the_table_are_not_found),
        CASE(what_a_path_says_is_not_repeated_in_the_error),
        CASE(operations_are_refused_by_type_also_where_the_path_has_others),
        CASE(a_secrets_engine_revokes_and_rolls_back_whatever_the_path),
        CASE(creates_are_told_from_updates_where_a_route_can_tell),
        CASE(the_help_of_a_path_names_its_fields_and_what_they_are),
        CASE(the_help_of_the_mount_names_every_path),
        CASE(the_api_document_has_every_path_with_types_defaults_and_marks),
    };
    return cmocka_run_group_tests_name("logical_dispatch", cases, NULL, tear_down);
}
