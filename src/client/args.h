/* The command line: one table of options, from which parsing, --help and the manual page come. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vp/error.h"

/* Which commands an option is for: a command names the groups it takes. */
enum cli_args_group {
    CLI_ARGS_SERVER = 1,     /* asks the vault */
    CLI_ARGS_TOKEN = 2,      /* with a token */
    CLI_ARGS_LOGIN = 4,      /* and may log in for it */
    CLI_ARGS_SHOW = 8,       /* shows something */
    CLI_ARGS_EXEC = 16,      /* delivers secrets to a command */
    CLI_ARGS_ENV = 32,       /* delivers secrets as environment */
    CLI_ARGS_RENDER = 64,    /* renders one template */
    CLI_ARGS_STORE = 128,    /* login */
    CLI_ARGS_PUT = 256,      /* put-all */
    CLI_ARGS_WRAP = 512,     /* wrap */
    CLI_ARGS_UNWRAP = 1024,  /* unwrap */
    CLI_ARGS_RENEW = 2048,   /* renew */
    CLI_ARGS_GRANT = 4096,   /* grant */
    CLI_ARGS_VERSION = 8192, /* version */
    CLI_ARGS_SPEC = 16384,   /* takes a spec */
    CLI_ARGS_SERVE = 32768,  /* serve */
    CLI_ARGS_GET = 65536,    /* get */
    CLI_ARGS_FIELD = 131072, /* put, delete */
    CLI_ARGS_NONE = 262144,  /* what every command takes */
};

/* What is said several times, in the order of the command line. */
enum cli_args_kind {
    CLI_ARGS_ITEM_ENV,
    CLI_ARGS_ITEM_FILE,
    CLI_ARGS_ITEM_TEMPLATE,
    CLI_ARGS_ITEM_ENV_FROM,
    CLI_ARGS_ITEM_ENV_FILE,
    CLI_ARGS_ITEM_RESOLVE_FILE,
};
struct cli_args_item {
    enum cli_args_kind kind;
    const char *text;
};

enum { CLI_ARGS_ITEMS_MAX = 256 };

/* Texts are NULL when not given; all are borrowed from argv. */
struct cli_args {
    const char *address;
    const char *name_space;
    const char *ca_cert;
    const char *ca_path;
    const char *tls_server_name;
    const char *client_cert;
    const char *client_key;
    const char *timeout;
    const char *max_retries;
    const char *token_file;
    const char *arvados_token_file;
    const char *mount;
    const char *role;
    const char *salt_label;
    const char *format;
    const char *spec;
    const char *kind;
    const char *mode;
    const char *store;
    const char *cas;
    const char *ttl;
    const char *creation_path;
    const char *increment;
    const char *refresh;
    const char *on_change;
    const char *owner;
    const char *expires_at;
    const char *reason;
    bool quiet;
    bool help;
    bool allow_argv;
    bool supervise;
    bool resolve;
    bool mask;
    bool dry_run;
    bool verbose;
    bool has_store; /* --store, with or without a file */
    bool force;
    bool unchecked;
    bool again;
    bool server;
    bool stdio;
    struct cli_args_item items[CLI_ARGS_ITEMS_MAX];
    size_t n_items;
    char **rest; /* what is no option; the command behind "--" */
    size_t n_rest;
};

/* Parses argv[1..]: options of these groups. Where `stops`, the first word that is no option ends them (the command of
 * `exec`). VP_REASON_USAGE with words. */
VP_MUST_USE enum vp_code cli_args_parse(int argc, char **argv, unsigned groups, bool stops, struct cli_args *ret_args,
                                        struct vp_error *err);

/* How many characters two words differ by, for "did you mean"; exact up to `most`. */
size_t cli_args_distance(const char *one, const char *other, size_t most);

/* For help, manual and completion: calls `visit` for each option of these groups, `value` NULL for a flag. */
typedef void (*cli_args_visit)(void *context, const char *name, const char *value, const char *help);
void cli_args_each(unsigned groups, cli_args_visit visit, void *context);
