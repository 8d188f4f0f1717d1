#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"

#include "commands.h"
#include "exit.h"

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
        .name_space = settings->name_space,
        .max_retries = settings->max_retries,
        .deadline_ms = settings->deadline_ms,
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

static void tell_warnings(const struct cli_session *session, const struct vault_login *login)
{
    const struct vp_json *warnings = login->warnings;
    for (size_t i = 0; i < vp_json_len(warnings); i++)
        if (vp_json_type(vp_json_at(warnings, i)) == VP_JSON_TEXT)
            cli_exit_warn(session->settings->quiet, "the vault says: %s", vp_json_text(vp_json_at(warnings, i)));
}

static enum vp_code ask_for_token(struct cli_session *session, struct vault_login *ret_login, struct vp_error *err)
{
    const struct cli_settings *settings = session->settings;
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    VP_TRY(token_to_send(settings, &token, err));
    enum vp_code code = vault_log_in(session->vault, settings->mount, settings->role, token, ret_login, err);
    if (code == VP_ERR_UNAVAILABLE && settings->arvados_host == NULL && err != NULL)
        vp_error_add_detail(err, "ARVADOS_API_HOST is not set either: has this container a network "
                                 "(runtime_constraints.API)?");
    /* The plugin's own refusals name the request; without that name it was the host's, which has no such path. */
    if (code == VP_ERR_DENIED && err != NULL && strstr(err->message, "request_id=") == NULL)
        vp_error_add_detail(err, "is the mount's name, \"%.60s\", right? ARV_VAULT_MOUNT or --mount says it",
                            settings->mount);
    return code;
}

enum vp_code cli_session_get_login(struct cli_session *session, struct vault_login *ret_login, struct vp_error *err)
{
    VP_TRY(ask_for_token(session, ret_login, err));
    tell_warnings(session, ret_login);
    return VP_OK;
}

/* What the vault goes by is still the token of before. It may have ended, and then there is nothing to revoke. */
static void revoke_replaced(struct cli_session *session)
{
    struct vp_error unread;
    if (session->logged_in && !session->keep_token && !session->login.batch)
        (void)!vault_revoke_self(session->vault, &unread);
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
    revoke_replaced(session);
    enum vp_code code = vault_set_token(session->vault, login.token, err);
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
    if (session->settings->vault_token != NULL)
        return vault_set_token(session->vault, session->settings->vault_token, err);
    return cli_session_log_in(session, err);
}

void cli_session_explain(const struct cli_session *session, struct vp_error *err)
{
    if (err->reason != VP_REASON_FORBIDDEN)
        return;
    if (session->logged_in)
        vp_error_add_detail(err, "logged in as role %s; arv-vault whoami shows what it may",
                            session->settings->role == NULL ? "of the mount's choice" : session->settings->role);
    else if (session->settings->vault_token_source != NULL)
        vp_error_add_detail(err, "with the Vault token of %s", session->settings->vault_token_source);
}

/* Time of its own, also when all there was has gone by. */
static enum vp_code revoke_in_time(struct cli_session *session, struct vp_error *err)
{
    VP_TRY(cli_session_reconnect(session, err));
    vault_set_limits(session->vault, VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + GOODBYE_MS, NULL);
    return vault_revoke_self(session->vault, err);
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
    if (!session->keep_token)
        cli_session_revoke(session);
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
    if (code == VP_OK)
        return VP_OK;
    if (err != NULL)
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
    enum vp_code code = cli_session_open(&settings, &session, err);
    if (code == VP_OK) {
        code = work_in(&session, how, work, context, err);
        cli_session_close(&session);
    }
    cli_settings_clear(&settings);
    return code;
}
