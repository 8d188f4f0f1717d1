#include "process.h"

#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vp/secret.h"

/* The leak checker of the sanitizers attaches with ptrace at exit, which a process that can't be dumped refuses. So
 * builds with a sanitizer, which are never installed, stay traceable. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TRACEABLE = 1, THREAD_STACK_BYTES = 8 * 1024 * 1024 };
#else
enum { TRACEABLE = 0, THREAD_STACK_BYTES = 1024 * 1024 };
#endif

enum { HEAPS_MAX = 2 };

static void raise_limit(int resource)
{
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit((__rlimit_resource_t)resource, &limit);
}

/* The host shares its process group: Ctrl-C reaches us too, but the host stops its plugins in order; hosts reload on
 * SIGHUP. SIGTERM is for us. */
static void set_signals(void)
{
    static const int IGNORED[] = { SIGINT, SIGHUP, SIGPIPE };
    sigset_t stop;

    for (size_t i = 0; i < sizeof IGNORED / sizeof IGNORED[0]; i++)
        sigaction(IGNORED[i], &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_SETMASK, &stop, NULL);
}

/* gRPC's threads take the default stack size; a locked process is charged for all of it. */
static void set_thread_stacks(void)
{
    pthread_attr_t attributes;

    if (pthread_attr_init(&attributes) != 0)
        return;
    if (pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES) == 0)
        pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}

/* By default glibc gives nearly each of our threads a heap of its own, and what a storm of logins leaves in them stays. */
static void limit_heaps(void)
{
    mallopt(M_ARENA_MAX, HEAPS_MAX);
}

void plugin_process_restrict(void)
{
    umask(077);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    if (!TRACEABLE)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    raise_limit(RLIMIT_NOFILE);
    set_signals();
    set_thread_stacks();
    limit_heaps();
}

static bool is_kept(const char *variable)
{
    static const char *const KEPT[] = { "PATH=", "TZ=", "LANG=", "LC_ALL=", "TMPDIR=" };

    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++)
        if (strncmp(variable, KEPT[i], strlen(KEPT[i])) == 0)
            return true;
    return false;
}

void plugin_process_purge_environment(void)
{
    size_t n_kept = 0;

    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (is_kept(*at))
            environ[n_kept++] = *at;
        else
            vp_wipe(*at, strlen(*at));
    }
    if (environ != NULL)
        environ[n_kept] = NULL;
}

static bool has_capability(unsigned capability)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

    if (syscall(SYS_capget, &header, data) != 0)
        return false;
    return (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

/* With a limit in force and future memory locked, no thread could be created any more and larger allocations fail. */
bool plugin_process_lock_memory(const char **ret_reason)
{
    struct rlimit limit = { 0 };

    raise_limit(RLIMIT_MEMLOCK);
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && !has_capability(CAP_IPC_LOCK)) {
        *ret_reason = "needs an unlimited RLIMIT_MEMLOCK (LimitMEMLOCK=infinity) or CAP_IPC_LOCK";
        return false;
    }
    /* Only pages that are used: locking whole thread stacks costs 100 MB and gains nothing. */
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        *ret_reason = "the system refused";
        return false;
    }
    return true;
}
