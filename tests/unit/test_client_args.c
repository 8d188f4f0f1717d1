/* The command line of arv-vault. */
#include "args.h"
#include "check.h"

enum { WORDS_MAX = 300 };

/* Parses a command line that ends with NULL. The parser turns words around in place, so it gets copies of the pointers. */
static enum vp_code parse(char *const *words, unsigned groups, bool stops, struct cli_args *ret_args,
                          struct vp_error *err)
{
    static char name[] = "arv-vault";
    static char *argv[WORDS_MAX + 2];
    int argc = 0;
    argv[argc++] = name;
    while (*words != NULL)
        argv[argc++] = *words++;
    argv[argc] = NULL;
    return cli_args_parse(argc, argv, groups, stops, ret_args, err);
}

/* A word that may be written to. */
#define W(text) ((char[]){ text })
#define WORDS(...) ((char *const[]){ __VA_ARGS__, NULL })

TEST(options_take_their_value_in_both_forms_and_the_rest_is_left)
{
    struct cli_args args;
    struct vp_error err = { 0 };
    char *const *words_1 =
        WORDS(W("--address=https://a:1"), W("one"), W("--namespace"), W("team"), W("two"), W("--quiet"));
    EXPECT_OK(parse(words_1, CLI_ARGS_SERVER, false, &args, &err), &err);
    EXPECT_TEXT("https://a:1", args.address);
    EXPECT_TEXT("team", args.name_space);
    EXPECT(args.quiet);
    EXPECT_INT(2, args.n_rest);
    EXPECT_TEXT("one", args.rest[0]);
    EXPECT_TEXT("two", args.rest[1]);
}

TEST(the_options_of_the_command_that_is_run_are_its_own)
{
    struct cli_args args;
    struct vp_error err = { 0 };
    char *const *words_2 = WORDS(W("--supervise"), W("job"), W("--quiet"), W("--nonsense"));
    EXPECT_OK(parse(words_2, CLI_ARGS_EXEC, true, &args, &err), &err);
    EXPECT(args.supervise && !args.quiet);
    EXPECT_INT(3, args.n_rest);
    char *const *words_3 = WORDS(W("--"), W("--supervise"));
    EXPECT_OK(parse(words_3, CLI_ARGS_EXEC, true, &args, &err), &err);
    EXPECT(!args.supervise);
    EXPECT_TEXT("--supervise", args.rest[0]);
}

TEST(secrets_keep_the_order_of_the_command_line)
{
    struct cli_args args;
    struct vp_error err = { 0 };
    char *const *words_4 = WORDS(W("--file=a=x"), W("--env=B=y"), W("--template=c=z"), W("--env"), W("D=w"));
    EXPECT_OK(parse(words_4, CLI_ARGS_EXEC, true, &args, &err), &err);
    static const enum cli_args_kind KINDS[] = { CLI_ARGS_ITEM_FILE, CLI_ARGS_ITEM_ENV, CLI_ARGS_ITEM_TEMPLATE,
                                                CLI_ARGS_ITEM_ENV };
    static const char *const TEXTS[] = { "a=x", "B=y", "c=z", "D=w" };
    EXPECT_INT(4, args.n_items);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_INT(KINDS[i], args.items[i].kind);
        EXPECT_TEXT(TEXTS[i], args.items[i].text);
    }
}

TEST(there_is_a_limit_to_secrets)
{
    char item[] = "--env=A=x";
    char *words[WORDS_MAX] = { NULL };
    struct cli_args args;
    struct vp_error err = { 0 };
    for (size_t i = 0; i < CLI_ARGS_ITEMS_MAX; i++)
        words[i] = item;
    EXPECT_OK(parse(words, CLI_ARGS_EXEC, true, &args, &err), &err);
    words[CLI_ARGS_ITEMS_MAX] = item;
    EXPECT_FAIL(VP_REASON_USAGE, parse(words, CLI_ARGS_EXEC, true, &args, &err), &err);
}

TEST(what_a_command_does_not_take_is_refused)
{
    static struct {
        char word[24];
        unsigned groups;
    } ROWS[] = {
        { "--supervise", CLI_ARGS_SERVER }, { "--nonsense", ~0U },  { "-x", ~0U },
        { "--addr=https://a:1", ~0U }, /* the beginning of a name is no name */
        { "--address", CLI_ARGS_SERVER },   { "--quiet=yes", ~0U },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct cli_args args;
        struct vp_error err = { 0 };
        EXPECT_FAIL(VP_REASON_USAGE, parse(WORDS(ROWS[i].word), ROWS[i].groups, false, &args, &err), &err);
    }
}

TEST(secrets_are_no_arguments_and_are_not_quoted)
{
    static char BAD[][24] = { "--token=geheim", "--password=geheim", "--nonsense=geheim" };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct cli_args args;
        struct vp_error err = { 0 };
        EXPECT_FAIL(VP_REASON_USAGE, parse(WORDS(BAD[i]), ~0U, false, &args, &err), &err);
        EXPECT_LACKS("geheim", err.message);
        EXPECT_LACKS("geheim", err.detail);
    }
}

TEST(an_empty_setting_counts_as_not_given)
{
    struct cli_args args;
    struct vp_error err = { 0 };
    char *const *words_5 = WORDS(W("--namespace="), W("--role="), W("--kind="));
    EXPECT_OK(parse(words_5, ~0U, false, &args, &err), &err);
    EXPECT_NULL(args.name_space);
    EXPECT_NULL(args.role);
    EXPECT_TEXT("", args.kind); /* no setting */
}

TEST(store_may_stand_alone)
{
    struct cli_args args;
    struct vp_error err = { 0 };
    char *const *words_6 = WORDS(W("--store"), W("file"));
    EXPECT_OK(parse(words_6, CLI_ARGS_STORE, false, &args, &err), &err);
    EXPECT(args.has_store);
    EXPECT_NULL(args.store);
    EXPECT_INT(1, args.n_rest);
    char *const *words_7 = WORDS(W("--store=file"));
    EXPECT_OK(parse(words_7, CLI_ARGS_STORE, false, &args, &err), &err);
    EXPECT_TEXT("file", args.store);
}

TEST(a_line_that_was_parsed_leaves_nothing_to_the_next)
{
    struct cli_args args;
    struct vp_error err = { 0 };
    char *const *words_8 = WORDS(W("a"), W("--quiet"), W("b"));
    EXPECT_OK(parse(words_8, ~0U, false, &args, &err), &err);
    char *const *words_9 = WORDS(W("c"));
    EXPECT_OK(parse(words_9, ~0U, false, &args, &err), &err);
    EXPECT(!args.quiet);
    EXPECT_INT(1, args.n_rest);
    EXPECT_TEXT("c", args.rest[0]);
}

static void count(void *context, const char *name, const char *value, const char *help)
{
    (void)value;
    EXPECT(name != NULL && help != NULL);
    ++*(size_t *)context;
}

TEST(help_shows_the_options_of_its_groups_only)
{
    size_t all = 0, some = 0;
    cli_args_each(~0U, count, &all);
    cli_args_each(CLI_ARGS_STORE, count, &some);
    EXPECT_INT(3, some); /* --store, --quiet, --help */
    EXPECT(all > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(options_take_their_value_in_both_forms_and_the_rest_is_left),
        CASE(the_options_of_the_command_that_is_run_are_its_own),
        CASE(secrets_keep_the_order_of_the_command_line),
        CASE(there_is_a_limit_to_secrets),
        CASE(what_a_command_does_not_take_is_refused),
        CASE(secrets_are_no_arguments_and_are_not_quoted),
        CASE(an_empty_setting_counts_as_not_given),
        CASE(store_may_stand_alone),
        CASE(a_line_that_was_parsed_leaves_nothing_to_the_next),
        CASE(help_shows_the_options_of_its_groups_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
