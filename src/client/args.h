/* The command line: one table of options, from which parsing, --help and the manual page come. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vp/error.h"

/* Which commands an option is for: a command names the groups it takes. */
enum args_group {
    ARGS_SERVER = 1,     /* asks the vault */
    ARGS_TOKEN = 2,      /* with a token */
    ARGS_LOGIN = 4,      /* and may log in for it */
    ARGS_SHOW = 8,       /* shows something */
    ARGS_EXEC = 16,      /* delivers secrets to a command */
    ARGS_ENV = 32,       /* delivers secrets as environment */
    ARGS_RENDER = 64,    /* renders one template */
    ARGS_STORE = 128,    /* login */
    ARGS_PUT = 256,      /* put-all */
    ARGS_WRAP = 512,     /* wrap */
    ARGS_UNWRAP = 1024,  /* unwrap */
    ARGS_RENEW = 2048,   /* renew */
    ARGS_GRANT = 4096,   /* grant */
    ARGS_VERSION = 8192, /* version */
    ARGS_SPEC = 16384,   /* takes a spec */
};

/* What is said several times, in the order of the command line. */
enum args_kind { ARGS_ITEM_ENV, ARGS_ITEM_FILE, ARGS_ITEM_TEMPLATE };
struct args_item {
    enum args_kind kind;
    const char *text;
};

enum { ARGS_ITEMS_MAX = 256 };

/* Texts are NULL when not given; all are borrowed from argv. */
struct args {
    const char *address;
    const char *name_space;
    const char *ca_cert;
    const char *ca_path;
    const char *tls_server_name;
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
    const char *owner;
    const char *expires_at;
    const char *reason;
    bool quiet;
    bool help;
    bool allow_argv;
    bool supervise;
    bool has_store; /* --store, with or without a file */
    bool force;
    bool unchecked;
    bool server;
    struct args_item items[ARGS_ITEMS_MAX];
    size_t n_items;
    char **rest; /* what is no option; the command behind "--" */
    size_t n_rest;
};

/* Parses argv[1..]: options of these groups. Where `stops`, the first word that is no option ends them (the command of
 * `exec`). VP_REASON_USAGE with words. */
VP_MUST_USE enum vp_code args_parse(int argc, char **argv, unsigned groups, bool stops, struct args *ret_args,
                                    struct vp_error *err);

/* For help and manual: calls `visit` for each option of these groups. */
typedef void (*args_visit)(void *context, const char *name, const char *value, const char *help);
void args_each(unsigned groups, args_visit visit, void *context);
