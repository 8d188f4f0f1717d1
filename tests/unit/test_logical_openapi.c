/* The API document: valid, whole, and true to the tables it comes from. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "help.h"

static enum vp_code nothing(const struct logical_call *call, struct vp_error *err)
{
    (void)call;
    (void)err;
    return VP_OK;
}

static enum vp_code exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    (void)call;
    (void)err;
    *ret_exists = true;
    return VP_OK;
}

static const struct logical_field FIELDS[] = {
    { "host", LOGICAL_TEXT, 0, LOGICAL_REQUIRED, NULL, 0, 0, "Where \"it\" is.\nSecond line." },
    { "class", LOGICAL_TEXT, 8, 0, "vault_policy", 0, 0, "Which class." },
    { "nothing", LOGICAL_TEXT, 16, 0, "", 0, 0, "An empty default." },
    { "token", LOGICAL_SECRET, 24, LOGICAL_REQUIRED, NULL, 0, 0, "What opens it." },
    { "preset_token", LOGICAL_SECRET, 32, 0, "geheim", 0, 0, "Never shown." },
    { "on", LOGICAL_BOOL, 40, 0, "true", 0, 0, "Whether." },
    { "off", LOGICAL_BOOL, 41, 0, "false", 0, 0, "Whether not." },
    { "unset", LOGICAL_BOOL, 42, 0, NULL, 0, 0, "Without a default." },
    { "many", LOGICAL_INT, 48, 0, "64", 1, 100, "How many." },
    { "long", LOGICAL_DURATION, 56, 0, "1h30m", 0, 0, "How long." },
    { "names", LOGICAL_TEXTS, 64, 0, "a, b", 0, 0, "Which ones." },
    { "others", LOGICAL_TEXTS, 80, 0, NULL, 0, 0, "Which others." },
    { "check", LOGICAL_BOOL, 96, 0, "true", 0, 0, "Only now." },
    { 0 },
};

static const struct logical_field ONE_FIELD[] = { { "a", LOGICAL_TEXT, 0, 0, NULL, 0, 0, "A." }, { 0 } };

static const struct logical_route ROUTES[] = {
    { .path = "login",
      .summary = "Log in.",
      .help = "Logs in.",
      .fields = ONE_FIELD,
      .unauthenticated = true,
      .on = { [LOGICAL_UPDATE] = nothing, [LOGICAL_RESOLVE_ROLE] = nothing } },
    { .path = "config",
      .summary = "Config.",
      .help = "Configures.",
      .fields = FIELDS,
      .exists = exists,
      .on = { [LOGICAL_CREATE] = nothing,
              [LOGICAL_READ] = nothing,
              [LOGICAL_UPDATE] = nothing,
              [LOGICAL_DELETE] = nothing } },
    { .path = "config/check", .summary = "Check.", .help = "Checks.", .on = { [LOGICAL_READ] = nothing } },
    { .path = "rotate", .summary = "Rotate.", .help = "Rotates.", .on = { [LOGICAL_UPDATE] = nothing } },
    { .path = "role", .summary = "Roles.", .help = "Lists roles.", .on = { [LOGICAL_LIST] = nothing } },
    { .path = "role/+",
      .parameter = "name",
      .summary = "A role.",
      .help = "One role.",
      .fields = ONE_FIELD,
      .exists = exists,
      .on = { [LOGICAL_READ] = nothing, [LOGICAL_UPDATE] = nothing } },
    { 0 },
};

static const struct logical_backend BACKEND = {
    .name = "toy", .version = "v1.2.3", .help = "A toy.", .routes = ROUTES
};

/* Duplicate keys are looked for on every level: one path, method or field written twice fails here. */
static const struct vp_json_source SOURCE = { "the document", VP_REASON_INTERNAL, 1 << 20, 32, 100000, 0, 0 };

static struct vp_json *document;

/* The document of one route, or of all. Borrowed until the next call. */
static const struct vp_json *openapi(const struct logical_route *route)
{
    struct vp_error err = { 0 };
    struct vp_buf buf = VP_BUF_INIT(1 << 20);
    struct vp_json_writer writer;
    vp_json_freep(&document);
    vp_json_begin(&writer, &buf);
    logical_openapi(&BACKEND, route, &writer);
    EXPECT_INT(0, writer.depth);
    EXPECT_OK(vp_buf_check(&buf, "the document", &err), &err);
    EXPECT_OK(vp_json_parse(vp_buf_text(&buf), buf.len, &SOURCE, &document, &err), &err);
    vp_buf_clear(&buf);
    return document;
}

static const struct vp_json *walk(const struct vp_json *value, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        value = vp_json_get(value, *keys);
    return value;
}

#define WALK(value, ...) walk(value, (const char *const[]){ __VA_ARGS__, NULL })

static const struct vp_json *schema_of(const char *path)
{
    return WALK(openapi(NULL), "paths", path, "post", "requestBody", "content", "application/json", "schema");
}

static bool is_in(const struct vp_json *array, const char *text)
{
    for (size_t i = 0; i < vp_json_len(array); i++)
        if (strcmp(vp_json_text(vp_json_at(array, i)), text) == 0)
            return true;
    return false;
}

TEST(the_document_says_what_it_is)
{
    const struct vp_json *all = openapi(NULL);
    EXPECT_TEXT("3.0.2", vp_json_text(WALK(all, "openapi")));
    EXPECT_TEXT("toy", vp_json_text(WALK(all, "info", "title")));
    EXPECT_TEXT("v1.2.3", vp_json_text(WALK(all, "info", "version")));
    EXPECT_TEXT("A toy.", vp_json_text(WALK(all, "info", "description")));
}

TEST(every_route_is_a_path_with_just_its_methods)
{
    static const struct {
        const char *path, *help;
        bool get, post, remove, unauthenticated, creates;
    } ROWS[] = {
        { "/login", "Logs in.", false, true, false, true, false },
        { "/config", "Configures.", true, true, true, false, true },
        { "/config/check", "Checks.", true, false, false, false, false },
        { "/rotate", "Rotates.", false, true, false, false, false },
        { "/role/", "Lists roles.", true, false, false, false, false },
        { "/role/{name}", "One role.", true, true, false, false, true },
    };
    const struct vp_json *paths = WALK(openapi(NULL), "paths");
    EXPECT_INT(sizeof ROWS / sizeof ROWS[0], vp_json_len(paths));
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const struct vp_json *path = vp_json_get(paths, ROWS[i].path);
        print_message("%s\n", ROWS[i].path);
        EXPECT_TEXT(ROWS[i].help, vp_json_text(WALK(path, "description")));
        EXPECT_INT(ROWS[i].get, WALK(path, "get") != NULL);
        EXPECT_INT(ROWS[i].post, WALK(path, "post") != NULL);
        EXPECT_INT(ROWS[i].remove, WALK(path, "delete") != NULL);
        EXPECT_INT(ROWS[i].unauthenticated, WALK(path, "x-vault-unauthenticated") != NULL);
        EXPECT_INT(ROWS[i].creates, WALK(path, "x-vault-createSupported") != NULL);
        EXPECT_NULL(WALK(path, "put"));
    }
}

TEST(every_method_has_a_summary_the_tag_and_one_response)
{
    static const struct {
        const char *path, *method, *summary, *status, *description;
    } ROWS[] = {
        { "/login", "post", "Log in.", "200", "OK" },  { "/config", "get", "Config.", "200", "OK" },
        { "/config", "post", "Config.", "200", "OK" }, { "/config", "delete", "Config.", "204", "empty body" },
        { "/role/", "get", "Roles.", "200", "OK" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const struct vp_json *method = WALK(openapi(NULL), "paths", ROWS[i].path, ROWS[i].method);
        EXPECT_TEXT(ROWS[i].summary, vp_json_text(WALK(method, "summary")));
        EXPECT_INT(1, vp_json_len(WALK(method, "tags")));
        EXPECT_TEXT("auth", vp_json_text(vp_json_at(WALK(method, "tags"), 0)));
        EXPECT_INT(1, vp_json_len(WALK(method, "responses")));
        EXPECT_TEXT(ROWS[i].description, vp_json_text(WALK(method, "responses", ROWS[i].status, "description")));
    }
}

TEST(a_name_in_a_path_and_a_list_are_parameters)
{
    static const struct {
        const char *path, *method, *name, *place;
    } ROWS[] = { { "/role/{name}", NULL, "name", "path" }, { "/role/", "get", "list", "query" } };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const struct vp_json *owner = WALK(openapi(NULL), "paths", ROWS[i].path);
        if (ROWS[i].method != NULL)
            owner = vp_json_get(owner, ROWS[i].method);
        const struct vp_json *parameters = vp_json_get(owner, "parameters");
        EXPECT_INT(1, vp_json_len(parameters));
        const struct vp_json *parameter = vp_json_at(parameters, 0);
        EXPECT_TEXT(ROWS[i].name, vp_json_text(vp_json_get(parameter, "name")));
        EXPECT_TEXT(ROWS[i].place, vp_json_text(vp_json_get(parameter, "in")));
        EXPECT(vp_json_bool(vp_json_get(parameter, "required")));
        EXPECT_TEXT("string", vp_json_text(WALK(parameter, "schema", "type")));
    }
    EXPECT_NULL(WALK(openapi(NULL), "paths", "/config", "parameters"));
}

TEST(every_field_has_its_type_and_help)
{
    const struct vp_json *schema = schema_of("/config");
    const struct vp_json *properties = vp_json_get(schema, "properties");
    size_t n = 0;
    EXPECT_TEXT("object", vp_json_text(vp_json_get(schema, "type")));
    for (const struct logical_field *field = FIELDS; field->name != NULL; field++) {
        const struct vp_json *property = vp_json_get(properties, field->name);
        print_message("%s\n", field->name);
        n++;
        EXPECT_TEXT(logical_field_type_word(field->type), vp_json_text(vp_json_get(property, "type")));
        EXPECT_TEXT(field->help, vp_json_text(vp_json_get(property, "description")));
        EXPECT_INT(field->type == LOGICAL_DURATION, vp_json_get(property, "format") != NULL);
        EXPECT_INT(field->type == LOGICAL_TEXTS, vp_json_get(property, "items") != NULL);
        EXPECT_INT(field->type == LOGICAL_SECRET, vp_json_get(property, "x-vault-displayAttrs") != NULL);
        EXPECT_INT(field->preset != NULL && field->type != LOGICAL_SECRET, vp_json_get(property, "default") != NULL);
    }
    EXPECT_INT(n, vp_json_len(properties));
    EXPECT_TEXT("seconds", vp_json_text(WALK(properties, "long", "format")));
    EXPECT_TEXT("string", vp_json_text(WALK(properties, "others", "items", "type")));
    EXPECT(vp_json_bool(WALK(properties, "token", "x-vault-displayAttrs", "sensitive")));
}

TEST(defaults_have_the_type_of_their_field)
{
    const struct vp_json *properties = vp_json_get(schema_of("/config"), "properties");
    EXPECT_TEXT("vault_policy", vp_json_text(WALK(properties, "class", "default")));
    EXPECT_TEXT("", vp_json_text(WALK(properties, "nothing", "default")));
    EXPECT(vp_json_bool(WALK(properties, "on", "default")));
    EXPECT(!vp_json_bool(WALK(properties, "off", "default")));
    EXPECT_INT(64, vp_json_int(WALK(properties, "many", "default")));
    EXPECT_INT(5400, vp_json_int(WALK(properties, "long", "default")));
    EXPECT_INT(2, vp_json_len(WALK(properties, "names", "default")));
    EXPECT_TEXT("b", vp_json_text(vp_json_at(WALK(properties, "names", "default"), 1)));
}

TEST(a_default_of_a_secret_is_not_told)
{
    struct vp_buf buf = VP_BUF_INIT(1 << 20);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &buf);
    logical_openapi(&BACKEND, NULL, &writer);
    EXPECT_LACKS("geheim", vp_buf_text(&buf));
    vp_buf_clear(&buf);
}

TEST(required_fields_are_listed_where_there_are_any)
{
    const struct vp_json *required = vp_json_get(schema_of("/config"), "required");
    EXPECT(is_in(required, "host"));
    EXPECT(is_in(required, "token"));
    EXPECT_INT(2, vp_json_len(required));
    EXPECT_NULL(vp_json_get(schema_of("/login"), "required"));
}

TEST(only_a_write_has_a_body_and_only_where_there_are_fields)
{
    EXPECT_NULL(WALK(openapi(NULL), "paths", "/config", "get", "requestBody"));
    EXPECT_NULL(WALK(openapi(NULL), "paths", "/config", "delete", "requestBody"));
    EXPECT_NULL(WALK(openapi(NULL), "paths", "/rotate", "post", "requestBody"));
    EXPECT(WALK(openapi(NULL), "paths", "/login", "post", "requestBody") != NULL);
}

TEST(the_document_of_one_route_is_its_part_of_the_whole)
{
    for (const struct logical_route *route = ROUTES; route->path != NULL; route++) {
        struct vp_buf one = VP_BUF_INIT(1 << 20);
        struct vp_buf all = VP_BUF_INIT(1 << 20);
        struct vp_json_writer writer;
        vp_json_begin(&writer, &one);
        logical_openapi(&BACKEND, route, &writer);
        vp_json_begin(&writer, &all);
        logical_openapi(&BACKEND, NULL, &writer);

        EXPECT_INT(1, vp_json_len(WALK(openapi(route), "paths")));
        char *part = strdup(strstr(vp_buf_text(&one), "\"paths\":{") + strlen("\"paths\":{"));
        part[strlen(part) - 2] = '\0'; /* without the ends of paths and document */
        EXPECT_CONTAINS(part, vp_buf_text(&all));
        free(part);
        vp_buf_clear(&one);
        vp_buf_clear(&all);
    }
}

static int tear_down(void **state)
{
    (void)state;
    vp_json_freep(&document);
    return 0;
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(the_document_says_what_it_is),
        CASE(every_route_is_a_path_with_just_its_methods),
        CASE(every_method_has_a_summary_the_tag_and_one_response),
        CASE(a_name_in_a_path_and_a_list_are_parameters),
        CASE(every_field_has_its_type_and_help),
        CASE(defaults_have_the_type_of_their_field),
        CASE(a_default_of_a_secret_is_not_told),
        CASE(required_fields_are_listed_where_there_are_any),
        CASE(only_a_write_has_a_body_and_only_where_there_are_fields),
        CASE(the_document_of_one_route_is_its_part_of_the_whole),
    };
    return cmocka_run_group_tests_name("logical_openapi", cases, NULL, tear_down);
}
