#include "args.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum args_type { TEXT, OPTIONAL_TEXT, FLAG, ITEM };

static const struct row {
    const char *name;
    const char *value; /* what stands for the value in help; NULL: none */
    enum args_type type;
    unsigned groups;
    size_t at; /* offset in struct cli_args; for items the kind */
    const char *help;
} ROWS[] = {
#define AT(member) offsetof(struct cli_args, member)
    { "env", "NAME=REF", ITEM, CLI_ARGS_EXEC | CLI_ARGS_ENV, CLI_ARGS_ITEM_ENV,
      "deliver a secret in an environment variable; also -e" },
    { "env-from", "PATH[=PREFIX]", ITEM, CLI_ARGS_EXEC | CLI_ARGS_ENV, CLI_ARGS_ITEM_ENV_FROM,
      "deliver each field of a secret in a variable: PREFIX and the field's name in upper case" },
    { "env-file", "FILE", ITEM, CLI_ARGS_EXEC | CLI_ARGS_ENV, CLI_ARGS_ITEM_ENV_FILE,
      "read variables from a dotenv file; values may be vault:REF or contain ${vault:REF}" },
    { "file", "DEST=REF", ITEM, CLI_ARGS_EXEC, CLI_ARGS_ITEM_FILE, "deliver a secret in a file of mode 0600" },
    { "template", "DEST=TEMPLATE", ITEM, CLI_ARGS_EXEC, CLI_ARGS_ITEM_TEMPLATE,
      "render a template that contains ${vault:REF} to a file; the kind follows from the template's name (.json, "
      ".yaml, also before one more suffix like .in), else from DEST" },
    { "resolve", NULL, FLAG, CLI_ARGS_EXEC, AT(resolve),
      "resolve environment variables that are vault:REF or contain ${vault:REF}" },
    { "resolve-file", "SRC[=DEST]", ITEM, CLI_ARGS_EXEC, CLI_ARGS_ITEM_RESOLVE_FILE,
      "render a file that contains ${vault:REF}; without DEST to a file below /dev/shm, whose path is in "
      "ARV_VAULT_FILE_1, ARV_VAULT_FILE_2 ..." },
    { "mask", NULL, FLAG, CLI_ARGS_EXEC, AT(mask),
      "replace delivered values in the command's output by ***: values of 8 bytes or more, also in base64, URL and "
      "JSON encoding" },
    { "dry-run", NULL, FLAG, CLI_ARGS_EXEC | CLI_ARGS_ENV, AT(dry_run),
      "show what would be read and delivered, without values, and stop" },
    { "format", "shell|dotenv|json", TEXT, CLI_ARGS_ENV, AT(format), "output format; default shell" },
    { "format", "raw|json|yaml", TEXT, CLI_ARGS_GET, AT(format),
      "output format; default raw for a field, json for a whole secret" },
    { "spec", "FILE", TEXT, CLI_ARGS_SPEC, AT(spec),
      "read what to deliver from a JSON file; default ARV_VAULT_SPEC" },
    { "allow-argv", NULL, FLAG, CLI_ARGS_EXEC, AT(allow_argv),
      "resolve ${vault:REF} in the command's arguments, which every process on the machine can read" },
    { "supervise", NULL, FLAG, CLI_ARGS_EXEC, AT(supervise),
      "stay while the command runs: renew the token and leases, then revoke the token and remove the files" },
    { "refresh", "DURATION", TEXT, CLI_ARGS_EXEC, AT(refresh),
      "with --supervise: read the secrets again at this interval, and rewrite files that have changed" },
    { "on-change", "HUP|restart|none", TEXT, CLI_ARGS_EXEC, AT(on_change),
      "with --supervise: when a delivered secret has changed, send SIGHUP to the command, or restart it with the new "
      "values; default none" },
    { "kind", "text|json|yaml", TEXT, CLI_ARGS_RENDER, AT(kind),
      "how values are escaped; default by the template's name, else by DEST's" },
    { "mode", "OCTAL", TEXT, CLI_ARGS_RENDER, AT(mode), "permissions of the file; default 0600" },
    { "store", "FILE", OPTIONAL_TEXT, CLI_ARGS_STORE, AT(store),
      "write the token to a file instead of standard output; default ~/.vault-token, which bao reads" },
    { "cas", "VERSION", TEXT, CLI_ARGS_PUT, AT(cas),
      "replace only this version; 0: only if there is no secret; default: the current version" },
    { "force", NULL, FLAG, CLI_ARGS_PUT | CLI_ARGS_FIELD, AT(force),
      "write without check-and-set; required for KV v1" },
    { "ttl", "DURATION", TEXT, CLI_ARGS_WRAP, AT(ttl), "TTL of the wrapping token; default 5m" },
    { "creation-path", "PATH", TEXT, CLI_ARGS_UNWRAP, AT(creation_path),
      "the path that the wrapping token must have been created at, as wrap prints it" },
    { "increment", "DURATION", TEXT, CLI_ARGS_RENEW, AT(increment), "requested extension; the server decides" },
    { "owner", "UUID", TEXT, CLI_ARGS_GRANT, AT(owner),
      "owner of the link; default the first of the mount's trusted_link_owners" },
    { "expires-at", "TIME", TEXT, CLI_ARGS_GRANT, AT(expires_at), "end of the grant, like 2026-12-31T00:00:00Z" },
    { "reason", "TEXT", TEXT, CLI_ARGS_GRANT, AT(reason), "a note that is stored with the grant" },
    { "again", NULL, FLAG, CLI_ARGS_GRANT, AT(again), "make one more link although the policy is granted already" },
    { "unchecked", NULL, FLAG, CLI_ARGS_GRANT, AT(unchecked),
      "do not read the mount's config; use the default link class and owner" },
    { "server", NULL, FLAG, CLI_ARGS_VERSION, AT(server), "also show the plugin's and Arvados' versions" },
    { "stdio", NULL, FLAG, CLI_ARGS_SERVE, AT(stdio), "read requests from standard input; required" },
    { "format", "json|table", TEXT, CLI_ARGS_SHOW, AT(format), "output format; default table" },
    { "mount", "NAME", TEXT, CLI_ARGS_LOGIN, AT(mount),
      "name of the auth mount; default ARV_VAULT_MOUNT, then arvados" },
    { "role", "NAME", TEXT, CLI_ARGS_LOGIN, AT(role), "role to log in with; default ARV_VAULT_ROLE" },
    { "salt-label", "LABEL", TEXT, CLI_ARGS_LOGIN, AT(salt_label),
      "send the run token salted with this label; default ARV_VAULT_SALT_LABEL" },
    { "arvados-token-file", "FILE", TEXT, CLI_ARGS_LOGIN, AT(arvados_token_file),
      "read the Arvados token from a file, - for standard input; default ARVADOS_API_TOKEN, then settings.conf" },
    { "token-file", "FILE", TEXT, CLI_ARGS_TOKEN, AT(token_file),
      "read a Vault token from a file, - for standard input; default BAO_TOKEN, VAULT_TOKEN, ~/.vault-token, then a "
      "login" },
    { "address", "URL", TEXT, CLI_ARGS_SERVER, AT(address), "address of the server; default BAO_ADDR, VAULT_ADDR" },
    { "namespace", "NAME", TEXT, CLI_ARGS_SERVER, AT(name_space), "default BAO_NAMESPACE, VAULT_NAMESPACE" },
    { "ca-cert", "FILE", TEXT, CLI_ARGS_SERVER, AT(ca_cert),
      "CA certificates to trust; default BAO_CACERT, VAULT_CACERT, then those of Arvados" },
    { "ca-path", "DIR", TEXT, CLI_ARGS_SERVER, AT(ca_path),
      "directory of CA certificates; default BAO_CAPATH, VAULT_CAPATH" },
    { "tls-server-name", "HOST", TEXT, CLI_ARGS_SERVER, AT(tls_server_name),
      "name to verify in the server's certificate; default BAO_TLS_SERVER_NAME, VAULT_TLS_SERVER_NAME" },
    { "client-cert", "FILE", TEXT, CLI_ARGS_SERVER, AT(client_cert),
      "certificate for a server that requires one; default BAO_CLIENT_CERT, VAULT_CLIENT_CERT" },
    { "client-key", "FILE", TEXT, CLI_ARGS_SERVER, AT(client_key),
      "key of that certificate; default BAO_CLIENT_KEY, VAULT_CLIENT_KEY" },
    { "timeout", "DURATION", TEXT, CLI_ARGS_SERVER, AT(timeout),
      "limit for all requests together; default BAO_CLIENT_TIMEOUT, VAULT_CLIENT_TIMEOUT, then 60s" },
    { "max-retries", "N", TEXT, CLI_ARGS_SERVER, AT(max_retries), "default BAO_MAX_RETRIES, VAULT_MAX_RETRIES" },
    { "verbose", NULL, FLAG, CLI_ARGS_LOGIN, AT(verbose), "show all warnings of a login; also -v" },
    { "quiet", NULL, FLAG, ~0U, AT(quiet), "show no warnings and no progress" },
    { "help", NULL, FLAG, ~0U, AT(help), "show this help; also -h" },
#undef AT
};

enum { N_ROWS = sizeof ROWS / sizeof ROWS[0] };

/* An empty setting counts as not given, as an empty variable does: "--namespace=$NAMESPACE". */
static const char *value_of(const struct row *row, const char *value)
{
    bool is_setting = (row->groups & (CLI_ARGS_SERVER | CLI_ARGS_TOKEN | CLI_ARGS_LOGIN | CLI_ARGS_SPEC)) != 0;
    return is_setting && *value == '\0' ? NULL : value;
}

static enum vp_code take(struct cli_args *args, const struct row *row, const char *value, struct vp_error *err)
{
    char *base = (char *)args;
    switch (row->type) {
    case FLAG:
        *(bool *)(void *)(base + row->at) = true;
        break;
    case OPTIONAL_TEXT:
        args->has_store = true;
        *(const char **)(void *)(base + row->at) = value;
        break;
    case TEXT:
        *(const char **)(void *)(base + row->at) = value_of(row, value);
        break;
    case ITEM:
        if (args->n_items == CLI_ARGS_ITEMS_MAX)
            return vp_fail(err, VP_REASON_USAGE, "more than %d secrets: use a --spec file", CLI_ARGS_ITEMS_MAX);
        args->items[args->n_items++] = (struct cli_args_item){ (enum cli_args_kind)row->at, value };
        break;
    }
    return VP_OK;
}

/* Options of this command only, with their row as the value that getopt gives back. */
static void fill(struct option *options, unsigned groups)
{
    size_t n = 0;
    for (int i = 0; i < N_ROWS; i++) {
        if ((ROWS[i].groups & groups) == 0)
            continue;
        int wants = ROWS[i].type == FLAG            ? no_argument
                    : ROWS[i].type == OPTIONAL_TEXT ? optional_argument
                                                    : required_argument;
        options[n++] = (struct option){ ROWS[i].name, wants, NULL, i };
    }
}

/* How many characters have to be changed, added or taken away; more than `most` is as good as any number. */
size_t cli_args_distance(const char *one, const char *other, size_t most)
{
    enum { LEN_MAX = 40 };
    size_t row[LEN_MAX + 1];
    size_t len = strlen(other);
    if (len > LEN_MAX || strlen(one) > LEN_MAX)
        return most + 1;
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; one[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t best = diagonal + (one[i - 1] != other[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[len];
}

/* The option of these groups that was probably meant; NULL: none is near. */
static const char *nearest(const char *name, unsigned groups)
{
    enum { MOST = 2 };
    const char *found = NULL;
    size_t best = MOST + 1;
    for (size_t i = 0; i < N_ROWS; i++) {
        size_t distance = cli_args_distance(name, ROWS[i].name, MOST);
        if ((ROWS[i].groups & groups) == 0 || distance >= best || distance >= strlen(ROWS[i].name))
            continue;
        best = distance;
        found = ROWS[i].name;
    }
    return found;
}

static enum vp_code not_taken(const char *word, int c, unsigned groups, struct vp_error *err)
{
    char name[64];
    if (strncmp(word, "--token", strlen("--token")) == 0 || strncmp(word, "--password", strlen("--password")) == 0)
        return vp_fail(err, VP_REASON_USAGE,
                       "secrets are not taken as arguments, which every process can read: use BAO_TOKEN or "
                       "--token-file");
    if (c == ':')
        return vp_fail(err, VP_REASON_USAGE, "%.60s wants a value; see --help", word);
    /* Behind '=' there may be anything. */
    int len = (int)strcspn(word, "=");
    (void)snprintf(name, sizeof name, "%.*s", len > 2 ? len - 2 : 0, len > 2 ? word + 2 : "");
    const char *near = nearest(name, groups);
    return vp_fail(err, VP_REASON_USAGE, "there is no option %.*s here%s%s; see --help", len, word,
                   near == NULL ? "" : ": did you mean --", near == NULL ? "" : near);
}

static const struct row *find(const char *name, unsigned groups)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if ((ROWS[i].groups & groups) != 0 && strcmp(ROWS[i].name, name) == 0)
            return &ROWS[i];
    return NULL;
}

/* getopt also takes the beginning of a name; an option that comes later could make it another one. */
static bool is_whole(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word, "--", 2) == 0 && strncmp(word + 2, name, len) == 0 &&
           (word[2 + len] == '\0' || word[2 + len] == '=');
}

enum vp_code cli_args_parse(int argc, char **argv, unsigned groups, bool stops, struct cli_args *ret_args,
                            struct vp_error *err)
{
    struct option options[N_ROWS + 1] = { 0 };
    struct cli_args args = { 0 };
    int c;
    fill(options, groups);
    opterr = 0;
    optind = 0; /* glibc: starts anew */
    while ((c = getopt_long(argc, argv, stops ? "+:he:v" : ":he:v", options, NULL)) != -1) {
        const struct row *short_row = c == 'e' ? find("env", groups) : c == 'v' ? find("verbose", groups) : NULL;
        if (c == 'h')
            args.help = true;
        else if (short_row != NULL)
            VP_TRY(take(&args, short_row, optarg, err));
        else {
            bool value_follows = optarg != NULL && optarg == argv[optind - 1];
            const char *word = argv[optind - (value_follows ? 2 : 1)];
            if (c < 0 || c >= N_ROWS || !is_whole(word, ROWS[c].name))
                return not_taken(word, c, groups, err);
            VP_TRY(take(&args, &ROWS[c], optarg, err));
        }
    }
    args.rest = argv + optind;
    args.n_rest = (size_t)(argc - optind);
    *ret_args = args;
    return VP_OK;
}

void cli_args_each(unsigned groups, cli_args_visit visit, void *context)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if ((ROWS[i].groups & groups) != 0)
            visit(context, ROWS[i].name, ROWS[i].value, ROWS[i].help);
}
