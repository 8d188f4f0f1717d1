#include "signals.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

static const int ENDING[] = { SIGHUP,  SIGINT,    SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,  SIGALRM,
                              SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSTKFLT };

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

void cli_signals_hold(struct cli_signals *ret_signals)
{
    struct cli_signals signals;
    (void)sigemptyset(&signals.held);
    cli_signals_add_ending(&signals.held);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &signals.before);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (is_ignored(number) || sigismember(&signals.before, number) == 1)
            (void)sigdelset(&signals.held, number);
    (void)pthread_sigmask(SIG_BLOCK, &signals.held, NULL);
    *ret_signals = signals;
}

bool cli_signals_came(const struct cli_signals *signals)
{
    sigset_t pending;
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    /* One by one: sigisemptyset() of glibc 2.36 looks at the first 32 only. */
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigismember(&signals->held, number) == 1 && sigismember(&pending, number) == 1)
            return true;
    return false;
}

void cli_signals_forget(const sigset_t *signals)
{
    static const struct timespec AT_ONCE = { 0 };
    while (sigtimedwait(signals, NULL, &AT_ONCE) > 0)
        continue;
}

void cli_signals_release(const struct cli_signals *signals)
{
    (void)pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}
