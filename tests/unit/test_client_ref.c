/* What a secret is called on the command line, in specs and in templates. */
#include "check.h"
#include "ref.h"

TEST(path_field_and_question_mark_are_told_apart)
{
    static const struct {
        const char *text, *path, *field;
        bool optional;
    } ROWS[] = {
        { "secret/db", "secret/db", NULL, false },
        { "secret/db#password", "secret/db", "password", false },
        { "?secret/db#password", "secret/db", "password", true },
        { "?secret/db", "secret/db", NULL, true },
        { "secret/a/b/c#x#y", "secret/a/b/c", "x#y", false },
        { "secret/db#two words", "secret/db", "two words", false },
        { "secret/d?b#?x", "secret/d?b", "?x", false },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct cli_ref ref;
        struct vp_error err = { 0 };
        EXPECT_OK(cli_ref_parse(ROWS[i].text, strlen(ROWS[i].text), &ref, &err), &err);
        EXPECT_TEXT(ROWS[i].path, ref.path);
        if (ROWS[i].field == NULL)
            EXPECT_NULL(ref.field);
        else
            EXPECT_TEXT(ROWS[i].field, ref.field);
        EXPECT_INT(ROWS[i].optional, ref.optional);
        cli_ref_clear(&ref);
        EXPECT_NULL(ref.path);
    }
}

TEST(only_so_many_bytes_are_read)
{
    struct cli_ref ref;
    struct vp_error err = { 0 };
    EXPECT_OK(cli_ref_parse("secret/db#pw}rest#x", strlen("secret/db#pw"), &ref, &err), &err);
    EXPECT_TEXT("pw", ref.field);
    cli_ref_clear(&ref);
}

TEST(slashes_around_a_path_and_blanks_in_it_are_taken_as_people_copy_them)
{
    struct cli_ref ref = { 0 };
    struct vp_error err = { 0 };
    const char *text = "/secret/my app/db/#password";
    EXPECT_OK(cli_ref_parse(text, strlen(text), &ref, &err), &err);
    EXPECT_TEXT("secret/my app/db", ref.path);
    EXPECT_TEXT("password", ref.field);
    cli_ref_clear(&ref);
}

TEST(invalid_references_are_refused)
{
    static const char *const BAD[] = { "",           "?",         "#x",         "/",      "secret//x",  "secret/../x",
                                       "secret/./x", "secret/x#", "?secret/x#", "x\ny/z", "??secret/x#" };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct cli_ref ref = { 0 };
        struct vp_error err = { 0 };
        EXPECT_FAIL(VP_REASON_USAGE, cli_ref_parse(BAD[i], strlen(BAD[i]), &ref, &err), &err);
        EXPECT_NULL(ref.path); /* nothing is given on failure */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(path_field_and_question_mark_are_told_apart),
        CASE(only_so_many_bytes_are_read),
        CASE(slashes_around_a_path_and_blanks_in_it_are_taken_as_people_copy_them),
        CASE(invalid_references_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
