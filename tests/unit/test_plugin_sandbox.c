/* A child enters the sandbox and tries what it may and what it may not. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sandbox.h"

static char dir[] = "/tmp/vpa-test-XXXXXX";
static char socket_path[sizeof dir + 2];

/* 0 for "refused with this error"; the line of the check that fails otherwise. */
#define REFUSED(error, call) (errno = 0, (call) == -1 && errno == (error) ? 0 : __LINE__)
#define ALLOWED(call) ((call) != -1 ? 0 : __LINE__)
#define TRY_EACH(checks)                                            \
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks)[0]; i++) \
        if ((checks)[i] != 0)                                       \
    return (checks)[i] & 0xff

static int open_and_close(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd;
}

static int try_files(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path, socket_path, sizeof socket_path);
    const int checks[] = {
        ALLOWED(open_and_close("/etc/hosts", O_RDONLY)),
        ALLOWED(open_and_close("/proc/self/status", O_RDONLY)),
        ALLOWED(open_and_close("/usr", O_RDONLY | O_DIRECTORY)),
        REFUSED(EACCES, open_and_close("/var", O_RDONLY | O_DIRECTORY)),
        REFUSED(EACCES, open_and_close("/etc/hosts", O_WRONLY)),
        REFUSED(EACCES, open_and_close("/proc/1/status", O_RDONLY)),
        REFUSED(EACCES, open_and_close("/root", O_RDONLY | O_DIRECTORY)),
        REFUSED(EACCES, open_and_close("/tmp", O_RDONLY | O_DIRECTORY)),
        REFUSED(EACCES, open_and_close("/tmp/vpa-test-file", O_WRONLY | O_CREAT)),
        REFUSED(EACCES, mkdir("/tmp/vpa-test-dir", 0700)),
        ALLOWED(bind(fd, (const struct sockaddr *)&address, sizeof address)),
        ALLOWED(unlink(socket_path)),
        ALLOWED(rmdir(dir)),
    };
    TRY_EACH(checks);
    return 0;
}

static void *do_nothing(void *context)
{
    return context;
}

static int run_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, do_nothing, NULL) != 0)
        return -1;
    return pthread_join(thread, NULL) == 0 ? 0 : -1;
}

static int try_calls(void)
{
    char *const arguments[] = { (char[]){ "true" }, NULL };
    const int checks[] = {
        REFUSED(EPERM, execve("/bin/true", arguments, NULL)),
        REFUSED(EPERM, (int)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)),
        REFUSED(EPERM, (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL)),
        REFUSED(EPERM, mount("none", "/tmp", "tmpfs", 0, NULL)),
        REFUSED(EPERM, (int)syscall(SYS_bpf, 0, NULL, 0)),
        REFUSED(EPERM, (int)syscall(SYS_keyctl, 0, 0, 0, 0, 0)),
        REFUSED(EPERM, (int)syscall(SYS_userfaultfd, 0)),
        REFUSED(EPERM, (int)syscall(SYS_io_uring_setup, 1, NULL)),
        REFUSED(ENOSYS, (int)syscall(SYS_clone3, NULL, 0)),
#ifdef __x86_64__
        REFUSED(EPERM, (int)syscall(SYS_getpid | 0x40000000)), /* the x32 way around the list */
#endif
        ALLOWED(run_thread()),
        ALLOWED((int)syscall(SYS_getpid)),
    };
    TRY_EACH(checks);
    return 0;
}

static struct plugin_sandbox entered;

static int in_the_sandbox(int (*what)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        plugin_sandbox_enter(dir, &entered);
        _exit(what());
    }
    EXPECT(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int tell_landlock(void)
{
    return entered.landlock;
}

static int tell_calls(void)
{
    return entered.calls;
}

/* A kernel without it is no fault of ours; then the test says so and is skipped. */
static void need(int (*what)(void))
{
    if (in_the_sandbox(what) == 0)
        skip();
}

TEST(files_of_others_are_out_of_reach_and_the_socket_is_not)
{
    need(tell_landlock);
    EXPECT_INT(0, in_the_sandbox(try_files));
    EXPECT_INT(-1, access(dir, F_OK)); /* removed from within */
}

TEST(no_other_program_process_or_kernel_interface)
{
    need(tell_calls);
    EXPECT_INT(0, in_the_sandbox(try_calls));
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(no_other_program_process_or_kernel_interface),
        CASE(files_of_others_are_out_of_reach_and_the_socket_is_not),
    };
    if (mkdtemp(dir) == NULL)
        return 1;
    memcpy(socket_path, dir, sizeof dir - 1);
    memcpy(socket_path + sizeof dir - 1, "/s", sizeof "/s");
    return cmocka_run_group_tests_name("plugin_sandbox", cases, NULL, NULL);
}
