/* The main thread waits for signals and for the end of the child; the keeper's thread talks to the server, so that no signal
 * ever waits for it. */
#include "supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vp/clock.h"

#include "become.h"
#include "exit.h"
#include "keeper.h"
#include "pump.h"
#include "signals.h"

enum {
    SIGNALLED = 128, /* as shells report it */
    N_STREAMS = 2,
    STOP_MS = 10 * 1000, /* for a command that is to be started again, before it is killed */
};

struct start {
    pid_t parent; /* 0: nothing was started yet */
    struct sigaction child_ended; /* what SIGCHLD did before us */
    sigset_t mask;                /* before we waited for more signals */
    struct cli_pump *pumps[N_STREAMS];
};

/* What is sent to our process group would reach the child twice, from its sender and from us. So it has a group of its own,
 * unless there is a terminal: that one's foreground group is the job. */
static void leave_group(void)
{
    int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0)
        (void)setpgid(0, 0);
    else
        (void)close(terminal);
}

static void begin_child(const struct cli_supervise_command *command, const struct start *start)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* without us nothing would be renewed, nor cleaned up */
    if (getppid() != start->parent)
        _exit(CLI_EXIT_INTERNAL); /* it went before it could be noticed */
    leave_group();
    (void)sigaction(SIGCHLD, &start->child_ended, NULL);
    (void)sigprocmask(SIG_SETMASK, &start->mask, NULL);
    for (size_t i = 0; i < N_STREAMS; i++)
        if (start->pumps[i] != NULL)
            cli_pump_enter(start->pumps[i]);
    _exit(cli_become_command(command->shown, command->argv, command->environment));
}

/* A process that ignores SIGCHLD can't wait for its children. */
static pid_t start_child(const struct cli_supervise_command *command, struct start *start)
{
    static const struct sigaction DEFAULT = { .sa_handler = SIG_DFL };
    if (start->parent == 0)
        (void)sigaction(SIGCHLD, &DEFAULT, &start->child_ended);
    start->parent = getpid();
    pid_t child = fork();
    if (child == 0)
        begin_child(command, start);
    return child;
}

/* As process 1 of a container one inherits children that nobody else waits for. */
static bool has_ended(pid_t child, int *ret_status)
{
    int status;
    pid_t pid;
    bool ended = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != child)
            continue;
        *ret_status = WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
        ended = true;
    }
    if (pid == 0 || ended)
        return ended;
    *ret_status = CLI_EXIT_INTERNAL; /* there is no child any more, and nobody said how it ended */
    return true;
}

/* A command that runs, and is started again when what it was given has changed. */
struct job {
    const struct cli_supervise_command *command;
    struct start *start;
    const sigset_t *signals;
    struct cli_keeper *keeper; /* NULL: none */
    pid_t child;
    bool restarts; /* it was asked to end for that */
    int64_t kill_ms;
    struct cli_deliver_image image; /* to start it with */
};

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

static void act_on_change(struct job *job)
{
    struct cli_deliver_image image = { 0 };
    if (job->keeper == NULL || !cli_keeper_take_change(job->keeper, &image))
        return;
    if (job->command->keeper.on_change == CLI_ON_CHANGE_HUP) {
        (void)kill(job->child, SIGHUP);
        return;
    }
    cli_deliver_image_clear(&job->image);
    job->image = image;
    if (!job->restarts)
        (void)kill(job->child, SIGTERM);
    job->restarts = true;
    job->kill_ms = now_ms() + STOP_MS;
}

static bool start_again(struct job *job)
{
    const struct cli_supervise_command command = { .shown = job->command->shown,
                                                   .argv = job->image.arguments,
                                                   .environment = job->image.environment };
    job->restarts = false;
    job->child = start_child(&command, job->start);
    cli_deliver_image_clear(&job->image);
    if (job->child < 0)
        return false;
    cli_keeper_note_restart(job->keeper);
    return true;
}

/* -1: time to kill a command that does not end. */
static int wait_for_signal(struct job *job, siginfo_t *info)
{
    if (!job->restarts)
        return sigwaitinfo(job->signals, info);
    int64_t left_ms = job->kill_ms - now_ms();
    if (left_ms < 0)
        left_ms = 0;
    const struct timespec limit = { .tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000 };
    return sigtimedwait(job->signals, info, &limit);
}

/* What the kernel sends goes to a terminal's whole foreground, the child included, or is about us alone. A signal from outside
 * is meant for the command, and whatever it makes of it, that is not started again. */
static int wait_for(struct job *job)
{
    int status = 0;
    for (;;) {
        siginfo_t info = { 0 };
        if (has_ended(job->child, &status)) {
            if (!job->restarts)
                return status;
            if (!start_again(job))
                return CLI_EXIT_INTERNAL;
        }
        act_on_change(job);
        int number = wait_for_signal(job, &info);
        if (number < 0 && job->restarts && now_ms() >= job->kill_ms)
            (void)kill(job->child, SIGKILL);
        if (number <= 0 || number == SIGCHLD || info.si_code == SI_KERNEL)
            continue;
        if (number != SIGWINCH && number != SIGCONT)
            job->restarts = false;
        (void)kill(job->child, number);
    }
}

static sigset_t handled_signals(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    cli_signals_add_ending(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigaddset(&signals, SIGWINCH);
    (void)sigaddset(&signals, SIGCONT);
    return signals;
}

static enum vp_code make_pumps(struct cli_mask *mask, struct start *start, struct vp_error *err)
{
    static const int STREAMS[N_STREAMS] = { STDOUT_FILENO, STDERR_FILENO };
    for (size_t i = 0; mask != NULL && i < N_STREAMS; i++)
        VP_TRY(cli_pump_new(mask, STREAMS[i], &start->pumps[i], err));
    return VP_OK;
}

/* Without its output, or with output that is not masked, it must not go on. */
static enum vp_code start_pumps(struct start *start, pid_t child, bool again, struct vp_error *err)
{
    enum vp_code code = VP_OK;
    for (size_t i = 0; code == VP_OK && i < N_STREAMS; i++)
        if (start->pumps[i] != NULL)
            code = cli_pump_start(start->pumps[i], again, err);
    if (code != VP_OK)
        (void)kill(child, SIGKILL);
    return code;
}

static enum vp_code run(struct cli_session *session, struct cli_plan *plan, struct cli_fetch_reads *leased,
                        const struct cli_supervise_command *command, const sigset_t *signals, struct start *start,
                        int *ret_status, struct vp_error *err)
{
    struct cli_keeper *keeper = NULL;
    struct vp_error unkept = { 0 };
    VP_TRY(make_pumps(command->mask, start, err));
    pid_t child = start_child(command, start);
    if (child < 0)
        return vp_fail(err, VP_REASON_INTERNAL, "the command can't be started: no process");
    bool again = command->keeper.on_change == CLI_ON_CHANGE_RESTART;
    enum vp_code code = start_pumps(start, child, again, err);
    if (code == VP_OK && command->keeps &&
        cli_keeper_start(session, plan, leased, &command->keeper, &keeper, &unkept) != VP_OK)
        cli_exit_warn(false, "%s: it expires in %lld s", unkept.message, (long long)session->login.ttl_s);
    struct job job = { .command = command, .start = start, .signals = signals, .keeper = keeper, .child = child };
    *ret_status = wait_for(&job);
    cli_deliver_image_clear(&job.image);
    cli_signals_forget(signals);
    if (keeper != NULL)
        cli_keeper_stop(keeper);
    return code;
}

enum vp_code cli_supervise_run(struct cli_session *session, struct cli_plan *plan, struct cli_fetch_reads *leased,
                               const struct cli_supervise_command *command, int *ret_status, struct vp_error *err)
{
    sigset_t signals = handled_signals();
    struct start start = { 0 };
    (void)pthread_sigmask(SIG_BLOCK, &signals, &start.mask);
    enum vp_code code = run(session, plan, leased, command, &signals, &start, ret_status, err);
    for (size_t i = 0; i < N_STREAMS; i++)
        cli_pump_free(start.pumps[i]);
    (void)pthread_sigmask(SIG_SETMASK, &start.mask, NULL);
    return code;
}
