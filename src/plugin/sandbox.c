#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- files: Landlock. Numbers of its own, since the headers of older systems lack the later ones ---- */

enum {
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_SOCK = 1 << 9,
    FS_ALL_OF_1 = (1 << 13) - 1,
    FS_REFER = 1 << 13,     /* since version 2 */
    FS_TRUNCATE = 1 << 14,  /* 3 */
    FS_IOCTL_DEV = 1 << 15, /* 5 */

    READ = FS_READ_FILE | FS_READ_DIR,

    RULESET_VERSION = 1, /* flag */
    RULE_PATH_BENEATH = 1,
};

struct ruleset_attr {
    uint64_t handled_access_fs;
};

struct path_beneath_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

/* What is read after the start, by us or by the libraries: trust, names, time zones, modules of the name service. Not here,
 * and so out of reach: the host's storage, home directories, other processes. All of /etc is, since a rule is bound to the very
 * file that it was made for, and tools replace resolv.conf and hosts by new files while we run. */
static const char *const READABLE[] = {
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/etc",
    "/var/lib/ca-certificates",
    "/var/lib/sss",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
    "/dev/urandom",
    "/dev/null",
    "/proc/self",
    "/sys/devices/system/cpu",
};

static uint64_t handled_by(int version)
{
    uint64_t handled = FS_ALL_OF_1;

    if (version >= 2)
        handled |= FS_REFER;
    if (version >= 3)
        handled |= FS_TRUNCATE;
    if (version >= 5)
        handled |= FS_IOCTL_DEV;
    return handled;
}

/* A path that does not exist here needs no rule. */
static void allow(int ruleset, const char *path, uint64_t access)
{
    struct path_beneath_attr rule = { .allowed_access = access, .parent_fd = open(path, O_PATH | O_CLOEXEC) };

    if (rule.parent_fd < 0)
        return;
    /* A file takes no rights of directories. */
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) != 0 && errno == EINVAL) {
        rule.allowed_access = access & FS_READ_FILE;
        (void)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
    }
    close(rule.parent_fd);
}

/* A socket is made and removed in the one, which is removed from the other. No regular file is ever made or written. */
static void allow_socket(int ruleset, const char *socket_dir)
{
    char parent[PATH_MAX];

    allow(ruleset, socket_dir, FS_MAKE_SOCK | FS_REMOVE_FILE);
    if (snprintf(parent, sizeof parent, "%s/..", socket_dir) < (int)sizeof parent)
        allow(ruleset, parent, FS_REMOVE_DIR);
}

static int restrict_files(const char *socket_dir)
{
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
    struct ruleset_attr attr = { handled_by(version) };
    int ruleset = version < 1 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);

    if (ruleset < 0)
        return 0;
    for (size_t i = 0; i < sizeof READABLE / sizeof READABLE[0]; i++)
        allow(ruleset, READABLE[i], READ);
    allow_socket(ruleset, socket_dir);
    bool done = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return done ? version : 0;
}

/* ---- calls: a list of what a plugin never needs and an intruder would. Refused with EPERM, so that a library that only
 * tries goes on ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000U
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define X32_BIT 0U
#else
#define ARCHITECTURE 0U
#define X32_BIT 0U
#endif

static const uint32_t REFUSED[] = {
    /* other programs */
    SYS_execve,
    SYS_execveat,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    /* other processes' memory, and handles of theirs */
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
    /* ways past the file system's rules, and out of its view */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_open_by_handle_at,
#ifdef SYS_open_tree
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fsconfig,
#endif
    /* kernel interfaces with a history */
    SYS_bpf,
    SYS_userfaultfd,
    SYS_perf_event_open,
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#endif
    SYS_personality,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    /* the machine */
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_acct,
};

enum { N_REFUSED = sizeof REFUSED / sizeof REFUSED[0], PROGRAM_MAX = 16 + 2 * N_REFUSED };

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short n;
};

static void add(struct program *program, struct sock_filter step)
{
    program->code[program->n++] = step;
}

#define LOAD(field) \
    (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define RETURN(value) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, value)
/* Skips the one step behind it unless the comparison holds. */
#define WHEN(comparison, value) (struct sock_filter) BPF_JUMP(BPF_JMP | (comparison) | BPF_K, value, 0, 1)
#define UNLESS(comparison, value) (struct sock_filter) BPF_JUMP(BPF_JMP | (comparison) | BPF_K, value, 1, 0)

enum { REFUSE = SECCOMP_RET_ERRNO | EPERM };

static void build(struct program *program)
{
    add(program, LOAD(arch));
    add(program, UNLESS(BPF_JEQ, ARCHITECTURE)); /* calls of the 32-bit interface have other numbers */
    add(program, RETURN(REFUSE));
    add(program, LOAD(nr));
    if (X32_BIT != 0) {
        add(program, WHEN(BPF_JGE, X32_BIT));
        add(program, RETURN(REFUSE));
    }
    for (size_t i = 0; i < N_REFUSED; i++) {
        add(program, WHEN(BPF_JEQ, REFUSED[i]));
        add(program, RETURN(REFUSE));
    }
    /* Threads yes, processes no. What clone3 is asked for lies in memory that a filter can't read; without it the C library
     * falls back to clone. */
    add(program, WHEN(BPF_JEQ, SYS_clone3));
    add(program, RETURN(SECCOMP_RET_ERRNO | ENOSYS));
    add(program, UNLESS(BPF_JEQ, SYS_clone));
    add(program, RETURN(SECCOMP_RET_ALLOW));
    add(program, LOAD(args[0]));
    add(program, UNLESS(BPF_JSET, CLONE_THREAD));
    add(program, RETURN(REFUSE));
    add(program, RETURN(SECCOMP_RET_ALLOW));
}

static bool restrict_calls(void)
{
    struct program program = { .n = 0 };

    if (ARCHITECTURE == 0)
        return false;
    build(&program);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ program.n, program.code }, 0, 0) == 0;
}

void plugin_sandbox_enter(const char *socket_dir, struct plugin_sandbox *ret_sandbox)
{
    *ret_sandbox = (struct plugin_sandbox){ .landlock = restrict_files(socket_dir), .calls = restrict_calls() };
}
