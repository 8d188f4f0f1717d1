#include "signals.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "vp/clock.h"

enum {
    SIGNALLED = 128,     /* as shells report it */
    POKE_MS = 100,       /* between two interruptions of a system call that blocks main */
    GOODBYE_MS = 3000,   /* docker stop kills after ten seconds */
    IMPATIENT_MS = 1000, /* a second signal that comes later than this wants the end now; a group's comes at once */
};

static const int ENDING[] = { SIGHUP,  SIGINT,    SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,  SIGALRM,
                              SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSTKFLT };

/* Signals are the process's, and so is this. */
static struct {
    sigset_t taken;  /* blocked by us */
    sigset_t before; /* the mask of our caller, and of the command */
    pthread_t main;
    pthread_t watcher;
    bool watched;
    int signals; /* descriptors */
    int stop;
    struct vp_cancel cancel;
    struct vp_cancel goodbye;
    pthread_mutex_t lock; /* guards all below */
    unsigned holds;
    int number;
    int64_t came_ms;
} state = { .cancel = VP_CANCEL_INIT, .goodbye = VP_CANCEL_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

void cli_signals_add_ending(sigset_t *signals)
{
    for (size_t i = 0; i < sizeof ENDING / sizeof ENDING[0]; i++)
        (void)sigaddset(signals, ENDING[i]);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        (void)sigaddset(signals, number);
}

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void interrupt(int number)
{
    (void)number;
}

void cli_signals_block(void)
{
    static const struct sigaction INTERRUPT = { .sa_handler = interrupt }; /* no SA_RESTART: that is what it is for */
    (void)sigemptyset(&state.taken);
    cli_signals_add_ending(&state.taken);
    (void)pthread_sigmask(SIG_BLOCK, &state.taken, &state.before);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigismember(&state.taken, number) == 1 && (is_ignored(number) || sigismember(&state.before, number) == 1))
            (void)sigdelset(&state.taken, number);
    state.main = pthread_self();
    if (!is_ignored(SIGURG))
        (void)sigaction(SIGURG, &INTERRUPT, NULL);
}

/* ---- the watcher ---- */

/* Ends the process by the signal, so that whoever waits for it sees that. Comes back for process 1. */
static void die_of(int number)
{
    sigset_t one;
    (void)sigemptyset(&one);
    (void)sigaddset(&one, number);
    if (getpid() == 1)
        return;
    (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    (void)kill(getpid(), number);
}

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

static void take(int number)
{
    pthread_mutex_lock(&state.lock);
    bool first = state.number == 0;
    bool impatient = !first && now_ms() - state.came_ms > IMPATIENT_MS;
    if (first) {
        state.number = number;
        state.came_ms = now_ms();
    }
    if (state.holds == 0) {
        die_of(number);
        _exit(SIGNALLED + number);
    }
    pthread_mutex_unlock(&state.lock);
    vp_cancel_set(&state.cancel);
    if (impatient)
        vp_cancel_set(&state.goodbye);
}

/* Interrupts main's system calls again and again: one that comes right before such a call has no effect. */
static void press(void)
{
    if (now_ms() - state.came_ms >= GOODBYE_MS)
        vp_cancel_set(&state.goodbye);
    if (!is_ignored(SIGURG))
        (void)pthread_kill(state.main, SIGURG);
}

static void *watch(void *unused)
{
    struct pollfd fds[] = { { .fd = state.stop, .events = POLLIN }, { .fd = state.signals, .events = POLLIN } };
    struct signalfd_siginfo info;
    (void)unused;
    while ((fds[0].revents & POLLIN) == 0) {
        if (poll(fds, 2, state.number == 0 ? -1 : POKE_MS) < 0)
            continue;
        if ((fds[1].revents & POLLIN) != 0 && read(state.signals, &info, sizeof info) == (ssize_t)sizeof info)
            take((int)info.ssi_signo);
        if (state.number != 0)
            press();
    }
    return NULL;
}

static void close_descriptors(void)
{
    if (state.signals >= 0)
        (void)close(state.signals);
    if (state.stop >= 0)
        (void)close(state.stop);
}

bool cli_signals_watch(void)
{
    sigset_t all;
    sigset_t mask;
    state.signals = signalfd(-1, &state.taken, SFD_CLOEXEC | SFD_NONBLOCK);
    state.stop = eventfd(0, EFD_CLOEXEC);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &mask);
    state.watched = state.signals >= 0 && state.stop >= 0 && pthread_create(&state.watcher, NULL, watch, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (!state.watched)
        close_descriptors();
    return state.watched;
}

void cli_signals_unwatch(void)
{
    static const uint64_t ONE = 1;
    if (!state.watched)
        return;
    while (write(state.stop, &ONE, sizeof ONE) < 0)
        continue;
    (void)pthread_join(state.watcher, NULL);
    close_descriptors();
    state.watched = false;
}

/* ---- main ---- */

void cli_signals_hold(void)
{
    pthread_mutex_lock(&state.lock);
    state.holds++;
    pthread_mutex_unlock(&state.lock);
}

void cli_signals_release(void)
{
    pthread_mutex_lock(&state.lock);
    state.holds--;
    pthread_mutex_unlock(&state.lock);
}

/* With the lock held. What is given back has its time from here on. */
static void note(int number)
{
    if (state.number != 0 || number == 0)
        return;
    state.number = number;
    state.came_ms = now_ms();
}

void cli_signals_note(int number)
{
    pthread_mutex_lock(&state.lock);
    note(number);
    pthread_mutex_unlock(&state.lock);
}

/* Without a watcher what came is pending. */
static int pending(void)
{
    sigset_t pending;
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigismember(&state.taken, number) == 1 && sigismember(&pending, number) == 1)
            return number;
    return 0;
}

int cli_signals_came(void)
{
    pthread_mutex_lock(&state.lock);
    if (state.number == 0 && !state.watched)
        note(pending());
    int number = state.number;
    pthread_mutex_unlock(&state.lock);
    return number;
}

struct vp_cancel *cli_signals_cancel(void)
{
    return &state.cancel;
}

struct vp_cancel *cli_signals_goodbye(void)
{
    return &state.goodbye;
}

void cli_signals_forget(const sigset_t *signals)
{
    static const struct timespec AT_ONCE = { 0 };
    while (sigtimedwait(signals, NULL, &AT_ONCE) > 0)
        continue;
}

/* ---- around execve() ---- */

static void set_handlers(void (*handler)(int number))
{
    const struct sigaction action = { .sa_handler = handler };
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigismember(&state.taken, number) == 1)
            (void)sigaction(number, &action, NULL);
}

void cli_signals_open(void (*handler)(int number))
{
    set_handlers(handler);
    (void)pthread_sigmask(SIG_SETMASK, &state.before, NULL);
}

void cli_signals_shut(void)
{
    (void)pthread_sigmask(SIG_BLOCK, &state.taken, NULL);
    set_handlers(SIG_DFL);
}

int cli_signals_end(int status)
{
    cli_signals_unwatch();
    int number = cli_signals_came();
    if (number == 0)
        return status;
    die_of(number);
    return SIGNALLED + number;
}
