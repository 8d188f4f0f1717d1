/* doctor: every link of the chain, in the order in which a login and a read use them. A link that depends on a broken one is
 * not tried. */
#include <stdio.h>
#include <string.h>

#include "vp/json.h"

#include "commands.h"
#include "exit.h"
#include "fetch.h"
#include "output.h"

enum { FINDINGS_MAX = 16, WORDS_MAX = 400 };

enum verdict { GOOD, BAD, SKIPPED };

struct finding {
    const char *name;
    enum verdict verdict;
    char detail[WORDS_MAX];
    const char *mend; /* NULL for what is good */
};

struct doctor {
    const struct cli_args *args;
    struct finding findings[FINDINGS_MAX];
    size_t n;
    struct vp_error first; /* the first fault decides the exit status */
};

/* ---- findings ---- */

static struct finding *add(struct doctor *doctor, const char *name, enum verdict verdict)
{
    struct finding *finding = &doctor->findings[doctor->n++];
    finding->name = name;
    finding->verdict = verdict;
    return finding;
}

static void good(struct doctor *doctor, const char *name, const char *format, ...) VP_PRINTF(3, 4);
static void good(struct doctor *doctor, const char *name, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    (void)vsnprintf(add(doctor, name, GOOD)->detail, WORDS_MAX, format, values);
    va_end(values);
}

static void bad(struct doctor *doctor, const char *name, const struct vp_error *error, const char *mend)
{
    struct finding *finding = add(doctor, name, BAD);
    (void)snprintf(finding->detail, WORDS_MAX, "%.250s%s%.120s%s", error->message, error->detail[0] == '\0' ? "" : " (",
                   error->detail, error->detail[0] == '\0' ? "" : ")");
    finding->mend = mend;
    if (doctor->first.reason == VP_REASON_NONE)
        doctor->first = *error;
}

static void skip(struct doctor *doctor, const char *name, const char *why)
{
    (void)snprintf(add(doctor, name, SKIPPED)->detail, WORDS_MAX, "%s", why);
}

static void broken(struct doctor *doctor, const char *name, enum vp_reason reason, const char *words, const char *mend)
{
    struct vp_error error;
    (void)vp_fail(&error, reason, "%s", words);
    bad(doctor, name, &error, mend);
}

/* What mends a failure to reach a server. */
static const char *reach_mend(enum vp_reason reason, bool arvados)
{
    switch (reason) {
    case VP_REASON_UPSTREAM_DNS:
        return "does the address have a mistake? A container has a network only with API access (arv:APIRequirement)";
    case VP_REASON_UPSTREAM_TLS:
        return arvados ? "SSL_CERT_FILE, or /etc/arvados/ca-certificates.crt, must hold the CA of the API server"
                       : "BAO_CACERT (or /etc/arvados/ca-certificates.crt of the node) must hold the CA of the vault; "
                         "BAO_TLS_SERVER_NAME its name";
    case VP_REASON_UPSTREAM_BAD_ANSWER:
        return "is that really its address, and not a proxy's or a web page's?";
    default:
        return "is it running, and does a firewall stand between? A container has a network only with API access";
    }
}

/* ---- Arvados ---- */

static void look_at_host(struct doctor *doctor, struct cli_session *session, struct arv_client **ret_client)
{
    struct arv_credentials credentials = { .deadline_ms = session->settings->deadline_ms };
    struct arv_discovery discovery;
    struct vp_error error = { 0 };
    *ret_client = NULL;
    if (session->settings->arvados_host == NULL) {
        skip(doctor, "arvados", "ARVADOS_API_HOST is not set; a login does not need it");
        return;
    }
    if (cli_session_arvados(session, ret_client, &error) != VP_OK)
        bad(doctor, "arvados", &error, "ARVADOS_API_HOST is the API server's host, as crunch-run sets it");
    else if (arv_discover(*ret_client, &credentials, &discovery, &error) != VP_OK)
        bad(doctor, "arvados", &error, reach_mend(error.reason, true));
    else
        good(doctor, "arvados", "%s is cluster %s, version %s", session->settings->arvados_host, discovery.cluster_id,
             discovery.version[0] == '\0' ? "unknown" : discovery.version);
}

static void look_at_container(struct doctor *doctor, struct cli_session *session, struct arv_client *client,
                              const struct vp_secret *token)
{
    struct arv_credentials credentials = { .token = token, .deadline_ms = session->settings->deadline_ms };
    struct arv_identity identity = { 0 };
    struct vp_error error = { 0 };
    if (arv_identify(client, &credentials, ARV_ANY_TOKEN, &identity, &error) != VP_OK)
        bad(doctor, "container", &error,
            vp_reason_code(error.reason) == VP_ERR_DENIED ? "Arvados takes a run token only while its container runs"
                                                          : reach_mend(error.reason, true));
    else if (!identity.has_container)
        good(doctor, "container", "the token is %s's own, not a container's: for a mount with login_kind=user",
             identity.user.uuid);
    else
        good(doctor, "container", "%s of user %s is %s", identity.container.uuid, identity.user.uuid,
             identity.container.state);
    arv_identity_clear(&identity);
}

static void look_at_token(struct doctor *doctor, struct cli_session *session, struct arv_client *client)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    const struct cli_settings *settings = session->settings;
    struct arv_token_text parts;
    struct vp_error error = { 0 };
    if (settings->arvados_token == NULL) {
        broken(doctor, "token", VP_REASON_LOCAL_CONFIG, "there is no Arvados token (ARVADOS_API_TOKEN)",
               "a container has one only with API access: CWL \"requirements: {arv:APIRequirement: {}}\", container "
               "request "
               "\"runtime_constraints\": {\"API\": true}");
        skip(doctor, "container", "there is no token");
        return;
    }
    if (arv_token_parse(settings->arvados_token, &token, &parts, &error) != VP_OK) {
        bad(doctor, "token", &error, "use the token as crunch-run sets it: v2/<token uuid>/<secret>/<container uuid>");
        skip(doctor, "container", "the token is not sent anywhere");
        return;
    }
    good(doctor, "token", "%s from %s%s%s", parts.uuid, settings->arvados_token_source,
         parts.container_uuid[0] == '\0' ? "" : ", of container ", parts.container_uuid);
    if (client == NULL)
        skip(doctor, "container", "Arvados is not asked");
    else
        look_at_container(doctor, session, client, token);
}

/* ---- the vault ---- */

static bool look_at_vault(struct doctor *doctor, struct cli_session *session)
{
    struct vault_health health;
    struct vp_error error = { 0 };
    if (vault_health(session->vault, &health, &error) != VP_OK) {
        bad(doctor, "vault", &error, reach_mend(error.reason, false));
        return false;
    }
    if (!health.initialized || health.sealed) {
        broken(doctor, "vault", VP_REASON_UPSTREAM_BUSY, health.sealed ? "it is sealed" : "it is not initialized",
               "a vault admin unseals it");
        return false;
    }
    good(doctor, "vault", "%s:%u answers, version %s%s", session->settings->vault.host,
         (unsigned)session->settings->vault.port, health.version, health.standby ? ", a standby" : "");
    return true;
}

static const char *login_mend(enum vp_reason reason)
{
    switch (reason) {
    case VP_REASON_FORBIDDEN:
        return "the vault's log has the reason under the request id; a vault admin asks `bao write "
               "auth/<mount>/explain "
               "container_uuid=...`. Most often no grant counts: arv-vault grant check";
    case VP_REASON_VAULT_REFUSES:
        return "is the mount's name right (ARV_VAULT_MOUNT), and the role's (ARV_VAULT_ROLE)?";
    case VP_REASON_UPSTREAM_BUSY:
        return "the vault can't reach Arvados: a vault admin reads auth/<mount>/config/check";
    default:
        return "see what it says";
    }
}

static bool look_at_login(struct doctor *doctor, struct cli_session *session)
{
    struct vp_error error = { 0 };
    const struct cli_settings *settings = session->settings;
    if (settings->vault_token != NULL) {
        if (vault_set_token(session->vault, settings->vault_token, &error) == VP_OK) {
            skip(doctor, "login", "a Vault token is given, so none is made by a login");
            return true;
        }
        bad(doctor, "login", &error, "unset BAO_TOKEN and VAULT_TOKEN to log in instead");
        return false;
    }
    if (cli_session_log_in(session, &error) != VP_OK) {
        bad(doctor, "login", &error, login_mend(error.reason));
        return false;
    }
    good(doctor, "login", "at auth/%s, role %s, for %lld s", settings->mount,
         settings->role == NULL ? "of the mount's choice" : settings->role, (long long)session->login.ttl_s);
    return true;
}

static void look_at_policies(struct doctor *doctor, struct cli_session *session)
{
    static const struct vault_request REQUEST = { .path = "auth/token/lookup-self" };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_error error = { 0 };
    struct vp_buf names = VP_BUF_INIT(WORDS_MAX);
    if (vault_ask(session->vault, &REQUEST, &document, &error) != VP_OK) {
        bad(doctor, "policy", &error, "the token is not valid here, or has ended");
        return;
    }
    const struct vp_json *policies = vp_json_get(vp_json_get(document, "data"), "policies");
    for (size_t i = 0; i < vp_json_len(policies); i++)
        if (vp_json_type(vp_json_at(policies, i)) == VP_JSON_TEXT)
            vp_buf_add_format(&names, "%s%s", i == 0 ? "" : ", ", vp_json_text(vp_json_at(policies, i)));
    good(doctor, "policy", "%s", vp_buf_text(&names));
    vp_buf_clear(&names);
}

static void look_at_secret(struct doctor *doctor, struct cli_session *session)
{
    struct vp_buf content = VP_BUF_INIT(CLI_OUTPUT_MAX);
    struct vp_error error = { 0 };
    struct cli_ref ref = { 0 };
    bool absent = false;
    if (doctor->args->n_rest == 0) {
        skip(doctor, "secret", "no path was given");
        return;
    }
    if (cli_ref_parse(doctor->args->rest[0], strlen(doctor->args->rest[0]), &ref, &error) != VP_OK ||
        cli_fetch_ref(session, &ref, false, &content, &absent, &error) != VP_OK) {
        cli_session_explain(session, &error);
        bad(doctor, "secret", &error,
            error.reason == VP_REASON_FORBIDDEN ? "the policies above must allow read there: secret/data/... in KV v2"
                                                : "is the path right? bao kv list shows what is there");
    } else if (absent)
        good(doctor, "secret", "%s is missing, which it may be", doctor->args->rest[0]);
    else
        good(doctor, "secret", "%s can be read (%zu bytes)", doctor->args->rest[0], content.len);
    /* It was read to see that it can be: a lease that came with it is nobody's. */
    session->keep_token = false;
    vp_buf_clear(&content);
    cli_ref_clear(&ref);
}

static enum vp_code examine(struct cli_session *session, void *context, struct vp_error *err)
{
    static const char *const BEHIND_LOGIN[] = { "policy", "secret" };
    struct doctor *doctor = context;
    struct arv_client *client = NULL;
    (void)err;
    look_at_host(doctor, session, &client);
    look_at_token(doctor, session, client);
    arv_client_free(client);
    bool reached = look_at_vault(doctor, session);
    if (!reached)
        skip(doctor, "login", "the vault can't be asked");
    if (reached && look_at_login(doctor, session)) {
        look_at_policies(doctor, session);
        look_at_secret(doctor, session);
    } else
        for (size_t i = 0; i < sizeof BEHIND_LOGIN / sizeof BEHIND_LOGIN[0]; i++)
            skip(doctor, BEHIND_LOGIN[i], "there is no Vault token");
    return VP_OK;
}

/* ---- telling ---- */

static void write_json(const struct doctor *doctor, struct vp_buf *json)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, json);
    vp_json_open_object(&writer);
    vp_json_add_bool(&writer, "ok", doctor->first.reason == VP_REASON_NONE);
    vp_json_put_key(&writer, "checks");
    vp_json_open_array(&writer);
    for (size_t i = 0; i < doctor->n; i++) {
        const struct finding *finding = &doctor->findings[i];
        vp_json_open_object(&writer);
        vp_json_add_text(&writer, "name", finding->name);
        vp_json_put_key(&writer, "ok");
        if (finding->verdict == SKIPPED)
            vp_json_put_null(&writer);
        else
            vp_json_put_bool(&writer, finding->verdict == GOOD);
        vp_json_add_text(&writer, "detail", finding->detail);
        vp_json_add_text(&writer, "mend", finding->mend);
        vp_json_close_object(&writer);
    }
    vp_json_close_array(&writer);
    vp_json_close_object(&writer);
}

static void write_lines(const struct doctor *doctor, struct vp_buf *text)
{
    static const char *const MARKS[] = { [GOOD] = "ok", [BAD] = "BAD", [SKIPPED] = "-" };
    for (size_t i = 0; i < doctor->n; i++) {
        const struct finding *finding = &doctor->findings[i];
        const char *colour = finding->verdict == GOOD  ? cli_output_green()
                             : finding->verdict == BAD ? cli_output_red()
                                                       : "";
        vp_buf_add_format(text, "%s%-4s%s %-10s %s\n", colour, MARKS[finding->verdict],
                          *colour == '\0' ? "" : cli_output_plain(), finding->name, finding->detail);
        if (finding->mend != NULL)
            vp_buf_add_format(text, "                -> %s\n", finding->mend);
    }
}

static enum vp_code tell(const struct doctor *doctor, enum cli_output_format format, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(CLI_OUTPUT_MAX);
    enum vp_code code;
    if (format == CLI_OUTPUT_JSON) {
        write_json(doctor, &text);
        code = cli_output_show(&text, format, err);
    } else {
        write_lines(doctor, &text);
        code = cli_output_raw(&text, err);
    }
    vp_buf_clear(&text);
    return code;
}

COMMAND(cli_cmd_doctor)
{
    struct doctor doctor = { .args = args };
    const struct cli_session_need how = { .args = args, .only_connect = true };
    struct vp_error error = { 0 };
    enum cli_output_format format;
    VP_TRY(cli_output_format_parse(args->format, &format, err));
    if (cli_session_run(command, &how, examine, &doctor, &error) != VP_OK)
        bad(&doctor, "settings", &error,
            "set BAO_ADDR, BAO_CACERT and ARVADOS_API_TOKEN; arv-vault doctor --help names them");
    VP_TRY(tell(&doctor, format, err));
    *ret_status = doctor.first.reason == VP_REASON_NONE ? 0 : cli_exit_status(&doctor.first);
    return VP_OK;
}
