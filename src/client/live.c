#include "live.h"

#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"

#include "exit.h"
#include "signals.h"

enum { ROUND_MS = 30 * 1000, AGAIN_MS = 15 * 1000 };

static int64_t now_ms(void)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
}

static int64_t half_of_ms(int64_t ttl_s)
{
    return ttl_s * 1000 / 2;
}

static bool is_refusal(enum vp_code code)
{
    return code == VP_ERR_DENIED || code == VP_ERR_OPERATION || code == VP_ERR_NOT_FOUND;
}

void cli_live_init(struct cli_live *ret_live, struct cli_session *session)
{
    *ret_live = (struct cli_live){ .session = session };
}

void cli_live_clear(struct cli_live *live)
{
    for (size_t i = 0; i < live->n_leases; i++)
        free(live->leases[i].id);
    free(live->leases);
    *live = (struct cli_live){ 0 };
}

/* ---- the token ---- */

static void note_ttl(struct cli_live *live, int64_t ttl_s)
{
    live->token_ttl_s = ttl_s;
    live->token_due_ms = ttl_s > 0 ? now_ms() + half_of_ms(ttl_s) : 0;
}

static enum vp_code log_in(struct cli_live *live, struct vp_error *err)
{
    /* A lease ends with the token that it was made with. */
    if (live->n_leases > 0)
        live->session->keep_token = true;
    VP_TRY(cli_session_log_in(live->session, err));
    live->authorised = true;
    note_ttl(live, live->session->login.ttl_s);
    return VP_OK;
}

/* A given token has a TTL that only the server can tell. If it does not, the token is used as long as it works. */
static enum vp_code authorise(struct cli_live *live, struct vp_error *err)
{
    int64_t ttl_s = 0;
    struct vp_error unread;
    if (live->authorised)
        return VP_OK;
    if (live->session->settings->vault_token == NULL)
        return log_in(live, err);
    VP_TRY(cli_session_authorise(live->session, err));
    live->authorised = true;
    if (vault_lookup_self_ttl(live->session->vault, &ttl_s, &unread) == VP_OK)
        note_ttl(live, ttl_s);
    return VP_OK;
}

/* A denial does not say whether a policy or the token itself is the cause. */
static bool has_ended(struct cli_live *live)
{
    int64_t ttl_s = 0;
    struct vp_error unread;
    return vault_lookup_self_ttl(live->session->vault, &ttl_s, &unread) == VP_ERR_DENIED;
}

enum vp_code cli_live_run(struct cli_live *live, cli_session_work work, void *context, bool needs_token,
                          struct vp_error *err)
{
    struct cli_session *session = live->session;
    vault_set_limits(session->vault, now_ms() + session->settings->timeout_ms, cli_signals_cancel(),
                     cli_signals_goodbye());
    if (!needs_token)
        return work(session, context, err);
    VP_TRY(authorise(live, err));
    enum vp_code code = work(session, context, err);
    if (code == VP_ERR_DENIED && session->logged_in && has_ended(live)) {
        VP_TRY(log_in(live, err));
        code = work(session, context, err);
    }
    if (code != VP_OK)
        cli_session_explain(session, err);
    return code;
}

/* A renewal that gives less than half of the first TTL comes near the maximum of the token. */
static void renew_token(struct cli_live *live)
{
    struct vp_error unread;
    int64_t first_s = live->token_ttl_s;
    int64_t ttl_s = 0;
    enum vp_code code = vault_renew_self(live->session->vault, 0, &ttl_s, &unread);
    if (code == VP_OK && ttl_s > first_s / 2) {
        live->token_due_ms = now_ms() + half_of_ms(ttl_s);
        return;
    }
    bool may_replace = live->session->logged_in && (code == VP_OK || is_refusal(code));
    if (may_replace && log_in(live, &unread) == VP_OK)
        return;
    live->token_due_ms = code == VP_OK && !may_replace ? now_ms() + half_of_ms(ttl_s) + 1000 : now_ms() + AGAIN_MS;
}

/* ---- leases ---- */

enum vp_code cli_live_add_lease(struct cli_live *live, const struct vault_secret *secret, struct vp_error *err)
{
    if (secret->lease_id == NULL || secret->lease_ttl_s == 0)
        return VP_OK;
    struct cli_live_lease lease = { .id = strdup(secret->lease_id),
                                    .ttl_s = secret->lease_ttl_s,
                                    .due_ms = now_ms() + half_of_ms(secret->lease_ttl_s) };
    struct cli_live_lease *leases = reallocarray(live->leases, live->n_leases + 1, sizeof *leases);
    if (leases != NULL)
        live->leases = leases;
    if (lease.id == NULL || leases == NULL) {
        free(lease.id);
        return vp_fail_no_memory(err);
    }
    leases[live->n_leases++] = lease;
    return VP_OK;
}

/* False when it is to be forgotten. */
static bool renew_lease(struct cli_live *live, struct cli_live_lease *lease)
{
    struct vp_error fault = { 0 };
    int64_t ttl_s = 0;
    enum vp_code code = vault_renew_lease(live->session->vault, lease->id, &ttl_s, &fault);
    if (code == VP_OK && ttl_s > lease->ttl_s / 2) {
        lease->due_ms = now_ms() + half_of_ms(ttl_s);
        return true;
    }
    lease->due_ms = now_ms() + AGAIN_MS;
    if (code != VP_OK && !is_refusal(code))
        return true;
    cli_exit_warn(live->session->settings->quiet, "a lease can't be renewed and expires; read that secret again: %s",
                  code == VP_OK ? "it has reached its maximum TTL" : fault.message);
    return false;
}

static void renew_leases(struct cli_live *live, int64_t until_ms)
{
    for (size_t i = 0; i < live->n_leases;) {
        struct cli_live_lease *lease = &live->leases[i];
        if (lease->due_ms > until_ms || renew_lease(live, lease)) {
            i++;
            continue;
        }
        free(lease->id);
        *lease = live->leases[--live->n_leases];
    }
}

/* ---- both ---- */

int64_t cli_live_wait_ms(const struct cli_live *live)
{
    int64_t due_ms = live->token_due_ms;
    for (size_t i = 0; i < live->n_leases; i++)
        if (due_ms == 0 || live->leases[i].due_ms < due_ms)
            due_ms = live->leases[i].due_ms;
    if (due_ms == 0)
        return -1;
    int64_t wait_ms = due_ms - now_ms();
    return wait_ms > 0 ? wait_ms : 0;
}

void cli_live_renew(struct cli_live *live)
{
    int64_t start_ms = now_ms();
    vault_set_limits(live->session->vault, start_ms + ROUND_MS, cli_signals_cancel(), cli_signals_goodbye());
    if (live->token_due_ms != 0 && live->token_due_ms <= start_ms)
        renew_token(live);
    renew_leases(live, start_ms);
}
