#include "keeper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vp/clock.h"

#include "deliver.h"
#include "exit.h"
#include "mask.h"

enum {
    ROUND_MS = 30 * 1000, /* for one round of renewals */
    PAUSE_MIN_S = 15,     /* after a failure; each is twice as long as the one before */
    PAUSE_MAX_S = 300,
    SAY_AGAIN_MS = 3600 * 1000, /* the same failure */
    PATIENCE_S = 3,             /* at the end, for an answer that holds what is to be revoked */
};

struct cli_keeper {
    struct cli_session *session;
    struct cli_plan *plan;
    struct cli_fetch_reads *leased;
    struct cli_keeper_options options;
    int64_t token_full_s;  /* the most that it had; 0: it never expires */
    int64_t token_ends_ms; /* monotonic */
    bool knows_ttl;
    bool must_deliver; /* what is in the files is to be read again, and that has not succeeded yet */
    bool is_unused;    /* nothing that the token of now made has come to a file */
    int64_t renew_ms;   /* monotonic: the next look at token and leases; 0: never */
    int64_t refresh_ms; /* the next read of what has no lease; 0: never */
    int64_t pause_s;   /* after the last try that failed; 0: it succeeded */
    char said[sizeof(((struct vp_error *)NULL)->message)];
    int64_t said_ms;
    struct vp_cancel cancel;
    struct vp_cancel give_up;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t change;
    bool ended;
    bool changed;                   /* delivered, and not taken yet */
    bool restarted;                 /* the command has what was taken */
    struct cli_deliver_image image; /* to be taken */
};

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

static bool is_refusal(enum vp_code code)
{
    return code == VP_ERR_DENIED || code == VP_ERR_OPERATION || code == VP_ERR_NOT_FOUND;
}

/* The same failure is reported once an hour. */
static void say(struct cli_keeper *keeper, const char *what, const struct vp_error *fault)
{
    if (fault->reason == VP_REASON_CANCELLED)
        return;
    if (strcmp(keeper->said, fault->message) == 0 && now_ms() - keeper->said_ms < SAY_AGAIN_MS)
        return;
    memcpy(keeper->said, fault->message, sizeof keeper->said);
    keeper->said_ms = now_ms();
    cli_exit_warn(keeper->session->settings->quiet, "%s; trying again: %s", what, fault->message);
}

/* ---- when ---- */

static int64_t half_left_s(int64_t ends_ms)
{
    int64_t left_s = (ends_ms - now_ms() + 999) / 1000;
    return left_s <= 1 ? 1 : (left_s + 1) / 2;
}

static void take_earlier(int64_t *wait_s, int64_t other_s)
{
    if (*wait_s == 0 || other_s < *wait_s)
        *wait_s = other_s;
}

/* Seconds until something is at half of what it has left; 0: nothing expires. */
static int64_t next_look_s(const struct cli_keeper *keeper)
{
    int64_t wait_s = keeper->token_full_s == 0 ? 0 : half_left_s(keeper->token_ends_ms);
    for (size_t i = 0; i < keeper->leased->n; i++) {
        const struct cli_fetch_read *lease = &keeper->leased->items[i];
        if (lease->ends_ms > 0 && !(lease->fixed && lease->stale))
            take_earlier(&wait_s, half_left_s(lease->ends_ms));
        else if (lease->ends_ms > 0) /* the account in a variable: its end is reported */
            take_earlier(&wait_s, (lease->ends_ms - now_ms() + 999) / 1000 + 1);
    }
    return wait_s;
}

/* What failed may fail for long; meanwhile nothing that has time left must expire. */
static int64_t next_try_s(struct cli_keeper *keeper)
{
    int64_t look_s = next_look_s(keeper);
    bool expired = keeper->token_full_s > 0 && keeper->token_ends_ms <= now_ms();
    keeper->pause_s = keeper->pause_s == 0 ? PAUSE_MIN_S : 2 * keeper->pause_s;
    if (keeper->pause_s > PAUSE_MAX_S)
        keeper->pause_s = PAUSE_MAX_S;
    return look_s > 0 && look_s < keeper->pause_s && !expired ? look_s : keeper->pause_s;
}

/* ---- leases ---- */

/* It is in a variable, and can't be replaced there. */
static void report_lost(struct cli_keeper *keeper)
{
    for (size_t i = 0; i < keeper->leased->n; i++) {
        struct cli_fetch_read *lease = &keeper->leased->items[i];
        if (!lease->fixed || !lease->stale || lease->ends_ms == 0 || lease->ends_ms > now_ms())
            continue;
        lease->ends_ms = 0;
        cli_exit_warn(keeper->session->settings->quiet,
                      "the lease of %.200s has expired; the command has that secret in a variable or an argument, "
                      "where it can't be replaced: deliver it by --file",
                      lease->path);
    }
}

/* Removes the leases that end with their token, but for those that a variable holds. */
static bool drop_leases(struct cli_keeper *keeper)
{
    struct cli_fetch_reads *leased = keeper->leased;
    size_t n = 0;
    bool in_use = false;
    for (size_t i = 0; i < leased->n; i++) {
        struct cli_fetch_read *lease = &leased->items[i];
        if (!lease->fixed) {
            cli_fetch_read_clear(lease);
            continue;
        }
        if (!lease->stale && keeper->token_full_s > 0 && lease->ends_ms > keeper->token_ends_ms)
            lease->ends_ms = keeper->token_ends_ms;
        lease->stale = true;
        in_use = in_use || lease->ends_ms > now_ms();
        leased->items[n++] = *lease;
    }
    leased->n = n;
    return in_use;
}

/* A renewal that gives little of what there was comes near the maximum: it counts as none. */
static enum vp_code renew_lease(struct cli_keeper *keeper, struct cli_fetch_read *lease, struct vp_error *err)
{
    int64_t ttl_s = 0;
    if (!lease->secret.renewable)
        return vp_fail(err, VP_REASON_FORBIDDEN, "the lease of %.200s is not renewable", lease->path);
    VP_TRY(vault_renew_lease(keeper->session->vault, lease->secret.lease_id, &ttl_s, err));
    if (ttl_s > 0)
        cli_fetch_set_ttl(lease, ttl_s);
    if (ttl_s <= lease->secret.lease_ttl_s / 2)
        return vp_fail(err, VP_REASON_FORBIDDEN, "the lease of %.200s has reached its maximum", lease->path);
    return VP_OK;
}

/* What can't be renewed is read again, with the same token. */
static enum vp_code renew_leases(struct cli_keeper *keeper, struct vp_error *err)
{
    for (size_t i = 0; i < keeper->leased->n; i++) {
        struct cli_fetch_read *lease = &keeper->leased->items[i];
        if (lease->secret.lease_ttl_s == 0 || lease->stale)
            continue;
        enum vp_code code = renew_lease(keeper, lease, err);
        if (code != VP_OK && !is_refusal(code))
            return code;
        if (code == VP_OK)
            continue;
        lease->stale = true;
        keeper->must_deliver = true;
    }
    return VP_OK;
}

/* Leases that were replaced: in no file any more. A token may mostly not revoke one, and then it expires. */
static void end_stale(struct cli_keeper *keeper)
{
    struct cli_fetch_reads *leased = keeper->leased;
    struct vp_error unread;
    size_t n = 0;
    for (size_t i = 0; i < leased->n; i++) {
        if (leased->items[i].stale && !leased->items[i].fixed) {
            (void)!vault_revoke_lease(keeper->session->vault, leased->items[i].secret.lease_id, &unread);
            cli_fetch_read_clear(&leased->items[i]);
        } else
            leased->items[n++] = leased->items[i];
    }
    leased->n = n;
}

/* ---- the token ---- */

static void set_token_ttl(struct cli_keeper *keeper, int64_t ttl_s)
{
    if (ttl_s > keeper->token_full_s)
        keeper->token_full_s = ttl_s;
    keeper->token_ends_ms = now_ms() + ttl_s * 1000;
}

/* From here on nothing is good until all of it was read with the new token. What the one before made ends with it. */
static enum vp_code log_in_again(struct cli_keeper *keeper, struct vp_error *err)
{
    struct cli_session *session = keeper->session;
    const struct cli_settings *settings = session->settings;
    bool was_given = !session->logged_in;
    size_t n_retired = session->n_retired;
    if (keeper->is_unused)
        session->keep_token = false;
    VP_TRY(cli_session_log_in(session, err));
    if (was_given)
        cli_exit_warn(settings->quiet,
                      "the Vault token of %s can't be renewed any more: going on with a login at auth/%s as role %s, "
                      "whose policies may differ",
                      settings->vault_token_source, settings->mount,
                      settings->role == NULL ? "(the default)" : settings->role);
    bool in_use = drop_leases(keeper);
    if (session->n_retired > n_retired)
        session->retired[session->n_retired - 1].in_use = in_use;
    keeper->token_full_s = 0;
    set_token_ttl(keeper, session->login.ttl_s);
    keeper->must_deliver = true;
    keeper->is_unused = true;
    return VP_OK;
}

/* What a given token's TTL is has to be asked. One that may not ask even that is used as it is. */
static enum vp_code learn_ttl(struct cli_keeper *keeper, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    int64_t ttl_s = 0;
    enum vp_code code = vault_lookup_self_ttl(keeper->session->vault, &ttl_s, &fault);
    if (code != VP_OK && !is_refusal(code))
        return vp_fail(err, fault.reason, "%s", fault.message);
    if (code != VP_OK)
        cli_exit_warn(keeper->session->settings->quiet,
                      "the TTL of the Vault token can't be looked up, so the token is not renewed: %s", fault.message);
    set_token_ttl(keeper, ttl_s);
    keeper->knows_ttl = true;
    return VP_OK;
}

static enum vp_code renew_token(struct cli_keeper *keeper, struct vp_error *err)
{
    int64_t ttl_s = 0;
    if (keeper->token_full_s == 0)
        return VP_OK;
    VP_TRY(vault_renew_self(keeper->session->vault, 0, &ttl_s, err));
    set_token_ttl(keeper, ttl_s);
    if (ttl_s <= keeper->token_full_s / 2)
        return vp_fail(err, VP_REASON_FORBIDDEN, "the Vault token has reached its maximum TTL");
    return VP_OK;
}

/* ---- a round ---- */

/* Leases and tokens that nothing in use depends on any more. */
static void give_back(struct cli_keeper *keeper)
{
    end_stale(keeper);
    cli_session_revoke_retired(keeper->session, false);
}

/* The main thread waits for signals: one that it waits for wakes it. */
static enum vp_code tell_change(struct cli_keeper *keeper, struct vp_error *err)
{
    struct cli_deliver_image image = { 0 };
    if (keeper->options.on_change == CLI_ON_CHANGE_RESTART)
        VP_TRY(cli_deliver_image_make(keeper->plan, keeper->options.inherited, keeper->options.argv, &image, err));
    pthread_mutex_lock(&keeper->lock);
    struct cli_deliver_image unused = keeper->image;
    keeper->image = image;
    keeper->changed = true;
    keeper->restarted = false;
    pthread_mutex_unlock(&keeper->lock);
    cli_deliver_image_clear(&unused);
    (void)kill(getpid(), SIGCHLD);
    return VP_OK;
}

/* New values go into the files; a variable of a running process can't be changed. On failure what was made already is kept,
 * and renewed, until the next try. */
static enum vp_code deliver_again(struct cli_keeper *keeper, struct vp_error *err)
{
    struct cli_session *session = keeper->session;
    VP_TRY(cli_fetch_plan(session, keeper->plan, keeper->leased, err));
    bool changed = cli_plan_has_changed(keeper->plan);
    if (!changed && !keeper->must_deliver)
        return VP_OK;
    keeper->is_unused = false;
    if (keeper->plan->mask != NULL)
        VP_TRY(cli_mask_ready(keeper->plan->mask, err));
    VP_TRY(cli_deliver_files(keeper->plan, session->settings->quiet, err));
    if (changed && keeper->options.on_change != CLI_ON_CHANGE_NONE)
        VP_TRY(tell_change(keeper, err));
    cli_plan_forget_changes(keeper->plan);
    keeper->must_deliver = false;
    /* A command that is started again uses what it had until then. */
    if (!changed || keeper->options.on_change != CLI_ON_CHANGE_RESTART)
        give_back(keeper);
    return VP_OK;
}

static enum vp_code connect(struct cli_keeper *keeper, struct vp_error *err)
{
    VP_TRY(cli_session_reconnect(keeper->session, err));
    vault_set_limits(keeper->session->vault, now_ms() + ROUND_MS, &keeper->cancel, &keeper->give_up);
    return VP_OK;
}

static enum vp_code keep_alive(struct cli_keeper *keeper, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    VP_TRY(connect(keeper, err));
    if (!keeper->knows_ttl)
        return learn_ttl(keeper, err);
    enum vp_code code = renew_token(keeper, &fault);
    if (is_refusal(code))
        VP_TRY(log_in_again(keeper, err));
    else if (code != VP_OK)
        return vp_fail(err, fault.reason, "%s", fault.message);
    else
        VP_TRY(renew_leases(keeper, err));
    return VP_OK;
}

static void set_renewal(struct cli_keeper *keeper, int64_t wait_s)
{
    keeper->renew_ms = wait_s == 0 ? 0 : now_ms() + wait_s * 1000;
}

/* Token and leases, and what can't be renewed is read again. */
static void renew(struct cli_keeper *keeper)
{
    struct vp_error fault = { 0 };
    enum vp_code code = keep_alive(keeper, &fault);
    if (code == VP_OK && keeper->must_deliver)
        code = deliver_again(keeper, &fault);
    report_lost(keeper);
    if (code != VP_OK) {
        say(keeper, "what the command depends on could not be renewed", &fault);
        set_renewal(keeper, next_try_s(keeper));
        return;
    }
    keeper->pause_s = 0;
    keeper->said[0] = '\0';
    set_renewal(keeper, next_look_s(keeper));
}

/* What has no lease may have been changed by others. What can't be read stays as it was delivered. */
static void refresh(struct cli_keeper *keeper)
{
    struct vp_error fault = { 0 };
    enum vp_code code = connect(keeper, &fault);
    if (code == VP_OK)
        code = deliver_again(keeper, &fault);
    if (code != VP_OK)
        say(keeper, "the secrets could not be read again", &fault);
    keeper->refresh_ms = now_ms() + keeper->options.refresh_s * 1000;
}

/* Until the next look; 0: there is none. */
static int64_t next_ms(const struct cli_keeper *keeper)
{
    if (keeper->renew_ms == 0 || (keeper->refresh_ms != 0 && keeper->refresh_ms < keeper->renew_ms))
        return keeper->refresh_ms;
    return keeper->renew_ms;
}

/* True when it is time to end. */
static bool sleep_until(struct cli_keeper *keeper, int64_t then_ms, bool *ret_restarted)
{
    const struct timespec until = { .tv_sec = then_ms / 1000, .tv_nsec = then_ms % 1000 * 1000000 };
    pthread_mutex_lock(&keeper->lock);
    int why = 0;
    while (!keeper->ended && !keeper->restarted && why != ETIMEDOUT)
        why = then_ms == 0 ? pthread_cond_wait(&keeper->change, &keeper->lock)
                           : pthread_cond_timedwait(&keeper->change, &keeper->lock, &until);
    bool ended = keeper->ended;
    *ret_restarted = keeper->restarted;
    keeper->restarted = false;
    pthread_mutex_unlock(&keeper->lock);
    return ended;
}

static void look(struct cli_keeper *keeper, bool restarted)
{
    struct vp_error unread = { 0 };
    if (restarted && connect(keeper, &unread) == VP_OK)
        give_back(keeper);
    if (keeper->renew_ms != 0 && keeper->renew_ms <= now_ms())
        renew(keeper);
    if (keeper->refresh_ms != 0 && keeper->refresh_ms <= now_ms())
        refresh(keeper);
}

static void *keep(void *context)
{
    struct cli_keeper *keeper = context;
    bool restarted = false;
    if (keeper->knows_ttl)
        set_renewal(keeper, next_look_s(keeper));
    else
        renew(keeper);
    if (keeper->options.refresh_s > 0)
        keeper->refresh_ms = now_ms() + keeper->options.refresh_s * 1000;
    while (!sleep_until(keeper, next_ms(keeper), &restarted))
        look(keeper, restarted);
    return NULL;
}

static void warn_of_fixed(const struct cli_keeper *keeper)
{
    for (size_t i = 0; i < keeper->leased->n; i++)
        if (keeper->leased->items[i].fixed)
            cli_exit_warn(keeper->session->settings->quiet,
                          "%.200s is a secret with a lease in a variable or an argument: it is renewed, but can't be "
                          "replaced when its maximum is reached. Deliver it by --file",
                          keeper->leased->items[i].path);
}

static void warn_of_variables(const struct cli_keeper *keeper)
{
    const struct cli_plan *plan = keeper->plan;
    bool has_any = plan->n_from > 0;
    for (size_t i = 0; i < plan->n; i++)
        for (size_t j = 0; plan->sinks[i].kind != CLI_SINK_FILE && j < plan->sinks[i].template.n; j++)
            has_any = has_any || plan->sinks[i].template.parts[j].text == NULL;
    if (has_any && keeper->options.refresh_s > 0 && keeper->options.on_change != CLI_ON_CHANGE_RESTART)
        cli_exit_warn(keeper->session->settings->quiet,
                      "--refresh reads files only: a variable or argument of a running command can't be changed; "
                      "--on-change=restart starts it again with new ones");
}

bool cli_keeper_take_change(struct cli_keeper *keeper, struct cli_deliver_image *ret_image)
{
    pthread_mutex_lock(&keeper->lock);
    bool changed = keeper->changed;
    if (changed) {
        *ret_image = keeper->image;
        keeper->image = (struct cli_deliver_image){ 0 };
    }
    keeper->changed = false;
    pthread_mutex_unlock(&keeper->lock);
    return changed;
}

void cli_keeper_note_restart(struct cli_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->restarted = !keeper->changed; /* with another change on its way the next restart is the one */
    pthread_cond_signal(&keeper->change);
    pthread_mutex_unlock(&keeper->lock);
}

enum vp_code cli_keeper_start(struct cli_session *session, struct cli_plan *plan, struct cli_fetch_reads *leased,
                              const struct cli_keeper_options *options, struct cli_keeper **ret_keeper,
                              struct vp_error *err)
{
    pthread_condattr_t attributes;
    struct cli_keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL)
        return vp_fail_no_memory(err);
    *keeper = (struct cli_keeper){
        .session = session,
        .plan = plan,
        .leased = leased,
        .options = *options,
        .knows_ttl = session->logged_in,
        .cancel = VP_CANCEL_INIT,
        .give_up = VP_CANCEL_INIT,
    };
    set_token_ttl(keeper, session->login.ttl_s);
    warn_of_fixed(keeper);
    warn_of_variables(keeper);
    leased->only_files = options->on_change != CLI_ON_CHANGE_RESTART;
    (void)pthread_mutex_init(&keeper->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&keeper->change, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (pthread_create(&keeper->thread, NULL, keep, keeper) != 0) {
        free(keeper);
        return vp_fail(err, VP_REASON_INTERNAL, "no thread can be started to renew the Vault token");
    }
    *ret_keeper = keeper;
    return VP_OK;
}

void cli_keeper_stop(struct cli_keeper *keeper)
{
    struct timespec until;
    pthread_mutex_lock(&keeper->lock);
    keeper->ended = true;
    pthread_cond_signal(&keeper->change);
    pthread_mutex_unlock(&keeper->lock);
    vp_cancel_set(&keeper->cancel);
    /* A login that is under way gives a token that has to be revoked. */
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    if (pthread_timedjoin_np(keeper->thread, NULL, &until) != 0) {
        vp_cancel_set(&keeper->give_up);
        (void)pthread_join(keeper->thread, NULL);
    }
    (void)pthread_cond_destroy(&keeper->change);
    (void)pthread_mutex_destroy(&keeper->lock);
    cli_deliver_image_clear(&keeper->image);
    free(keeper);
}
