#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"

#include "commands.h"
#include "exit.h"
#include "signals.h"

enum { GOODBYE_MS = 10 * 1000 };

static const char NO_TOKEN[] = "there is no Arvados token to log in with: ARVADOS_API_TOKEN is not set. A container "
                               "has one, and a network, only if it "
                               "asks for API access: in CWL \"requirements: {arv:APIRequirement: {}}\" or "
                               "\"NetworkAccess: {networkAccess: true}\", in "
                               "a container request \"runtime_constraints\": {\"API\": true}";

static enum vp_code connect_vault(struct cli_session *session, struct vp_error *err)
{
    const struct cli_settings *settings = session->settings;
    struct vault_options options = {
        .origin = settings->vault,
        .ca_pem = settings->vault_ca_pem,
        .tls_server_name = settings->tls_server_name,
        .client_cert = settings->client_cert,
        .client_key = settings->client_key,
        .name_space = settings->name_space,
        .max_retries = settings->max_retries,
        .deadline_ms = settings->deadline_ms,
        .cancel = cli_signals_cancel(),
        .give_up = cli_signals_goodbye(),
    };
    struct vp_error fault = { 0 };
    VP_TRY(http_client_new(&session->http, err));
    enum vp_code code = vault_new(session->http, &options, &session->vault, &fault);
    if (code != VP_OK) {
        cli_session_disconnect(session);
        /* What is wrong with the request is wrong with the settings here. */
        return vp_fail(err, code == VP_ERR_INPUT ? VP_REASON_LOCAL_CONFIG : fault.reason, "%s", fault.message);
    }
    return VP_OK;
}

enum vp_code cli_session_open(const struct cli_settings *settings, struct cli_session *ret_session,
                              struct vp_error *err)
{
    struct cli_session session = { .settings = settings };
    VP_TRY(connect_vault(&session, err));
    session.progress = cli_progress_begin(settings->vault.host, settings->quiet);
    *ret_session = session;
    return VP_OK;
}

void cli_session_end_progress(struct cli_session *session)
{
    cli_progress_end(session->progress);
    session->progress = NULL;
}

void cli_session_disconnect(struct cli_session *session)
{
    cli_session_end_progress(session);
    vault_free(session->vault);
    http_client_free(session->http);
    session->vault = NULL;
    session->http = NULL;
}

enum vp_code cli_session_reconnect(struct cli_session *session, struct vp_error *err)
{
    const struct vp_secret *token = session->logged_in ? session->login.token : session->settings->vault_token;
    if (session->vault != NULL)
        return VP_OK;
    VP_TRY(connect_vault(session, err));
    enum vp_code code = token == NULL ? VP_OK : vault_set_token(session->vault, token, err);
    if (code != VP_OK)
        cli_session_disconnect(session);
    else if (session->logged_in)
        vault_token_is_of(session->vault, session->logged_in_ms);
    return code;
}

/* Whatever is not an Arvados v2 token stays here: on a compute node the variable may hold the cluster's root token. */
static enum vp_code token_to_send(const struct cli_settings *settings, struct vp_secret **ret_token,
                                  struct vp_error *err)
{
    struct arv_token_text parts;
    struct vp_error fault = { 0 };
    if (settings->arvados_token == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%s", NO_TOKEN);
    if (settings->salt_label == NULL) {
        if (arv_token_parse(settings->arvados_token, ret_token, &parts, &fault) == VP_OK)
            return VP_OK;
    } else if (arv_token_salt(settings->arvados_token, settings->salt_label, ret_token, &fault) == VP_OK)
        return VP_OK;
    if (fault.reason == VP_REASON_TOKEN_MALFORMED)
        return vp_fail(err, fault.reason, "what %s holds was not sent: %s", settings->arvados_token_source,
                       fault.message);
    return vp_fail(err, fault.reason == VP_REASON_BAD_REQUEST ? VP_REASON_LOCAL_CONFIG : fault.reason, "%s",
                   fault.message);
}

/* A login drops grants that are for other mounts, images or times; each login of a job would list them. Those that the reader
 * of a job's log can act on are shown, and all of them with --verbose. */
static bool is_expected(const char *warning)
{
    static const char DROPPED[] = " dropped: ";
    static const char *const SHOWN[] = { "wrong_image", "bad_name", "bad_properties" };
    const char *reason = strstr(warning, DROPPED);
    if (strncmp(warning, "grant ", strlen("grant ")) != 0 || reason == NULL)
        return strstr(warning, " more grants dropped") != NULL;
    for (size_t i = 0; i < sizeof SHOWN / sizeof SHOWN[0]; i++)
        if (strcmp(reason + strlen(DROPPED), SHOWN[i]) == 0)
            return false;
    return true;
}

static void tell_warnings(const struct cli_session *session, const struct vault_login *login)
{
    const struct vp_json *warnings = login->warnings;
    for (size_t i = 0; i < vp_json_len(warnings); i++) {
        const struct vp_json *warning = vp_json_at(warnings, i);
        if (vp_json_type(warning) == VP_JSON_TEXT &&
            (session->settings->verbose || !is_expected(vp_json_text(warning))))
            cli_exit_warn(session->settings->quiet, "the server says: %s", vp_json_text(warning));
    }
}

/* The server says the same where there is no such mount, and where it refuses after the plugin has granted. A login without a
 * token tells them apart: the plugin names what is missing. */
static void explain_denied(struct cli_session *session, struct vp_error *err)
{
    const char *mount = session->settings->mount;
    if (vault_has_login(session->vault, mount))
        vp_error_add_detail(err, "auth/%.60s is there: the server itself refuses; is this user's entity disabled?",
                            mount);
    else
        vp_error_add_detail(err, "is the mount's name, \"%.60s\", right? ARV_VAULT_MOUNT or --mount says it", mount);
}

static enum vp_code ask_for_token(struct cli_session *session, struct vault_login *ret_login, struct vp_error *err)
{
    const struct cli_settings *settings = session->settings;
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    VP_TRY(token_to_send(settings, &token, err));
    enum vp_code code = vault_log_in(session->vault, settings->mount, settings->role, token, ret_login, err);
    if (code == VP_ERR_UNAVAILABLE && settings->arvados_host == NULL)
        vp_error_add_detail(err, "ARVADOS_API_HOST is not set either: has this container a network "
                                 "(runtime_constraints.API)?");
    /* The plugin's own refusals name the request; without that name it was the host's, which has no such path. */
    if (code == VP_ERR_DENIED && strstr(err->message, "request_id=") == NULL)
        explain_denied(session, err);
    return code;
}

enum vp_code cli_session_get_login(struct cli_session *session, struct vault_login *ret_login, struct vp_error *err)
{
    if (cli_signals_came() != 0)
        return vp_fail(err, VP_REASON_CANCELLED, "ended by a signal");
    VP_TRY(ask_for_token(session, ret_login, err));
    tell_warnings(session, ret_login);
    return VP_OK;
}

/* The vault still has the token of the earlier login. It may have expired, and then there is nothing to revoke. */
static enum vp_code retire(struct cli_session *session, struct vp_error *err)
{
    struct vp_error unread;
    if (!session->logged_in || session->login.batch)
        return VP_OK;
    if (!session->keep_token) {
        (void)!vault_revoke_self(session->vault, &unread);
        return VP_OK;
    }
    struct cli_session_retired *retired =
        reallocarray(session->retired, session->n_retired + 1, sizeof *session->retired);
    if (retired == NULL)
        return vp_fail_no_memory(err);
    session->retired = retired;
    retired[session->n_retired++] = (struct cli_session_retired){ .token = VP_TAKE(session->login.token) };
    return VP_OK;
}

/* A refused request is a use too. */
static bool has_counted_uses(const struct vault_login *login)
{
    const struct vp_json *n = vp_json_get(login->auth, "num_uses");
    return vp_json_type(n) == VP_JSON_INT && vp_json_int(n) != 0;
}

enum vp_code cli_session_log_in(struct cli_session *session, struct vp_error *err)
{
    struct vault_login login = { 0 };
    VP_TRY(cli_session_get_login(session, &login, err));
    enum vp_code code = retire(session, err);
    if (code == VP_OK)
        code = vault_set_token(session->vault, login.token, err);
    if (code != VP_OK) {
        vault_login_clear(&login);
        return code;
    }
    session->logged_in_ms = has_counted_uses(&login) ? 0 : VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
    vault_token_is_of(session->vault, session->logged_in_ms);
    vault_login_clear(&session->login);
    session->login = login;
    session->logged_in = true;
    session->keep_token = false;
    return VP_OK;
}

enum vp_code cli_session_authorise(struct cli_session *session, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    int64_t unread;
    if (session->settings->vault_token == NULL)
        return cli_session_log_in(session, err);
    VP_TRY(vault_set_token(session->vault, session->settings->vault_token, err));
    /* What bao login left there long ago must not stand in the way of a login. */
    if (session->settings->arvados_token == NULL ||
        strcmp(session->settings->vault_token_source, CLI_SETTINGS_TOKEN_FILE) != 0 ||
        vault_lookup_self_ttl(session->vault, &unread, &fault) == VP_OK || fault.reason != VP_REASON_VAULT_TOKEN)
        return VP_OK;
    cli_exit_warn(session->settings->quiet, "the Vault token in %s is unknown or expired: logging in instead",
                  CLI_SETTINGS_TOKEN_FILE);
    return cli_session_log_in(session, err);
}

void cli_session_explain(const struct cli_session *session, struct vp_error *err)
{
    if (err->reason != VP_REASON_FORBIDDEN && err->reason != VP_REASON_VAULT_TOKEN)
        return;
    if (session->logged_in)
        vp_error_add_detail(err, "logged in as role %s; arv-vault whoami shows what it may",
                            session->settings->role == NULL ? "of the mount's choice" : session->settings->role);
    else if (session->settings->vault_token_source != NULL)
        vp_error_add_detail(err, "with the Vault token of %s", session->settings->vault_token_source);
}

/* Revoking has time of its own, also when all there was has gone by, or a signal came. */
static enum vp_code prepare_goodbye(struct cli_session *session, struct vp_error *err)
{
    VP_TRY(cli_session_reconnect(session, err));
    vault_set_limits(session->vault, VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + GOODBYE_MS,
                     cli_signals_goodbye(), cli_signals_goodbye());
    return VP_OK;
}

static enum vp_code revoke_in_time(struct cli_session *session, struct vp_error *err)
{
    VP_TRY(prepare_goodbye(session, err));
    return vault_revoke_self(session->vault, err);
}

static void revoke_one_retired(struct cli_session *session, const struct vp_secret *token)
{
    struct vp_error fault = { 0 };
    enum vp_code code = vault_set_token(session->vault, token, &fault);
    if (code == VP_OK)
        code = vault_revoke_self(session->vault, &fault);
    /* A refusal: it has expired. */
    if (code != VP_OK && code != VP_ERR_DENIED)
        cli_exit_warn(session->settings->quiet,
                      "a replaced Vault token was not revoked and is valid until it expires: %s", fault.message);
}

void cli_session_revoke_retired(struct cli_session *session, bool all)
{
    struct vp_error fault = { 0 };
    size_t n_kept = 0;
    if (session->n_retired == 0)
        return;
    bool reached = prepare_goodbye(session, &fault) == VP_OK;
    for (size_t i = 0; i < session->n_retired; i++) {
        if (session->retired[i].in_use && !all) {
            session->retired[n_kept++] = session->retired[i];
            continue;
        }
        if (reached)
            revoke_one_retired(session, session->retired[i].token);
        vp_secret_free(session->retired[i].token);
    }
    session->n_retired = n_kept;
    if (reached && session->login.token != NULL)
        (void)!vault_set_token(session->vault, session->login.token, &fault);
}

/* What a given token made and nobody got, or uses any more: that token itself is not ours to revoke. */
static void revoke_leases(struct cli_session *session)
{
    struct vp_error fault = { 0 };
    enum vp_code code = session->leases.n == 0 ? VP_OK : prepare_goodbye(session, &fault);
    for (size_t i = 0; code == VP_OK && i < session->leases.n; i++)
        code = vault_revoke_lease(session->vault, session->leases.items[i], &fault);
    if (code != VP_OK)
        cli_exit_warn(session->settings->quiet,
                      "a secret with a lease was read, is not used and could not be revoked; it is valid until its "
                      "lease expires: %s",
                      fault.message);
    vp_texts_clear(&session->leases);
}

void cli_session_revoke(struct cli_session *session)
{
    struct vp_error fault = { 0 };
    /* Nothing needs it any more, so nobody can take it. A batch token can't be revoked; what it may, ends soon. */
    if (session->logged_in && !session->login.batch && revoke_in_time(session, &fault) != VP_OK)
        cli_exit_warn(session->settings->quiet, "the Vault token was not revoked and lives on to its end: %s",
                      fault.message);
    vault_login_clear(&session->login);
    session->logged_in = false;
}

void cli_session_close(struct cli_session *session)
{
    if (!session->keep_token) {
        revoke_leases(session);
        cli_session_revoke_retired(session, true);
        cli_session_revoke(session);
    }
    vp_texts_clear(&session->leases);
    free(session->retired);
    vault_login_clear(&session->login);
    cli_session_disconnect(session);
    *session = (struct cli_session){ 0 };
}

enum vp_code cli_session_arvados(struct cli_session *session, struct arv_client **ret_client, struct vp_error *err)
{
    const struct cli_settings *settings = session->settings;
    struct http_site_options options = {
        .max_concurrent = 4, .max_queued = 16, .max_retries = settings->max_retries, .user_agent = "arv-vault"
    };
    struct vp_error fault = { 0 };
    char *pem = NULL;
    if (settings->arvados_host == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "no Arvados is named: set ARVADOS_API_HOST");
    if (http_origin_parse(settings->arvados_host, &options.origin, &fault) != VP_OK)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "ARVADOS_API_HOST can't be used: %s", fault.message);
    VP_TRY(cli_settings_arvados_ca(&pem, err));
    options.ca_pem = pem;
    enum vp_code code = arv_client_new(session->http, &options, ret_client, &fault);
    free(pem);
    return code == VP_OK
               ? VP_OK
               : vp_fail(err, code == VP_ERR_INPUT ? VP_REASON_LOCAL_CONFIG : fault.reason, "%s", fault.message);
}

/* ---- the session of a command ---- */

static enum vp_code work_in(struct cli_session *session, const struct cli_session_need *how, cli_session_work work,
                            void *context, struct vp_error *err)
{
    if (!how->only_connect) {
        enum vp_code code = cli_session_authorise(session, err);
        if (code != VP_OK)
            return code;
    }
    enum vp_code code = work(session, context, err);
    if (code == VP_OK && cli_signals_came() == 0)
        return VP_OK;
    cli_session_explain(session, err);
    /* Nobody got what was read with it. */
    session->keep_token = false;
    return code;
}

enum vp_code cli_session_run(const struct cli_command *command, const struct cli_session_need *how,
                             cli_session_work work, void *context, struct vp_error *err)
{
    struct cli_args args = *how->args;
    struct cli_settings settings;
    struct cli_session session;
    if (args.mount == NULL)
        args.mount = how->spec_mount;
    if (args.role == NULL)
        args.role = how->spec_role;
    VP_TRY(cli_settings_read(&args, command->groups, command->patient, &settings, err));
    /* From the login on there is something to give back. */
    cli_signals_hold();
    enum vp_code code = cli_session_open(&settings, &session, err);
    if (code == VP_ERR_INPUT && cli_settings_drop_broken_certificates(&settings))
        code = cli_session_open(&settings, &session, err);
    if (code == VP_OK) {
        code = work_in(&session, how, work, context, err);
        cli_session_close(&session);
    }
    cli_signals_release();
    cli_settings_clear(&settings);
    return code;
}
