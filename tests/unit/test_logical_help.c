/* Path help: what an admin reads, out of the same tables that decode requests. */
#include <stdlib.h>

#include "check.h"
#include "help.h"

static enum vp_code nothing(const struct logical_call *call, struct vp_error *err)
{
    (void)call;
    (void)err;
    fail_msg("help ran a handler");
    return VP_OK;
}

static const struct logical_field FIELDS[] = {
    { "host", LOGICAL_TEXT, 0, LOGICAL_REQUIRED, NULL, 0, 0, "Where it is." },
    { "token", LOGICAL_SECRET, 0, LOGICAL_REQUIRED, NULL, 0, 0, "What opens it." },
    { "on", LOGICAL_BOOL, 0, 0, "true", 0, 0, "Whether it is." },
    { "many", LOGICAL_INT, 0, 0, "64", 1, 100, "How many." },
    { "long", LOGICAL_DURATION, 0, 0, "1h30m", 0, 0, "How long." },
    { "names", LOGICAL_TEXTS, 0, 0, "a,b", 0, 0, "Which ones." },
    { "check", LOGICAL_BOOL, 0, 0, "true", 0, 0, "Only now." },
    { 0 },
};

static const struct logical_field NO_FIELDS[] = { { 0 } };

static const struct logical_route ROUTES[] = {
    { .path = "login",
      .summary = "Log in.",
      .help = "Logs in with \"quotes\".\nAnd a second line.",
      .fields = FIELDS,
      .unauthenticated = true,
      .on = { [LOGICAL_UPDATE] = nothing, [LOGICAL_RESOLVE_ROLE] = nothing } },
    { .path = "bare", .summary = "Bare.", .help = "Has no fields.", .on = { [LOGICAL_READ] = nothing } },
    { .path = "empty", .summary = "Empty.", .help = "Has an empty table.", .fields = NO_FIELDS },
    { .path = "role", .summary = "Roles.", .help = "Lists roles.", .on = { [LOGICAL_LIST] = nothing } },
    { .path = "role/+",
      .parameter = "name",
      .summary = "A role.",
      .help = "One role.",
      .on = { [LOGICAL_CREATE] = nothing,
              [LOGICAL_READ] = nothing,
              [LOGICAL_UPDATE] = nothing,
              [LOGICAL_DELETE] = nothing } },
    { 0 },
};

static const struct logical_backend BACKEND = {
    .name = "toy", .version = "v1.2.3", .help = "A toy.", .routes = ROUTES
};

static const struct vp_json_source ANSWER = { "the answer", VP_REASON_INTERNAL, LOGICAL_REPLY_MAX, 32, 100000, 0, 0 };

static struct vp_json *document;

/* The help text of a path. Borrowed until the next call. */
static const char *help(const char *path)
{
    struct vp_error err = { 0 };
    struct logical_reply reply = { .data = VP_BUF_INIT(LOGICAL_REPLY_MAX) };
    struct logical_call call = { .operation = LOGICAL_HELP, .path = path, .reply = &reply };
    vp_json_freep(&document);
    EXPECT_OK(logical_help(&BACKEND, &call, &err), &err);
    EXPECT_OK(vp_json_parse(vp_buf_text(&reply.data), reply.data.len, &ANSWER, &document, &err), &err);
    logical_reply_clear(&reply);
    return vp_json_text(vp_json_get(document, "help"));
}

TEST(the_help_of_a_path_is_this_text)
{
    EXPECT_TEXT("Request:        login\n"
                "Matching Route: login\n"
                "\n"
                "Log in.\n"
                "\n"
                "Operations:     update\n"
                "\n"
                "## PARAMETERS\n"
                "\n"
                "    host (string, required)\n"
                "        Where it is.\n"
                "\n"
                "    token (string, required, sensitive)\n"
                "        What opens it.\n"
                "\n"
                "    on (boolean, default true)\n"
                "        Whether it is.\n"
                "\n"
                "    many (integer, default 64)\n"
                "        How many.\n"
                "\n"
                "    long (duration, default 1h30m)\n"
                "        How long.\n"
                "\n"
                "    names (list, default a,b)\n"
                "        Which ones.\n"
                "\n"
                "    check (boolean, default true)\n"
                "        Only now.\n"
                "\n"
                "\n"
                "## DESCRIPTION\n"
                "\n"
                "Logs in with \"quotes\".\n"
                "And a second line.\n",
                help("login"));
}

TEST(the_answer_has_the_three_members_that_the_host_knows)
{
    (void)help("login");
    EXPECT_INT(3, vp_json_len(document));
    EXPECT(vp_json_get(document, "see_also") != NULL);
    EXPECT_INT(VP_JSON_NULL, vp_json_type(vp_json_get(document, "see_also")));
    EXPECT_INT(VP_JSON_OBJECT, vp_json_type(vp_json_get(document, "openapi")));
}

TEST(the_operations_of_a_path_are_named_in_one_order)
{
    EXPECT_CONTAINS("Operations:     create read update delete\n", help("role/ci"));
    EXPECT_CONTAINS("Operations:     list\n", help("role"));
    EXPECT_LACKS("resolve-role", help("login"));
}

TEST(a_path_with_a_name_shows_the_route_and_what_was_asked)
{
    const char *text = help("role/ci");
    EXPECT_CONTAINS("Request:        role/ci\n", text);
    EXPECT_CONTAINS("Matching Route: role/+\n", text);
}

TEST(a_path_without_fields_has_no_parameters)
{
    EXPECT_LACKS("PARAMETERS", help("bare"));
    EXPECT_CONTAINS("PARAMETERS", help("empty"));
}

TEST(a_path_of_any_length_and_bytes_gives_a_valid_answer)
{
    struct vp_buf path = VP_BUF_INIT(100000);
    vp_buf_add_text(&path, "role/\"\\\x01");
    for (int i = 0; i < 40000; i++)
        vp_buf_add_text(&path, "\xC3\xA9"); /* cut in the middle of a character */
    EXPECT_CONTAINS("Matching Route: role/+\n", help(vp_buf_text(&path)));
    EXPECT(strlen(help(vp_buf_text(&path))) < 1000);
    vp_buf_clear(&path);
    EXPECT_CONTAINS("role/%s%n%n", help("role/%s%n%n"));
}

TEST(the_help_of_the_mount_has_a_line_for_each_path_in_the_order_of_the_table)
{
    EXPECT_TEXT("## DESCRIPTION\n"
                "\n"
                "A toy.\n"
                "\n"
                "## PATHS\n"
                "\n"
                "    login\n"
                "        Log in.\n"
                "\n"
                "    bare\n"
                "        Bare.\n"
                "\n"
                "    empty\n"
                "        Empty.\n"
                "\n"
                "    role\n"
                "        Roles.\n"
                "\n"
                "    role/+\n"
                "        A role.\n"
                "\n",
                help(""));
}

TEST(the_api_document_is_of_the_path_asked_or_of_all)
{
    (void)help("login");
    EXPECT_INT(1, vp_json_len(vp_json_get(vp_json_get(document, "openapi"), "paths")));
    (void)help("");
    EXPECT_INT(5, vp_json_len(vp_json_get(vp_json_get(document, "openapi"), "paths")));
}

TEST(a_path_that_is_not_there_has_no_help_and_is_not_repeated)
{
    static const char *const PATHS[] = { "v2/secret", "login/", "role/", "role/a/b", "/", " " };
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        struct vp_error err = { 0 };
        struct logical_reply reply = { .data = VP_BUF_INIT(LOGICAL_REPLY_MAX) };
        struct logical_call call = { .operation = LOGICAL_HELP, .path = PATHS[i], .reply = &reply };
        EXPECT_FAIL(VP_REASON_NOT_FOUND, logical_help(&BACKEND, &call, &err), &err);
        EXPECT_INT(0, reply.data.len);
        EXPECT_LACKS("secret", err.message);
        logical_reply_clear(&reply);
    }
}

TEST(help_that_does_not_fit_its_answer_is_refused_not_cut)
{
    struct vp_error err = { 0 };
    struct logical_reply reply = { .data = VP_BUF_INIT(100) };
    struct logical_call call = { .operation = LOGICAL_HELP, .path = "login", .reply = &reply };
    EXPECT_FAIL(VP_REASON_INTERNAL, logical_help(&BACKEND, &call, &err), &err);
    logical_reply_clear(&reply);
}

TEST(each_type_has_a_word_of_the_api_document)
{
    static const char *const WORDS[] = { "string", "string", "boolean", "integer", "integer", "array" };
    for (int type = LOGICAL_TEXT; type <= LOGICAL_TEXTS; type++)
        EXPECT_TEXT(WORDS[type], logical_field_type_word((enum logical_field_type)type));
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
        CASE(the_help_of_a_path_is_this_text),
        CASE(the_answer_has_the_three_members_that_the_host_knows),
        CASE(the_operations_of_a_path_are_named_in_one_order),
        CASE(a_path_with_a_name_shows_the_route_and_what_was_asked),
        CASE(a_path_without_fields_has_no_parameters),
        CASE(a_path_of_any_length_and_bytes_gives_a_valid_answer),
        CASE(the_help_of_the_mount_has_a_line_for_each_path_in_the_order_of_the_table),
        CASE(the_api_document_is_of_the_path_asked_or_of_all),
        CASE(a_path_that_is_not_there_has_no_help_and_is_not_repeated),
        CASE(help_that_does_not_fit_its_answer_is_refused_not_cut),
        CASE(each_type_has_a_word_of_the_api_document),
    };
    return cmocka_run_group_tests_name("logical_help", cases, NULL, tear_down);
}
