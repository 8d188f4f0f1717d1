#include "settings.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vp/clock.h"
#include "vp/duration.h"

#include "exit.h"
#include "files.h"

enum {
    CA_MAX = 8 * 1024 * 1024,
    CONF_MAX = 64 * 1024,
    HOME_PATH_MAX = 1024,
    TIMEOUT_DEFAULT_S = 60,
    RETRIES_DEFAULT = 2,
    RETRIES_PATIENT = 8, /* with their pauses some ten seconds: a vault that restarts, a leader that is elected */
    RETRIES_MAX = 100,
    DURATION_MAX_S = 10 * 366 * 24 * 3600, /* in milliseconds too far from the end of int64_t */
};

/* Where crunch-run binds the node's certificates (lib/crunchrun of Arvados), and where its tools look first. */
static const char ARVADOS_BUNDLE[] = "/etc/arvados/ca-certificates.crt";

/* ---- texts ---- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return vp_text_is_set(value) ? value : NULL;
}

/* The option, BAO_<name>, VAULT_<name>: first wins. *ret_source may be NULL. */
static const char *pick(const char *option, const char *option_name, const char *bao, const char **ret_source)
{
    char vault[64];
    const char *unread;
    const char **source = ret_source == NULL ? &unread : ret_source;
    (void)snprintf(vault, sizeof vault, "VAULT_%s", bao + strlen("BAO_"));
    *source = option_name;
    if (option != NULL)
        return option;
    *source = bao;
    if (environment(bao) != NULL)
        return environment(bao);
    *source = "its VAULT_ name";
    return environment(vault);
}

bool cli_settings_duration(const char *text, int64_t *ret_seconds)
{
    int64_t seconds = 0;
    if (!vp_duration_parse(text, &seconds) || seconds <= 0 || seconds > DURATION_MAX_S)
        return false;
    *ret_seconds = seconds;
    return true;
}

static bool home_path(const char *rest, char path[HOME_PATH_MAX])
{
    const char *home = environment("HOME");
    if (home == NULL)
        return false;
    int len = snprintf(path, HOME_PATH_MAX, "%s/%s", home, rest);
    return len > 0 && len < HOME_PATH_MAX;
}

/* ---- trust ---- */

static enum vp_code read_pem(const char *path, struct vp_buf *pem, struct vp_error *err)
{
    VP_TRY(cli_files_read(path, "the CA file", pem, err));
    vp_buf_add_text(pem, "\n");
    return VP_OK;
}

static bool is_file(const char *path)
{
    struct stat seen;
    return stat(path, &seen) == 0 && S_ISREG(seen.st_mode);
}

/* All files of a folder, no folders in it; hashed links to the same certificates only come twice. */
static enum vp_code read_folder(const char *path, struct vp_buf *pem, struct vp_error *err)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    enum vp_code code = VP_OK;
    if (folder == NULL)
        return vp_fail(err, VP_REASON_LOCAL_IO, "can't read the folder %.200s of CA certificates", path);
    while (code == VP_OK && (entry = readdir(folder)) != NULL) {
        char file[HOME_PATH_MAX];
        if (entry->d_name[0] == '.' || snprintf(file, sizeof file, "%s/%s", path, entry->d_name) >= (int)sizeof file)
            continue;
        if (is_file(file))
            code = read_pem(file, pem, err);
    }
    (void)closedir(folder);
    return code;
}

static enum vp_code take_pem(struct vp_buf *pem, enum vp_code code, char **ret_pem, struct vp_error *err)
{
    if (code == VP_OK)
        code = vp_buf_check(pem, "the CA certificates", err);
    if (code == VP_OK) {
        *ret_pem = vp_buf_take(pem);
        code = *ret_pem == NULL ? vp_fail_no_memory(err) : VP_OK;
    }
    vp_buf_clear(pem);
    return code;
}

enum vp_code cli_settings_arvados_ca(char **ret_pem, struct vp_error *err)
{
    struct vp_buf pem = VP_BUF_INIT(CA_MAX);
    const char *file = environment("SSL_CERT_FILE");
    *ret_pem = NULL;
    if (file == NULL && access(ARVADOS_BUNDLE, R_OK) == 0)
        file = ARVADOS_BUNDLE;
    if (file == NULL)
        return VP_OK;
    return take_pem(&pem, read_pem(file, &pem, err), ret_pem, err);
}

static enum vp_code read_vault_ca(const struct cli_args *args, char **ret_pem, struct vp_error *err)
{
    struct vp_buf pem = VP_BUF_INIT(CA_MAX);
    const char *file = pick(args->ca_cert, "--ca-cert", "BAO_CACERT", NULL);
    const char *folder = pick(args->ca_path, "--ca-path", "BAO_CAPATH", NULL);
    if (file != NULL)
        return take_pem(&pem, read_pem(file, &pem, err), ret_pem, err);
    if (folder != NULL)
        return take_pem(&pem, read_folder(folder, &pem, err), ret_pem, err);
    return cli_settings_arvados_ca(ret_pem, err);
}

/* ---- the vault ---- */

static enum vp_code read_address(const struct cli_args *args, struct cli_settings *settings, struct vp_error *err)
{
    const char *source;
    struct vp_error fault;
    const char *address = pick(args->address, "--address", "BAO_ADDR", &source);
    if (address == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "no vault is named: set BAO_ADDR (or VAULT_ADDR) to its address, like "
                       "https://vault.example:8200");
    if (http_origin_parse_near(address, &settings->vault, &fault) != VP_OK)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the vault's address (%s) can't be used: %s", source,
                       fault.message);
    return VP_OK;
}

static enum vp_code read_limits(const struct cli_args *args, bool patient, struct cli_settings *settings,
                                struct vp_error *err)
{
    int64_t timeout_s = TIMEOUT_DEFAULT_S;
    const char *timeout = pick(args->timeout, "--timeout", "BAO_CLIENT_TIMEOUT", NULL);
    const char *retries = pick(args->max_retries, "--max-retries", "BAO_MAX_RETRIES", NULL);
    if (timeout != NULL && !cli_settings_duration(timeout, &timeout_s))
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the timeout must be a number of seconds, or like 90s, 5m, 1h30m");
    settings->max_retries = patient ? RETRIES_PATIENT : RETRIES_DEFAULT;
    if (retries != NULL) {
        char *end;
        unsigned long number = strtoul(retries, &end, 10);
        if (*end != '\0' || *retries == '-' || number > RETRIES_MAX)
            return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the number of retries must be one from 0 to %d", RETRIES_MAX);
        settings->max_retries = (unsigned)number;
    }
    settings->timeout_ms = timeout_s * 1000;
    settings->deadline_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + settings->timeout_ms;
    return VP_OK;
}

/* Header text: what would end a line, or start another, is refused. */
static enum vp_code check_word(const char *what, const char *word, struct vp_error *err)
{
    for (const char *at = word; at != NULL && *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%s holds a blank or a strange character", what);
    return VP_OK;
}

static enum vp_code secret_of(const char *text, struct vp_secret **ret_secret, struct vp_error *err)
{
    *ret_secret = vp_secret_new(text, strlen(text));
    return *ret_secret == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code read_vault_token(const struct cli_args *args, struct cli_settings *settings, struct vp_error *err)
{
    char file[HOME_PATH_MAX];
    const char *token = pick(NULL, NULL, "BAO_TOKEN", &settings->vault_token_source);
    if (args->token_file != NULL) {
        settings->vault_token_source = "--token-file";
        return cli_files_read_secret(args->token_file, "the token file", &settings->vault_token, err);
    }
    if (token != NULL)
        return secret_of(token, &settings->vault_token, err);
    settings->vault_token_source = "~/.vault-token";
    if (home_path(".vault-token", file) && access(file, R_OK) == 0)
        return cli_files_read_secret(file, "the token file", &settings->vault_token, err);
    settings->vault_token_source = NULL;
    return VP_OK;
}

/* ---- Arvados ---- */

struct conf {
    char *host;
    struct vp_secret *token;
};

static enum vp_code take_line(const char *line, size_t len, struct conf *conf, struct vp_error *err)
{
    static const char HOST[] = "ARVADOS_API_HOST=";
    static const char TOKEN[] = "ARVADOS_API_TOKEN=";
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
        len--;
    if (conf->host == NULL && len > strlen(HOST) && strncmp(line, HOST, strlen(HOST)) == 0) {
        conf->host = strndup(line + strlen(HOST), len - strlen(HOST));
        return conf->host == NULL ? vp_fail_no_memory(err) : VP_OK;
    }
    if (conf->token == NULL && len > strlen(TOKEN) && strncmp(line, TOKEN, strlen(TOKEN)) == 0) {
        conf->token = vp_secret_new(line + strlen(TOKEN), len - strlen(TOKEN));
        return conf->token == NULL ? vp_fail_no_memory(err) : VP_OK;
    }
    return VP_OK;
}

/* ~/.config/arvados/settings.conf: lines NAME=value. */
static enum vp_code read_conf(struct conf *conf, struct vp_error *err)
{
    char file[HOME_PATH_MAX];
    struct vp_buf text = VP_BUF_INIT(CONF_MAX);
    if (!home_path(".config/arvados/settings.conf", file) || access(file, R_OK) != 0)
        return VP_OK;
    enum vp_code code = cli_files_read(file, "the Arvados settings", &text, err);
    for (const char *line = vp_buf_text(&text); code == VP_OK && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        code = take_line(line, len, conf, err);
        line += len + (line[len] == '\n');
    }
    vp_buf_clear(&text);
    return code;
}

static enum vp_code read_arvados(const struct cli_args *args, struct cli_settings *settings, struct vp_error *err)
{
    struct conf conf = { 0 };
    const char *host = environment("ARVADOS_API_HOST");
    const char *token = environment("ARVADOS_API_TOKEN");
    enum vp_code code = VP_OK;
    if (host == NULL || token == NULL)
        code = read_conf(&conf, err);
    if (code == VP_OK && host != NULL) {
        settings->arvados_host = strdup(host);
        if (settings->arvados_host == NULL)
            code = vp_fail_no_memory(err);
    } else
        settings->arvados_host = VP_TAKE(conf.host);
    if (code == VP_OK && args->arvados_token_file != NULL) {
        settings->arvados_token_source = "--arvados-token-file";
        code =
            cli_files_read_secret(args->arvados_token_file, "the Arvados token's file", &settings->arvados_token, err);
    } else if (code == VP_OK && token != NULL) {
        settings->arvados_token_source = "ARVADOS_API_TOKEN";
        code = secret_of(token, &settings->arvados_token, err);
    } else if (code == VP_OK) {
        settings->arvados_token_source = "settings.conf";
        settings->arvados_token = VP_TAKE(conf.token);
    }
    free(conf.host);
    vp_secret_free(conf.token);
    return code;
}

/* ---- all ---- */

static enum vp_code read_all(const struct cli_args *args, unsigned groups, bool patient, struct cli_settings *settings,
                             struct vp_error *err)
{
    const char *mount = args->mount != NULL ? args->mount : environment("ARV_VAULT_MOUNT");
    settings->quiet = args->quiet;
    settings->mount = mount == NULL ? "arvados" : mount;
    settings->role = args->role != NULL ? args->role : environment("ARV_VAULT_ROLE");
    settings->salt_label = args->salt_label != NULL ? args->salt_label : environment("ARV_VAULT_SALT_LABEL");
    settings->name_space = pick(args->name_space, "--namespace", "BAO_NAMESPACE", NULL);
    settings->tls_server_name = pick(args->tls_server_name, "--tls-server-name", "BAO_TLS_SERVER_NAME", NULL);
    VP_TRY(check_word("the mount's name", settings->mount, err));
    VP_TRY(check_word("the namespace", settings->name_space, err));
    VP_TRY(read_limits(args, patient, settings, err));
    VP_TRY(read_address(args, settings, err));
    VP_TRY(read_vault_ca(args, &settings->vault_ca_pem, err));
    if (environment("BAO_SKIP_VERIFY") != NULL || environment("VAULT_SKIP_VERIFY") != NULL)
        cli_exit_warn(args->quiet,
                      "BAO_SKIP_VERIFY and VAULT_SKIP_VERIFY are ignored: the vault's certificate is always checked");
    if ((groups & CLI_ARGS_TOKEN) != 0)
        VP_TRY(read_vault_token(args, settings, err));
    if ((groups & CLI_ARGS_LOGIN) != 0)
        VP_TRY(read_arvados(args, settings, err));
    return VP_OK;
}

enum vp_code cli_settings_read(const struct cli_args *args, unsigned groups, bool patient,
                               struct cli_settings *ret_settings, struct vp_error *err)
{
    struct cli_settings settings = { 0 };
    enum vp_code code = read_all(args, groups, patient, &settings, err);
    if (code != VP_OK) {
        cli_settings_clear(&settings);
        return code;
    }
    *ret_settings = settings;
    return VP_OK;
}

void cli_settings_clear(struct cli_settings *settings)
{
    free(settings->vault_ca_pem);
    vp_secret_free(settings->vault_token);
    free(settings->arvados_host);
    vp_secret_free(settings->arvados_token);
    *settings = (struct cli_settings){ 0 };
}
