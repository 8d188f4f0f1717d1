#include "signals.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

static const int ENDING[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM };

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void signals_hold(struct signals *ret_signals)
{
    struct signals signals;
    (void)sigemptyset(&signals.held);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &signals.before);
    for (size_t i = 0; i < sizeof ENDING / sizeof ENDING[0]; i++)
        if (!is_ignored(ENDING[i]) && sigismember(&signals.before, ENDING[i]) == 0)
            (void)sigaddset(&signals.held, ENDING[i]);
    (void)pthread_sigmask(SIG_BLOCK, &signals.held, NULL);
    *ret_signals = signals;
}

bool signals_came(const struct signals *signals)
{
    sigset_t pending;
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    for (size_t i = 0; i < sizeof ENDING / sizeof ENDING[0]; i++)
        if (sigismember(&signals->held, ENDING[i]) == 1 && sigismember(&pending, ENDING[i]) == 1)
            return true;
    return false;
}

void signals_forget(const sigset_t *signals)
{
    static const struct timespec AT_ONCE = { 0 };
    while (sigtimedwait(signals, NULL, &AT_ONCE) > 0)
        continue;
}

void signals_release(const struct signals *signals)
{
    (void)pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}
