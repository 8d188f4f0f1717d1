#include "settings.h"

#include <dirent.h>
#include <errno.h>
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
    TOKEN_MAX = 4096,
    NAME_LEN_MAX = 64,
};

#define TIMEOUT_NONE_MS ((int64_t)365 * 24 * 3600 * 1000)

/* Where crunch-run binds the node's certificates (lib/crunchrun of Arvados), and where its tools look first. */
static const char ARVADOS_BUNDLE[] = "/etc/arvados/ca-certificates.crt";

/* ---- texts ---- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return vp_text_is_set(value) ? value : NULL;
}

/* What a setting is called: its option (or NULL), and its variables in the order in which they count. */
struct names {
    const char *option;
    const char *bao;
    const char *vault;
};
#define NAMES(option, name) (&(const struct names){ option, "BAO_" name, "VAULT_" name })

/* The option, BAO_<name>, VAULT_<name>: first wins. *ret_source may be NULL. */
static const char *pick(const char *option, const struct names *names, const char **ret_source)
{
    const char *source = option != NULL ? names->option : environment(names->bao) != NULL ? names->bao : names->vault;
    if (ret_source != NULL)
        *ret_source = source;
    return option != NULL ? option : environment(source);
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

/* In front of each file's content, for messages: readers of PEM skip what is between certificates. */
static const char FILE_MARK[] = "arv-vault read this from ";

static enum vp_code read_pem(const char *path, struct vp_buf *pem, struct vp_error *err)
{
    vp_buf_add_format(pem, "%s%s\n", FILE_MARK, path);
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

/* Options before variables, BAO_... before VAULT_...; of each a file before a folder, as bao does. */
static enum vp_code read_vault_ca(const struct cli_args *args, char **ret_pem, struct vp_error *err)
{
    struct vp_buf pem = VP_BUF_INIT(CA_MAX);
    const struct {
        const char *file;
        const char *folder;
    } SOURCES[] = { { args->ca_cert, args->ca_path },
                    { environment("BAO_CACERT"), environment("BAO_CAPATH") },
                    { environment("VAULT_CACERT"), environment("VAULT_CAPATH") } };
    for (size_t i = 0; i < sizeof SOURCES / sizeof SOURCES[0]; i++) {
        if (SOURCES[i].file != NULL)
            return take_pem(&pem, read_pem(SOURCES[i].file, &pem, err), ret_pem, err);
        if (SOURCES[i].folder != NULL)
            return take_pem(&pem, read_folder(SOURCES[i].folder, &pem, err), ret_pem, err);
    }
    return cli_settings_arvados_ca(ret_pem, err);
}

static void keep_certificate(struct vp_buf *good, const char *block, size_t len, const char *file, bool quiet)
{
    struct vp_buf one = VP_BUF_INIT(CA_MAX);
    struct vp_error fault;
    vp_buf_add(&one, block, len);
    vp_buf_add_text(&one, "\n");
    if (!one.failed && http_check_ca_pem(vp_buf_text(&one), &fault) == VP_OK)
        vp_buf_add_text(good, vp_buf_text(&one));
    else
        cli_exit_warn(quiet, "a broken certificate in %.300s is left out", file);
    vp_buf_clear(&one);
}

/* One broken certificate of many, or a key among them, is no reason to trust none of the others. */
bool cli_settings_drop_broken_certificates(struct cli_settings *settings)
{
    static const char BEGIN[] = "-----BEGIN CERTIFICATE-----";
    static const char END[] = "-----END CERTIFICATE-----";
    struct vp_buf good = VP_BUF_INIT(CA_MAX);
    char file[HOME_PATH_MAX] = "";
    bool has_any = true;
    for (const char *at = settings->vault_ca_pem; at != NULL && *at != '\0';) {
        size_t line = strcspn(at, "\n");
        if (strncmp(at, FILE_MARK, strlen(FILE_MARK)) == 0) {
            if (!has_any)
                cli_exit_warn(settings->quiet, "%.300s has no certificate and is left out", file);
            (void)snprintf(file, sizeof file, "%.*s", (int)(line - strlen(FILE_MARK)), at + strlen(FILE_MARK));
            has_any = false;
        }
        const char *end = strncmp(at, BEGIN, strlen(BEGIN)) == 0 ? strstr(at, END) : NULL;
        if (end != NULL) {
            line = (size_t)(end - at) + strlen(END);
            keep_certificate(&good, at, line, file, settings->quiet);
            has_any = true;
        }
        at += line + (at[line] == '\n');
    }
    if (!has_any && *file != '\0')
        cli_exit_warn(settings->quiet, "%.300s has no certificate and is left out", file);
    bool useful = good.len > 0 && !good.failed;
    if (useful) {
        free(settings->vault_ca_pem);
        settings->vault_ca_pem = vp_buf_take(&good);
    }
    vp_buf_clear(&good);
    return useful && settings->vault_ca_pem != NULL;
}

/* ---- the server ---- */

/* "vault.example.:8200" is how a name without search domains is written. */
static void drop_final_dot(const char *address, char plain[HOME_PATH_MAX])
{
    const char *scheme = strstr(address, "://");
    size_t host = scheme == NULL ? 0 : (size_t)(scheme - address) + 3;
    size_t end = host + strcspn(address + host, ":/");
    bool dot = end > host && address[end - 1] == '.';
    (void)snprintf(plain, HOME_PATH_MAX, "%.*s%s", (int)(dot ? end - 1 : end), address, address + end);
}

static enum vp_code read_address(const struct cli_args *args, struct cli_settings *settings, struct vp_error *err)
{
    const char *source;
    struct vp_error fault;
    const char *address = pick(args->address, NAMES("--address", "ADDR"), &source);
    if (address == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "no server address: set BAO_ADDR (or VAULT_ADDR) or pass --address, like "
                       "https://vault.example:8200");
    char plain[HOME_PATH_MAX];
    drop_final_dot(address, plain);
    if (http_origin_parse_near(plain, &settings->vault, &fault) != VP_OK)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the server address in %s can't be used: %s", source,
                       fault.message);
    return VP_OK;
}

/* As bao takes it: 0 is no limit. */
static enum vp_code read_timeout(const struct cli_args *args, struct cli_settings *settings, struct vp_error *err)
{
    const char *source;
    const char *timeout = pick(args->timeout, NAMES("--timeout", "CLIENT_TIMEOUT"), &source);
    settings->timeout_ms = TIMEOUT_DEFAULT_S * 1000;
    if (timeout != NULL && !cli_settings_duration_ms(timeout, &settings->timeout_ms))
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "%s: \"%.60s\" is no duration: write seconds, or like 90s, 1m30s, 500ms; 0 for no limit", source,
                       timeout);
    if (settings->timeout_ms == 0)
        settings->timeout_ms = TIMEOUT_NONE_MS;
    settings->deadline_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + settings->timeout_ms;
    return VP_OK;
}

static enum vp_code read_retries(const struct cli_args *args, bool patient, struct cli_settings *settings,
                                 struct vp_error *err)
{
    const char *source;
    char *end;
    const char *retries = pick(args->max_retries, NAMES("--max-retries", "MAX_RETRIES"), &source);
    settings->max_retries = patient ? RETRIES_PATIENT : RETRIES_DEFAULT;
    if (retries == NULL)
        return VP_OK;
    unsigned long number = strtoul(retries, &end, 10);
    if (*end != '\0' || *retries == '-' || number > RETRIES_MAX)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%s: must be a number from 0 to %d", source, RETRIES_MAX);
    settings->max_retries = (unsigned)number;
    return VP_OK;
}

/* What bao takes from the environment and this program does not use. */
static void warn_of_ignored(bool quiet)
{
    static const struct {
        const char *name;
        const char *why;
    } IGNORED[] = {
        { "SKIP_VERIFY", "the server's certificate is always verified" },
        { "CACERT_BYTES", "set BAO_CACERT to a file" },
        { "PROXY_ADDR", "proxies are not used" },
        { "HTTP_PROXY", "proxies are not used" },
        { "AGENT_ADDR", "set BAO_ADDR" },
        { "SRV_LOOKUP", "SRV records are not used" },
        { "WRAP_TTL", "use the command wrap" },
        { "MFA", "logins with MFA are not supported" },
    };
    static const char *const PREFIXES[] = { "BAO_", "VAULT_" };
    for (size_t i = 0; i < sizeof IGNORED / sizeof IGNORED[0]; i++)
        for (size_t j = 0; j < sizeof PREFIXES / sizeof PREFIXES[0]; j++) {
            char name[NAME_LEN_MAX];
            (void)snprintf(name, sizeof name, "%s%s", PREFIXES[j], IGNORED[i].name);
            if (environment(name) != NULL)
                cli_exit_warn(quiet, "%s is ignored: %s", name, IGNORED[i].why);
        }
}

static enum vp_code check_readable(const char *file, const char *source, struct vp_error *err)
{
    char why[128];
    if (access(file, R_OK) == 0)
        return VP_OK;
    return vp_fail(err, VP_REASON_LOCAL_IO, "can't read %.200s (%s): %s", file, source,
                   strerror_r(errno, why, sizeof why));
}

/* Both or none, as bao has it. */
static enum vp_code read_client_cert(const struct cli_args *args, struct cli_settings *settings, struct vp_error *err)
{
    const char *cert_source;
    const char *key_source;
    settings->client_cert = pick(args->client_cert, NAMES("--client-cert", "CLIENT_CERT"), &cert_source);
    settings->client_key = pick(args->client_key, NAMES("--client-key", "CLIENT_KEY"), &key_source);
    if (settings->client_cert == NULL && settings->client_key == NULL)
        return VP_OK;
    if (settings->client_cert == NULL || settings->client_key == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "a client certificate needs both files: set BAO_CLIENT_CERT and BAO_CLIENT_KEY");
    VP_TRY(check_readable(settings->client_cert, cert_source, err));
    return check_readable(settings->client_key, key_source, err);
}

/* Header text: what would end a line, or start another, is refused. */
static enum vp_code check_word(const char *what, const char *word, struct vp_error *err)
{
    for (const char *at = word; at != NULL && *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%s holds a blank or a non-printable character", what);
    return VP_OK;
}

static enum vp_code secret_of(const char *text, const char *source, struct vp_secret **ret_secret, struct vp_error *err)
{
    if (strlen(text) > TOKEN_MAX)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "what %s holds is no token: it is longer than %d characters",
                       source, TOKEN_MAX);
    *ret_secret = vp_secret_new(text, strlen(text));
    return *ret_secret == NULL ? vp_fail_no_memory(err) : VP_OK;
}

/* An empty file, as a shell's > leaves it, is as good as none. */
static enum vp_code read_token_file(const char *file, struct vp_secret **ret_token, struct vp_error *err)
{
    struct stat seen;
    if (access(file, R_OK) != 0 || stat(file, &seen) != 0 || seen.st_size == 0)
        return VP_OK;
    return cli_files_read_secret(file, "the token file", ret_token, err);
}

static enum vp_code read_vault_token(const struct cli_args *args, struct cli_settings *settings, struct vp_error *err)
{
    char file[HOME_PATH_MAX];
    const char *token = pick(NULL, NAMES(NULL, "TOKEN"), &settings->vault_token_source);
    if (args->token_file != NULL) {
        settings->vault_token_source = "--token-file";
        return cli_files_read_secret(args->token_file, "the token file", &settings->vault_token, err);
    }
    if (token != NULL)
        return secret_of(token, settings->vault_token_source, &settings->vault_token, err);
    settings->vault_token_source = CLI_SETTINGS_TOKEN_FILE;
    if (home_path(".vault-token", file))
        VP_TRY(read_token_file(file, &settings->vault_token, err));
    if (settings->vault_token == NULL)
        settings->vault_token_source = NULL;
    return VP_OK;
}

/* ---- Arvados ---- */

struct conf {
    char *host;
    struct vp_secret *token;
};

/* Of two lines with one name the last counts, as for Arvados' own tools. */
static enum vp_code take_line(const char *line, size_t len, struct conf *conf, struct vp_error *err)
{
    static const char HOST[] = "ARVADOS_API_HOST=";
    static const char TOKEN[] = "ARVADOS_API_TOKEN=";
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
        len--;
    if (len >= strlen(HOST) && strncmp(line, HOST, strlen(HOST)) == 0) {
        free(conf->host);
        conf->host = strndup(line + strlen(HOST), len - strlen(HOST));
        return conf->host == NULL ? vp_fail_no_memory(err) : VP_OK;
    }
    if (len >= strlen(TOKEN) && strncmp(line, TOKEN, strlen(TOKEN)) == 0) {
        if (len - strlen(TOKEN) > TOKEN_MAX)
            return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                           "the ARVADOS_API_TOKEN of settings.conf is longer than %d characters", TOKEN_MAX);
        vp_secret_free(conf->token);
        conf->token = vp_secret_new(line + strlen(TOKEN), len - strlen(TOKEN));
        return conf->token == NULL ? vp_fail_no_memory(err) : VP_OK;
    }
    return VP_OK;
}

/* The first of a list of absolute folders ("a:b") that has the file. */
static bool find_in(const char *folders, const char *rest, char file[HOME_PATH_MAX])
{
    for (const char *at = folders; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, ":");
        int n = snprintf(file, HOME_PATH_MAX, "%.*s/%s", (int)len, at, rest);
        if (*at == '/' && n > 0 && n < HOME_PATH_MAX && access(file, R_OK) == 0)
            return true;
        at += len + (at[len] == ':');
    }
    return false;
}

/* Where Arvados' Python SDK looks, in its order. */
static bool find_conf(char file[HOME_PATH_MAX])
{
    const char *home = environment("XDG_CONFIG_HOME");
    const char *others = environment("XDG_CONFIG_DIRS");
    if (find_in(environment("CONFIGURATION_DIRECTORY"), "settings.conf", file))
        return true;
    if (home != NULL && *home == '/') {
        if (find_in(home, "arvados/settings.conf", file))
            return true;
    } else if (home_path(".config/arvados/settings.conf", file) && access(file, R_OK) == 0)
        return true;
    return find_in(others == NULL ? "/etc/xdg" : others, "arvados/settings.conf", file);
}

/* Lines NAME=value. */
static enum vp_code read_conf(struct conf *conf, struct vp_error *err)
{
    char file[HOME_PATH_MAX];
    struct vp_buf text = VP_BUF_INIT(CONF_MAX);
    if (!find_conf(file))
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
        code = secret_of(token, "ARVADOS_API_TOKEN", &settings->arvados_token, err);
    } else if (code == VP_OK) {
        settings->arvados_token_source = "settings.conf";
        settings->arvados_token = VP_TAKE(conf.token);
    }
    free(conf.host);
    vp_secret_free(conf.token);
    return code;
}

/* ---- all ---- */

/* "arvados/", "auth/arvados" and "/auth/arvados/" are what bao and people write for it. */
static enum vp_code read_mount(const struct cli_args *args, struct cli_settings *settings, struct vp_error *err)
{
    const char *mount = args->mount != NULL ? args->mount : environment("ARV_VAULT_MOUNT");
    if (mount == NULL)
        mount = "arvados";
    mount += strspn(mount, "/");
    if (strncmp(mount, "auth/", strlen("auth/")) == 0)
        mount += strlen("auth/");
    mount += strspn(mount, "/");
    size_t len = strlen(mount);
    while (len > 0 && mount[len - 1] == '/')
        len--;
    if (len == 0)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "the mount's name is empty: --mount or ARV_VAULT_MOUNT, like arvados");
    settings->mount = strndup(mount, len);
    return settings->mount == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code read_all(const struct cli_args *args, unsigned groups, bool patient, struct cli_settings *settings,
                             struct vp_error *err)
{
    settings->quiet = args->quiet;
    settings->verbose = args->verbose;
    settings->role = args->role != NULL ? args->role : environment("ARV_VAULT_ROLE");
    settings->salt_label = args->salt_label != NULL ? args->salt_label : environment("ARV_VAULT_SALT_LABEL");
    settings->name_space = pick(args->name_space, NAMES("--namespace", "NAMESPACE"), NULL);
    settings->tls_server_name = pick(args->tls_server_name, NAMES("--tls-server-name", "TLS_SERVER_NAME"), NULL);
    VP_TRY(read_mount(args, settings, err));
    VP_TRY(check_word("the mount's name", settings->mount, err));
    VP_TRY(check_word("the namespace", settings->name_space, err));
    VP_TRY(read_timeout(args, settings, err));
    VP_TRY(read_retries(args, patient, settings, err));
    VP_TRY(read_address(args, settings, err));
    VP_TRY(read_vault_ca(args, &settings->vault_ca_pem, err));
    VP_TRY(read_client_cert(args, settings, err));
    warn_of_ignored(args->quiet);
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
    free(settings->mount);
    vp_secret_free(settings->vault_token);
    free(settings->arvados_host);
    vp_secret_free(settings->arvados_token);
    *settings = (struct cli_settings){ 0 };
}
