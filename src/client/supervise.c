/* Two threads: the first waits for signals and the end of the child; the keeper renews what the child lives by, so that no
 * signal ever waits for a server. */
#include "supervise.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vp/clock.h"
#include "vp/thread.h"

#include "become.h"
#include "exit.h"

enum {
    ROUND_MS = 30 * 1000, /* for one round of renewals */
    AGAIN_S = 15,         /* after an outage */
    PAUSE_MAX_S = 300,    /* between tries to deliver, which come ever more seldom */
    SIGNALLED = 128,      /* as shells tell it */
};

struct keeper {
    struct cli_session *session;
    struct cli_plan *plan;
    struct cli_fetch_reads *leased;
    int64_t token_ttl_s; /* at its begin; 0: lives for ever */
    bool knows_ttl;
    bool must_deliver; /* there is a new token, and what it gives has not come to the files yet */
    bool is_unused;    /* that is true of all the files */
    int64_t pause_s;   /* after the last try that failed; 0: it did not */
    struct vp_cancel cancel;
    pthread_t thread;
    pthread_mutex_t lock; /* guards `ended` */
    pthread_cond_t change;
    bool ended;
};

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

/* ---- the keeper ---- */

/* Seconds until something is at half of its life; 0: nothing ever is. */
static int64_t next_look_s(const struct keeper *keeper)
{
    int64_t shortest_s = keeper->token_ttl_s;
    for (size_t i = 0; i < keeper->leased->n; i++) {
        int64_t ttl_s = keeper->leased->items[i].ttl_s;
        if (ttl_s > 0 && (shortest_s == 0 || ttl_s < shortest_s))
            shortest_s = ttl_s;
    }
    return shortest_s == 0 ? 0 : (shortest_s + 1) / 2;
}

/* A renewal that gives less than was left comes near the maximum: it counts as none. */
static enum vp_code check_renewed(const char *what, int64_t ttl_s, int64_t first_ttl_s, struct vp_error *err)
{
    if (ttl_s <= first_ttl_s / 2)
        return vp_fail(err, VP_REASON_FORBIDDEN, "%s has reached its maximum", what);
    return VP_OK;
}

static enum vp_code renew_lease(struct vault *vault, struct cli_fetch_read *lease, struct vp_error *err)
{
    VP_TRY(vault_renew_lease(vault, lease->secret.lease_id, &lease->ttl_s, err));
    return check_renewed("a lease", lease->ttl_s, lease->secret.lease_ttl_s, err);
}

static enum vp_code renew_all(struct keeper *keeper, struct vp_error *err)
{
    int64_t ttl_s = 0;
    if (keeper->token_ttl_s > 0) {
        VP_TRY(vault_renew_self(keeper->session->vault, 0, &ttl_s, err));
        VP_TRY(check_renewed("the token", ttl_s, keeper->token_ttl_s, err));
    }
    for (size_t i = 0; i < keeper->leased->n; i++)
        if (keeper->leased->items[i].secret.lease_ttl_s > 0)
            VP_TRY(renew_lease(keeper->session->vault, &keeper->leased->items[i], err));
    return VP_OK;
}

/* From here on nothing is good until all of it was fetched with the new token. What the one before made ends with it, if nobody
 * got that. */
static enum vp_code log_in_anew(struct keeper *keeper, struct vp_error *err)
{
    if (keeper->is_unused)
        keeper->session->keep_token = false;
    VP_TRY(cli_session_log_in(keeper->session, err));
    cli_fetch_reads_clear(keeper->leased);
    keeper->token_ttl_s = keeper->session->login.ttl_s;
    keeper->must_deliver = true;
    keeper->is_unused = true;
    return VP_OK;
}

/* What is new goes into the files; a variable of a process that runs can't be changed. When it fails, what was made already is
 * kept, and renewed, until the next try. */
static enum vp_code deliver_anew(struct keeper *keeper, struct vp_error *err)
{
    VP_TRY(cli_fetch_plan(keeper->session, keeper->plan, keeper->leased, err));
    keeper->is_unused = false;
    VP_TRY(cli_deliver_files(keeper->plan, keeper->session->settings->quiet, err));
    keeper->must_deliver = false;
    keeper->pause_s = 0;
    return VP_OK;
}

static bool is_refusal(enum vp_code code)
{
    return code == VP_ERR_DENIED || code == VP_ERR_OPERATION || code == VP_ERR_NOT_FOUND;
}

/* A token that was given tells its life only when it is asked. One that may not even ask for that is used as it is. */
static enum vp_code learn_ttl(struct keeper *keeper, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    enum vp_code code = vault_lookup_self_ttl(keeper->session->vault, &keeper->token_ttl_s, &fault);
    if (code != VP_OK && !is_refusal(code))
        return vp_fail(err, fault.reason, "%s", fault.message);
    if (code != VP_OK)
        cli_exit_warn(keeper->session->settings->quiet,
                      "how long the Vault token lives is not to be learned, so it is not renewed: %s", fault.message);
    keeper->knows_ttl = true;
    return VP_OK;
}

static enum vp_code keep_alive(struct keeper *keeper, struct vp_error *err)
{
    VP_TRY(cli_session_reconnect(keeper->session, err));
    vault_set_limits(keeper->session->vault, now_ms() + ROUND_MS, &keeper->cancel);
    enum vp_code code = keeper->knows_ttl ? renew_all(keeper, err) : learn_ttl(keeper, err);
    return is_refusal(code) ? log_in_anew(keeper, err) : code;
}

/* What could not be delivered may never be. Meanwhile nothing that lives must end. */
static int64_t next_try_s(struct keeper *keeper)
{
    int64_t look_s = next_look_s(keeper);
    keeper->pause_s = keeper->pause_s == 0 ? AGAIN_S : 2 * keeper->pause_s;
    if (keeper->pause_s > PAUSE_MAX_S)
        keeper->pause_s = PAUSE_MAX_S;
    return look_s > 0 && look_s < keeper->pause_s ? look_s : keeper->pause_s;
}

/* Seconds until the next look. */
static int64_t look(struct keeper *keeper)
{
    struct vp_error fault = { 0 };
    bool is_alive = keep_alive(keeper, &fault) == VP_OK;
    if (is_alive && (!keeper->must_deliver || deliver_anew(keeper, &fault) == VP_OK))
        return next_look_s(keeper);
    int64_t again_s = is_alive ? next_try_s(keeper) : AGAIN_S;
    if (fault.reason != VP_REASON_CANCELLED)
        cli_exit_warn(keeper->session->settings->quiet,
                      "what the command lives by could not be renewed, trying again in %lld s: %s", (long long)again_s,
                      fault.message);
    return again_s;
}

/* True when it is time to end. */
static bool sleep_s(struct keeper *keeper, int64_t seconds)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&keeper->lock);
    int why = 0;
    while (!keeper->ended && why != ETIMEDOUT)
        why = seconds == 0 ? pthread_cond_wait(&keeper->change, &keeper->lock)
                           : pthread_cond_timedwait(&keeper->change, &keeper->lock, &until);
    bool ended = keeper->ended;
    pthread_mutex_unlock(&keeper->lock);
    return ended;
}

static void *keep(void *context)
{
    struct keeper *keeper = context;
    int64_t wait_s = keeper->knows_ttl ? next_look_s(keeper) : look(keeper);
    while (!sleep_s(keeper, wait_s))
        wait_s = look(keeper);
    return NULL;
}

static enum vp_code start_keeper(struct keeper *keeper, struct vp_error *err)
{
    (void)pthread_mutex_init(&keeper->lock, NULL);
    vp_condition_init(&keeper->change);
    if (!vp_thread_start(&keeper->thread, keep, keeper))
        return vp_fail(err, VP_REASON_INTERNAL, "no thread for renewals can be had");
    return VP_OK;
}

static void stop_keeper(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->ended = true;
    pthread_cond_signal(&keeper->change);
    pthread_mutex_unlock(&keeper->lock);
    vp_cancel_set(&keeper->cancel);
    (void)pthread_join(keeper->thread, NULL);
    (void)pthread_cond_destroy(&keeper->change);
    (void)pthread_mutex_destroy(&keeper->lock);
}

/* ---- the child ---- */

struct start {
    pid_t parent;
    struct sigaction child_ended; /* what SIGCHLD did before us */
};

static void begin_child(const struct cli_supervise_command *command, const struct start *start)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* without us nobody would renew, nor clean up */
    if (getppid() != start->parent)
        _exit(CLI_EXIT_INTERNAL); /* it went before it could be noticed */
    (void)sigaction(SIGCHLD, &start->child_ended, NULL);
    cli_signals_release(command->signals);
    _exit(cli_become_command(command->shown, command->argv, command->environment));
}

/* Who ignores SIGCHLD is not told of children, and can't wait for them: so we don't, even if whoever called us did. */
static pid_t start_child(const struct cli_supervise_command *command)
{
    static const struct sigaction TOLD = { .sa_handler = SIG_DFL };
    struct start start = { .parent = getpid() };
    (void)sigaction(SIGCHLD, &TOLD, &start.child_ended);
    pid_t child = fork();
    if (child == 0)
        begin_child(command, &start);
    return child;
}

/* As the first process of a container one inherits children that nobody else waits for. */
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

/* What the kernel sends goes to a terminal's whole foreground, the child included, or is about us alone. */
static int wait_for(pid_t child, const sigset_t *signals)
{
    int status = 0;
    while (!has_ended(child, &status)) {
        siginfo_t info;
        int number = sigwaitinfo(signals, &info);
        if (number > 0 && number != SIGCHLD && info.si_code != SI_KERNEL)
            (void)kill(child, number);
    }
    return status;
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

enum vp_code cli_supervise_run(struct cli_session *session, struct cli_plan *plan, struct cli_fetch_reads *leased,
                               const struct cli_supervise_command *command, int *ret_status, struct vp_error *err)
{
    sigset_t signals = handled_signals();
    struct keeper keeper = {
        .session = session,
        .plan = plan,
        .leased = leased,
        .token_ttl_s = session->login.ttl_s,
        .knows_ttl = session->logged_in,
        .cancel = VP_CANCEL_INIT,
    };
    struct vp_error unkept = { 0 };
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pid_t child = start_child(command);
    if (child < 0)
        return vp_fail(err, VP_REASON_INTERNAL, "the command can't be started: no process");
    bool kept = start_keeper(&keeper, &unkept) == VP_OK;
    if (!kept)
        cli_exit_warn(false, "%s: the token ends in %lld s", unkept.message, (long long)keeper.token_ttl_s);
    *ret_status = wait_for(child, &signals);
    if (kept)
        stop_keeper(&keeper);
    cli_signals_forget(&signals);
    return VP_OK;
}
