/* Templates: where a reference may stand, and how a value is written there. Real readers of the formats judge the results in tests/model. */
#include "check.h"
#include "template.h"

enum { ROOM = 4096 };

/* The template with each reference replaced by `value`; NULL if the template or the value is refused. */
static const char *render(const char *template_text, enum cli_template_kind kind, const char *value,
                          struct vp_buf *text)
{
    struct cli_template template;
    struct vp_error err = { 0 };
    bool good = cli_template_parse(template_text, strlen(template_text), kind, &template, &err) == VP_OK;
    if (!good) {
        EXPECT_INT(VP_REASON_LOCAL_CONFIG, err.reason);
        return NULL;
    }
    for (size_t i = 0; good && i < template.n; i++)
        if (template.parts[i].text != NULL)
            vp_buf_add(text, template.parts[i].text, template.parts[i].len);
        else
            good = cli_template_add_value(text, &template.parts[i], value, &err) == VP_OK;
    cli_template_clear(&template);
    if (!good)
        EXPECT_INT(VP_REASON_LOCAL_CONFIG, err.reason);
    return good ? vp_buf_text(text) : NULL;
}

struct row {
    enum cli_template_kind kind;
    const char *template, *value, *result; /* result NULL: refused */
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct vp_buf text = VP_BUF_INIT(ROOM);
        const char *result = render(rows[i].template, rows[i].kind, rows[i].value, &text);
        if ((result == NULL) != (rows[i].result == NULL) || (result != NULL && strcmp(result, rows[i].result) != 0))
            fail_msg("%s with %s: %s", rows[i].template, rows[i].value, result == NULL ? "refused" : result);
        vp_buf_clear(&text);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))
#define V "${vault:a/b#c}"

TEST(text_takes_every_value_as_it_is)
{
    static const struct row ROWS[] = {
        { CLI_TEMPLATE_TEXT, "x " V " y\n", "a\nb\"'\\", "x a\nb\"'\\ y\n" },
        { CLI_TEMPLATE_TEXT, V V, "", "" },
        { CLI_TEMPLATE_TEXT, "$" V " " V, "v", "${vault:a/b#c} v" },
        { CLI_TEMPLATE_TEXT, V, "${vault:x/y}", "${vault:x/y}" }, /* there is no second scan */
        { CLI_TEMPLATE_TEXT, "${vaul $ {vault: $", "v", "${vaul $ {vault: $" },
        { CLI_TEMPLATE_TEXT, "no reference", "v", "no reference" },
    };
    CHECK(ROWS);
}

TEST(json_takes_values_inside_of_strings_only)
{
    static const struct row ROWS[] = {
        { CLI_TEMPLATE_JSON, "{\"a\": \"" V "\"}", "q\"b\\n\n\x01", "{\"a\": \"q\\\"b\\\\n\\u000a\\u0001\"}" },
        { CLI_TEMPLATE_JSON, "[\"\\\"" V "\"]", "x", "[\"\\\"x\"]" },
        { CLI_TEMPLATE_JSON, "{\"a\": " V "}", "x", NULL },
        { CLI_TEMPLATE_JSON, "{" V ": 1}", "x", NULL },
        { CLI_TEMPLATE_JSON, "\"a\"" V "\"b\"", "x", NULL },
        { CLI_TEMPLATE_JSON, "\"\\" V "\"", "x", NULL },
    };
    CHECK(ROWS);
}

TEST(yaml_takes_values_in_quotes_alone_and_in_blocks)
{
    static const struct row ROWS[] = {
        { CLI_TEMPLATE_YAML, "a: " V "\n", "x: y # z", "a: \"x: y # z\"\n" },
        { CLI_TEMPLATE_YAML, "a: " V "  # why\n", "l\nm", "a: \"l\\u000Am\"  # why\n" },
        { CLI_TEMPLATE_YAML, "- " V "\n", "\"\\", "- \"\\\"\\\\\"\n" },
        { CLI_TEMPLATE_YAML, "a: \"x " V " y\"\n", "\xc3\xa4\xf0\x9f\x94\x91", "a: \"x \\u00E4\\U0001F511 y\"\n" },
        { CLI_TEMPLATE_YAML, "a: 'x " V "'\n", "it's", "a: 'x it''s'\n" },
        { CLI_TEMPLATE_YAML, "a: 'x " V "'\n", "a\nb", NULL },
        { CLI_TEMPLATE_YAML, "a: 'x " V "'\n",
          "a\xc2\x85"
          "b",
          NULL },
        { CLI_TEMPLATE_YAML, "a: 'x " V "'\n",
          "a\xe2\x80\xa8"
          "b",
          NULL },
        { CLI_TEMPLATE_YAML, "a: |\n  one " V "\n", "two", "a: |\n  one two\n" },
        { CLI_TEMPLATE_YAML, "a: |\n  one " V "\n", "a\nb", NULL },
        { CLI_TEMPLATE_YAML, "a: |\n  " V "\n", " lead", NULL },
        { CLI_TEMPLATE_YAML, "a: |\n  " V "\n", "trail ", NULL },
        { CLI_TEMPLATE_YAML, "a: |\n  " V "\n", "", NULL },
        { CLI_TEMPLATE_YAML, "a: {b: " V ", c: 1}\n", "x, d: 1", "a: {b: \"x, d: 1\", c: 1}\n" },
    };
    CHECK(ROWS);
}

TEST(yaml_refuses_places_where_a_value_could_get_out)
{
    static const char *const BAD[] = {
        "a: x" V "\n",         "a: x " V "\n",     "a: " V " x\n",      "# " V "\n",
        "a: 1 # " V "\n",      V ": x\n",          "a: {b: x " V "}\n", "a:" V "\n",
        "? " V "\n",           "? a: '" V "'\n",   "a: foo, " V "\n",   "a: text\n  " V "\n",
        "a: \"x\n  " V "\"\n", "a: 'open " V "\n", "a: 'open " V, /* ends without a line end */
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        check(&(const struct row){ CLI_TEMPLATE_YAML, BAD[i], "x", NULL }, 1);
}

TEST(a_reference_that_is_none_names_its_line)
{
    static const struct {
        const char *text, *words;
    } ROWS[] = { { "a\nb ${vault:x/y", "line 2" },
                 { "${vault:x\n/y}", "line 1" },
                 { "${vault:}", "line 1" },
                 { "\n\n${vault:x/y#}", "line 3" } };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct cli_template template;
        struct vp_error err = { 0 };
        EXPECT_FAIL(VP_REASON_LOCAL_CONFIG,
                    cli_template_parse(ROWS[i].text, strlen(ROWS[i].text), CLI_TEMPLATE_TEXT, &template, &err), &err);
        EXPECT_CONTAINS(ROWS[i].words, err.message);
    }
    struct cli_template template;
    struct vp_error err = { 0 };
    EXPECT_FAIL(VP_REASON_LOCAL_CONFIG, cli_template_parse("a\0b", 3, CLI_TEMPLATE_TEXT, &template, &err), &err);
}

TEST(the_kind_is_in_the_names)
{
    static const struct {
        const char *kind, *file, *destination;
        enum cli_template_kind result;
    } ROWS[] = {
        { NULL, "c.yaml", "out", CLI_TEMPLATE_YAML },      { NULL, "c.yml.j2", "-", CLI_TEMPLATE_YAML },
        { NULL, "c.YAML", "-", CLI_TEMPLATE_YAML },        { NULL, "c.Json.In", NULL, CLI_TEMPLATE_JSON },
        { NULL, "c.tmpl", "out.yaml", CLI_TEMPLATE_YAML }, { NULL, NULL, "out.json", CLI_TEMPLATE_JSON },
        { NULL, "json", "yaml", CLI_TEMPLATE_TEXT },       { NULL, "x.yaml/c", "out", CLI_TEMPLATE_TEXT },
        { NULL, "c.json", "out.yaml", CLI_TEMPLATE_JSON }, { NULL, "c.yaml.old.txt", "-", CLI_TEMPLATE_TEXT },
        { "text", "c.json", "c.yaml", CLI_TEMPLATE_TEXT }, { "yaml", "c.json", NULL, CLI_TEMPLATE_YAML },
        { NULL, NULL, NULL, CLI_TEMPLATE_TEXT },
    };
    struct vp_error err = { 0 };
    enum cli_template_kind kind;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        EXPECT_OK(cli_template_kind_parse(ROWS[i].kind, ROWS[i].file, ROWS[i].destination, &kind, &err), &err);
        EXPECT_INT(ROWS[i].result, kind);
    }
    EXPECT_FAIL(VP_REASON_USAGE, cli_template_kind_parse("toml", "c.json", NULL, &kind, &err), &err);
    EXPECT_FAIL(VP_REASON_USAGE, cli_template_kind_parse("", "c.json", NULL, &kind, &err), &err);
}

TEST(one_reference_makes_a_template_of_its_own)
{
    struct cli_template template;
    struct vp_error err = { 0 };
    EXPECT_OK(cli_template_of_ref("?a/b#c", &template, &err), &err);
    EXPECT_INT(1, template.n);
    EXPECT(template.parts[0].ref.optional);
    EXPECT_INT(CLI_TEMPLATE_AS_IS, template.parts[0].place);
    cli_template_clear(&template);
    EXPECT_FAIL(VP_REASON_USAGE, cli_template_of_ref("a//b", &template, &err), &err);
    EXPECT(cli_template_has_ref("x ${vault:a}") && !cli_template_has_ref("${vaul:a}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(text_takes_every_value_as_it_is),
        CASE(json_takes_values_inside_of_strings_only),
        CASE(yaml_takes_values_in_quotes_alone_and_in_blocks),
        CASE(yaml_refuses_places_where_a_value_could_get_out),
        CASE(a_reference_that_is_none_names_its_line),
        CASE(the_kind_is_in_the_names),
        CASE(one_reference_makes_a_template_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
