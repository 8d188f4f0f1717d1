#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "process.h"

TEST(the_environment_keeps_what_is_harmless_and_wipes_the_rest)
{
    static char token[] = "VAULT_TOKEN=s.secret", path[] = "PATH=/bin", zone[] = "TZ=UTC", proxy[] = "https_proxy=x",
                near[] = "PATHS=1", all[] = "LC_ALL=C", tmp[] = "TMPDIR=/t", lang[] = "LANG=C",
                preload[] = "LD_PRELOAD=x";
    char *variables[] = { token, path, zone, proxy, near, all, tmp, lang, preload, NULL };
    char **saved = environ;

    environ = variables;
    plugin_process_purge_environment();
    char **left = environ;
    environ = saved;

    EXPECT_TEXT("PATH=/bin", left[0]);
    EXPECT_TEXT("TZ=UTC", left[1]);
    EXPECT_TEXT("LC_ALL=C", left[2]);
    EXPECT_TEXT("TMPDIR=/t", left[3]);
    EXPECT_TEXT("LANG=C", left[4]);
    EXPECT_NULL(left[5]);
    EXPECT_INT(0, token[0]);
    EXPECT_INT(0, token[sizeof token - 2]);
    EXPECT_INT(0, preload[0]);
}

TEST(no_environment_at_all_is_fine)
{
    char **saved = environ;

    environ = NULL;
    plugin_process_purge_environment();
    EXPECT_NULL(environ);
    environ = saved;
}

/* Runs in a child, whose status counts the faults. */
static int count_faults(void)
{
    struct rlimit limit;
    struct sigaction action;
    sigset_t blocked;
    int faults = 0, fd = open("/dev/null", O_RDONLY);

    plugin_process_restrict();
    faults += fcntl(fd, F_GETFD) != -1; /* closed */
    faults += umask(0) != 077;
    faults += getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0;
    faults += getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != limit.rlim_max;
    for (const int *number = (const int[]){ SIGINT, SIGHUP, SIGPIPE, 0 }; *number != 0; number++)
        faults += sigaction(*number, NULL, &action) != 0 || action.sa_handler != SIG_IGN;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    faults += sigismember(&blocked, SIGTERM) != 1 || sigismember(&blocked, SIGALRM) != 0;
    return faults;
}

TEST(the_process_is_restricted)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(count_faults());

    EXPECT_INT(child, waitpid(child, &status, 0));

    EXPECT(WIFEXITED(status));
    EXPECT_INT(0, WEXITSTATUS(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_environment_keeps_what_is_harmless_and_wipes_the_rest),
        CASE(no_environment_at_all_is_fine),
        CASE(the_process_is_restricted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
