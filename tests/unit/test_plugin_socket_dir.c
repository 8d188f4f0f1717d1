#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "socket_dir.h"

static char parent[] = "/tmp/test-socket-dir-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(parent) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(parent);
}

static int count_entries(void)
{
    DIR *dir = opendir(parent);
    int n = 0;

    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* A process that leaves its directory behind, with a socket file in it. */
static void leave_litter(void)
{
    pid_t child = fork();

    if (child == 0) {
        struct plugin_socket_dir dir = { 0 };
        struct vp_error err = { 0 };
        if (plugin_socket_dir_make(parent, &dir, &err) != VP_OK || creat(dir.socket, 0600) < 0)
            _exit(1);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_INT(0, status);
}

TEST(a_directory_is_private_and_goes_away)
{
    struct plugin_socket_dir dir = { 0 };
    struct vp_error err = { 0 };
    struct stat status;

    EXPECT_OK(plugin_socket_dir_make(parent, &dir, &err), &err);

    EXPECT_INT(0, stat(dir.path, &status));
    EXPECT_INT(0700, status.st_mode & 0777);
    EXPECT(strncmp(dir.socket, dir.path, strlen(dir.path)) == 0);
    plugin_socket_dir_clear(&dir);
    EXPECT_INT(0, count_entries());
}

TEST(litter_of_the_dead_is_removed)
{
    struct plugin_socket_dir dir = { 0 };
    struct vp_error err = { 0 };
    leave_litter();
    EXPECT_INT(1, count_entries());
    leave_litter(); /* sweeps the first */
    EXPECT_INT(1, count_entries());

    EXPECT_OK(plugin_socket_dir_make(parent, &dir, &err), &err);

    EXPECT_INT(1, count_entries());
    plugin_socket_dir_clear(&dir);
    EXPECT_INT(0, count_entries());
}

TEST(what_the_living_and_others_own_stays)
{
    static const char *const NAMES[] = { "vpa-1-1-1-abcdef", "vpa-x", "vpa-1-2-3-", "vpa-1-2-3-abcdefg", "other" };
    struct plugin_socket_dir first = { 0 }, second = { 0 };
    struct vp_error err = { 0 };
    char path[200];
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", parent, NAMES[i]);
        EXPECT_INT(0, mkdir(path, 0700));
    }
    EXPECT_OK(plugin_socket_dir_make(parent, &first, &err), &err);

    EXPECT_OK(plugin_socket_dir_make(parent, &second, &err), &err);

    EXPECT_INT(7, count_entries());
    plugin_socket_dir_clear(&first);
    plugin_socket_dir_clear(&second);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", parent, NAMES[i]);
        EXPECT_INT(0, rmdir(path));
    }
}

TEST(a_directory_of_the_dead_with_more_in_it_stays)
{
    struct plugin_socket_dir dir = { 0 };
    struct vp_error err = { 0 };
    char command[300];
    leave_litter();
    snprintf(command, sizeof command, "for d in %s/vpa-*; do touch $d/precious; done", parent);
    EXPECT_INT(0, system(command));

    EXPECT_OK(plugin_socket_dir_make(parent, &dir, &err), &err);

    EXPECT_INT(2, count_entries());
    plugin_socket_dir_clear(&dir);
    snprintf(command, sizeof command, "rm -r %s/vpa-*", parent);
    EXPECT_INT(0, system(command));
}

TEST(a_place_that_cannot_work_is_named)
{
    struct plugin_socket_dir dir = { 0 };
    struct vp_error err = { 0 };

    EXPECT_FAIL(VP_REASON_INTERNAL, plugin_socket_dir_make("/nonexistent", &dir, &err), &err);

    EXPECT_CONTAINS("/nonexistent (PLUGIN_UNIX_SOCKET_DIR)", err.message);
    plugin_socket_dir_clear(&dir);
}

/* The words tell the longest path that would do. It depends on the pid: one of that length works, one more byte does not. */
TEST(a_path_that_is_too_long_is_told_with_what_would_do)
{
    static const char *const VARIABLES[] = { "PLUGIN_UNIX_SOCKET_DIR", "TMPDIR" };
    char path[400];
    struct plugin_socket_dir dir = { 0 };
    struct vp_error err = { 0 };
    memset(path, '/', sizeof path);
    memcpy(path, parent, strlen(parent));
    path[sizeof path - 1] = '\0';
    EXPECT_INT(0, setenv("TMPDIR", path, 1));

    for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0]; i++) {
        const char *from_host = i == 0 ? path : NULL;
        char words[80];
        EXPECT_FAIL(VP_REASON_INTERNAL, plugin_socket_dir_make(from_host, &dir, &err), &err);
        EXPECT_CONTAINS("is too long a path for a unix socket: it has 399 bytes", err.message);
        snprintf(words, sizeof words, "Set %s in the server's environment to a directory of at most ", VARIABLES[i]);
        EXPECT_CONTAINS(words, err.message);
    }
    size_t limit = strtoul(strstr(err.message, "at most ") + strlen("at most "), NULL, 10);
    path[limit + 1] = '\0';
    EXPECT_FAIL(VP_REASON_INTERNAL, plugin_socket_dir_make(path, &dir, &err), &err);
    path[limit] = '\0';
    EXPECT_OK(plugin_socket_dir_make(path, &dir, &err), &err);
    EXPECT_INT(107, strlen(dir.socket));
    plugin_socket_dir_clear(&dir);
    EXPECT_INT(0, unsetenv("TMPDIR"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_directory_is_private_and_goes_away), CASE(litter_of_the_dead_is_removed),
        CASE(what_the_living_and_others_own_stays), CASE(a_directory_of_the_dead_with_more_in_it_stays),
        CASE(a_place_that_cannot_work_is_named),    CASE(a_path_that_is_too_long_is_told_with_what_would_do),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
