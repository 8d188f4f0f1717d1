/* Which path finds which route, against a plain re-statement; and what a handler is told of it. */
#include <stdlib.h>

#include "check.h"
#include "help.h"

static struct logical_call seen;
static unsigned n_handled;

static enum vp_code remember(const struct logical_call *call, struct vp_error *err)
{
    (void)err;
    seen = *call;
    n_handled++;
    return VP_OK;
}

static enum vp_code refuse(const struct logical_call *call, struct vp_error *err)
{
    (void)call;
    return vp_fail(err, VP_REASON_HOST, "cannot write to readonly storage");
}

static enum vp_code exists_fails(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    (void)ret_exists;
    return refuse(call, err);
}

static const struct logical_route ROUTES[] = {
    { .path = "a",
      .summary = "",
      .help = "",
      .unauthenticated = true,
      .on = { [LOGICAL_UPDATE] = remember, [LOGICAL_LIST] = remember } },
    { .path = "a/b", .summary = "", .help = "", .on = { [LOGICAL_UPDATE] = remember } },
    { .path = "a/+",
      .parameter = "name",
      .summary = "",
      .help = "",
      .on = { [LOGICAL_UPDATE] = remember, [LOGICAL_LIST] = remember } },
    { .path = "b",
      .summary = "",
      .help = "",
      .exists = exists_fails,
      .on = { [LOGICAL_UPDATE] = refuse, [LOGICAL_READ] = remember } },
    { 0 },
};

static const struct logical_backend BACKEND = {
    .name = "toy", .version = "v1.2.3", .help = "", .routes = ROUTES, .renew = refuse
};

/* "a" and "b" for themselves, "a/b" before "a/<anything without a slash>", nothing else. */
static const char *plain_route(const char *path)
{
    if (strcmp(path, "a") == 0 || strcmp(path, "b") == 0 || strcmp(path, "a/b") == 0)
        return path;
    if (strncmp(path, "a/", 2) == 0 && path[2] != '\0' && strchr(path + 2, '/') == NULL)
        return "a/+";
    return NULL;
}

TEST(all_short_paths_of_a_few_characters_find_the_route_of_the_plain_rules)
{
    static const char CHARACTERS[] = "ab/+.%";
    enum { N = sizeof CHARACTERS - 1, LENGTH_MAX = 5 };
    unsigned n_found = 0;
    for (int len = 0; len <= LENGTH_MAX; len++) {
        unsigned n = 1;
        for (int i = 0; i < len; i++)
            n *= N;
        for (unsigned number = 0; number < n; number++) {
            char path[LENGTH_MAX + 1] = { 0 };
            const char *name = NULL;
            unsigned rest = number;
            for (int i = 0; i < len; i++, rest /= N)
                path[i] = CHARACTERS[rest % N];
            const char *wanted = plain_route(path);
            const struct logical_route *route = logical_find_route(&BACKEND, path, &name);
            if ((route == NULL) != (wanted == NULL))
                fail_msg("\"%s\"", path);
            if (route == NULL)
                continue;
            n_found++;
            EXPECT_TEXT(wanted, route->path);
            if (strcmp(wanted, "a/+") == 0)
                EXPECT_TEXT(path + 2, name);
            else
                EXPECT_NULL(name);
        }
    }
    EXPECT(n_found > 100);
}

static enum vp_code dispatch(enum logical_operation operation, const char *path, struct vp_error *err)
{
    struct logical_call call = { .operation = operation, .path = path, .request_id = "" };
    const struct logical_match match = logical_find(&BACKEND, operation, path);
    seen = (struct logical_call){ 0 };
    n_handled = 0;
    return logical_dispatch(&BACKEND, &match, &call, err);
}

TEST(a_handler_is_told_the_route_and_the_name_that_stood_in_the_path)
{
    struct vp_error err = { 0 };
    EXPECT_OK(dispatch(LOGICAL_UPDATE, "a/v2 x", &err), &err);
    EXPECT_TEXT("a/+", seen.route);
    EXPECT_TEXT("v2 x", seen.name);
    EXPECT_OK(dispatch(LOGICAL_UPDATE, "a/b", &err), &err);
    EXPECT_TEXT("a/b", seen.route);
    EXPECT_NULL(seen.name);
}

TEST(a_failure_of_a_handler_passes_unchanged)
{
    struct vp_error err = { 0 };
    bool there = false;
    struct logical_call call = { .operation = LOGICAL_UPDATE, .path = "b" };
    const struct logical_match match = logical_find(&BACKEND, LOGICAL_UPDATE, "b");
    EXPECT_FAIL(VP_REASON_HOST, dispatch(LOGICAL_UPDATE, "b", &err), &err);
    EXPECT_TEXT("cannot write to readonly storage", err.message);
    EXPECT_FAIL(VP_REASON_HOST, dispatch(LOGICAL_RENEW, "", &err), &err);
    EXPECT_FAIL(VP_REASON_HOST, logical_exists(&match, &call, &there, &err), &err);
}

TEST(a_path_that_no_route_has_leaves_no_trace_in_the_call)
{
    struct vp_error err = { 0 };
    struct logical_call call = { .operation = LOGICAL_UPDATE, .path = "v2/secret" };
    const struct logical_match match = logical_find(&BACKEND, call.operation, call.path);
    EXPECT_FAIL(VP_REASON_NOT_FOUND, logical_dispatch(&BACKEND, &match, &call, &err), &err);
    EXPECT_NULL(call.route);
    EXPECT_NULL(call.name);
    EXPECT_LACKS("secret", err.message);
}

TEST(an_operation_that_a_route_lacks_is_refused_with_the_route_never_the_path)
{
    struct vp_error err = { 0 };
    EXPECT_FAIL(VP_REASON_UNSUPPORTED_OPERATION, dispatch(LOGICAL_DELETE, "a/secret", &err), &err);
    EXPECT_CONTAINS("\"a/+\"", err.message);
    EXPECT_CONTAINS("delete", err.message);
    EXPECT_LACKS("secret", err.message);
    EXPECT_INT(0, n_handled);
}

TEST(only_a_list_may_end_in_a_slash_and_only_in_one)
{
    static const struct {
        enum logical_operation operation;
        const char *path;
        bool found;
    } ROWS[] = {
        { LOGICAL_LIST, "a", true },   { LOGICAL_LIST, "a/", true },    { LOGICAL_LIST, "a//", false },
        { LOGICAL_LIST, "/", false },  { LOGICAL_LIST, "", false },     { LOGICAL_LIST, "/a/", false },
        { LOGICAL_UPDATE, "a", true }, { LOGICAL_UPDATE, "a/", false }, { LOGICAL_UPDATE, "a/x/", false },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        print_message("row %zu\n", i);
        if (ROWS[i].found)
            EXPECT_OK(dispatch(ROWS[i].operation, ROWS[i].path, &err), &err);
        else
            EXPECT_FAIL(VP_REASON_NOT_FOUND, dispatch(ROWS[i].operation, ROWS[i].path, &err), &err);
        EXPECT_INT(ROWS[i].found, n_handled);
    }
}

TEST(long_paths_are_looked_up_or_not_found_never_cut)
{
    for (size_t len = 505; len < 520; len++) {
        struct vp_error err = { 0 };
        char *path = calloc(1, len + 1);
        memset(path, 'x', len);
        memcpy(path, "a/", 2);
        EXPECT_OK(dispatch(LOGICAL_UPDATE, path, &err), &err);
        EXPECT_INT(len - 2, strlen(seen.name));
        EXPECT_OK(dispatch(LOGICAL_LIST, path, &err), &err);
        path[0] = 'x';
        path[len - 1] = '/';
        EXPECT_FAIL(VP_REASON_NOT_FOUND, dispatch(LOGICAL_LIST, path, &err), &err);
        free(path);
    }
}

TEST(what_can_not_block_is_answered_at_once_by_type_and_by_table)
{
    static const struct {
        enum logical_operation operation;
        const char *path;
        bool quick, login;
    } ROWS[] = {
        { LOGICAL_UNKNOWN, "a", true, false },      { LOGICAL_HELP, "b", true, false },
        { LOGICAL_RESOLVE_ROLE, "b", true, false }, { LOGICAL_RENEW, "", false, true },
        { LOGICAL_LIST, "nothing", true, false },   { LOGICAL_CREATE, "b", true, false },
        { LOGICAL_READ, "b", false, false },        { LOGICAL_UPDATE, "b", false, false },
        { LOGICAL_DELETE, "b", true, false },       { LOGICAL_UPDATE, "a", false, true },
        { LOGICAL_UPDATE, "x", true, false },       { LOGICAL_UPDATE, "a/b", false, false },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        print_message("row %zu\n", i);
        const struct logical_match match = logical_find(&BACKEND, ROWS[i].operation, ROWS[i].path);
        EXPECT_INT(ROWS[i].quick, match.quick);
        EXPECT_INT(ROWS[i].login, match.login);
    }
    EXPECT(!logical_find(&BACKEND, LOGICAL_UPDATE, "nothing").has_exists);
    EXPECT(!logical_find(&BACKEND, LOGICAL_UPDATE, "a").has_exists);
    EXPECT(logical_find(&BACKEND, LOGICAL_UPDATE, "b").has_exists);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(all_short_paths_of_a_few_characters_find_the_route_of_the_plain_rules),
        CASE(a_handler_is_told_the_route_and_the_name_that_stood_in_the_path),
        CASE(a_failure_of_a_handler_passes_unchanged),
        CASE(a_path_that_no_route_has_leaves_no_trace_in_the_call),
        CASE(an_operation_that_a_route_lacks_is_refused_with_the_route_never_the_path),
        CASE(only_a_list_may_end_in_a_slash_and_only_in_one),
        CASE(long_paths_are_looked_up_or_not_found_never_cut),
        CASE(what_can_not_block_is_answered_at_once_by_type_and_by_table),
    };
    return cmocka_run_group_tests_name("logical_paths", cases, NULL, NULL);
}
