/* Requests, replies and storage as plain types, and the tables of a backend's paths and fields.
 *
 * The server's protocol (src/plugin) fills a logical_call and encodes its logical_reply; a backend
 * (src/auth) supplies tables and handlers. Neither includes the other. Data flows one way:
 * call -> route -> handler -> reply. Path help, the OpenAPI document, decoding of requests, defaults,
 * stored records and the content of a read all come from the same field tables. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vp/buf.h"
#include "vp/cancel.h"
#include "vp/error.h"
#include "vp/json.h"
#include "vp/secret.h"
#include "vp/texts.h"

/* ---- requests ---- */

/* The words of the protocol are in src/logical/dispatch.c; any other word is LOGICAL_UNKNOWN. */
enum logical_operation {
    LOGICAL_UNKNOWN,
    LOGICAL_CREATE,
    LOGICAL_READ,
    LOGICAL_UPDATE,
    LOGICAL_DELETE,
    LOGICAL_LIST,
    LOGICAL_HELP,
    LOGICAL_RENEW,
    LOGICAL_REVOKE,
    LOGICAL_ROLLBACK,
    LOGICAL_RESOLVE_ROLE,
    LOGICAL_N_OPERATIONS,
};

enum logical_operation logical_operation_of(const char *word);
const char *logical_operation_word(enum logical_operation operation);

struct logical_pair {
    char *key;
    char *value;
};

/* A small ordered map of texts. */
struct logical_pairs {
    struct logical_pair *items;
    size_t n;
};
VP_MUST_USE enum vp_code logical_pairs_add(struct logical_pairs *pairs, const char *key, const char *value,
                                           struct vp_error *err);
const char *logical_pairs_get(const struct logical_pairs *pairs, const char *key); /* NULL: none */
void logical_pairs_clear(struct logical_pairs *pairs);

/* As the wire numbers them (sdk/logical's TokenType). */
enum logical_token_type {
    LOGICAL_TOKEN_DEFAULT,
    LOGICAL_TOKEN_SERVICE,
    LOGICAL_TOKEN_BATCH,
    LOGICAL_TOKEN_DEFAULT_SERVICE,
    LOGICAL_TOKEN_DEFAULT_BATCH,
};

/* What a login gives and a renewal gets back. Seconds everywhere. */
struct logical_auth {
    char *display_name;
    struct vp_texts policies;
    struct logical_pairs metadata;
    char *alias_name; /* never empty in a login's answer: the host refuses it */
    struct logical_pairs alias_metadata;
    struct vp_texts group_aliases; /* names of external groups. The host makes the user a member of just those, so an
                                    * empty list ends what earlier logins gave */
    char *internal_data;           /* JSON object text; may hold a token, so it is wiped */
    int64_t ttl_s;
    int64_t max_ttl_s;          /* longest time since issue that a renewal may reach; 0: the mount's */
    int64_t explicit_max_ttl_s; /* 0: none */
    int64_t period_s;           /* 0: not periodic */
    int64_t num_uses;           /* 0: any number */
    enum logical_token_type token_type;
    struct vp_texts bound_cidrs; /* addresses and networks that may use the token; empty: any */
    bool no_default_policy;
    bool renewable;

    /* Renewal only, from the host. */
    int64_t issued_at_s;
    struct vp_texts token_policies; /* what the token holds besides identity policies */
};
void logical_auth_clear(struct logical_auth *auth);

/* A secret with a lease: what a secrets engine answers with, and what the host sends back to renew or revoke it. */
struct logical_secret {
    char *
        internal_data; /* JSON object text; the host encrypts it, no client sees it. May hold a token, so it is wiped */
    int64_t ttl_s;
    int64_t max_ttl_s; /* longest time since issue that a renewal may reach; 0: the mount's */
    bool renewable;

    /* Renewal and revocation only, from the host. */
    int64_t issued_at_s;
    int64_t increment_s; /* renewal: the TTL that the client asks for; 0: none */
};
void logical_secret_clear(struct logical_secret *secret);

/* What a handler answers with: nothing (read: 404, delete: 204), data, auth, renewal of a token; or a secret, with data when it
 * is new. */
struct logical_reply {
    struct vp_buf data;            /* a JSON object; empty: none */
    struct logical_auth *auth;     /* login */
    struct logical_secret *secret; /* new, or renewed: then with new times and internal data */
    char *unsettled;               /* for the backend's finish(), which then must be there; NULL: nothing */
    bool renewed;                  /* renewal: the four below replace those of the token */
    int64_t ttl_s;
    int64_t max_ttl_s;
    int64_t period_s;
    struct vp_texts group_aliases;
    struct vp_texts warnings;
    struct logical_pairs log; /* facts for the log line of this request, whatever came of it; no secret */
};
enum { LOGICAL_REPLY_MAX = 4 * 1024 * 1024 }; /* bytes of data */
void logical_reply_clear(struct logical_reply *reply);

/* ---- storage ---- */

/* The host's storage for one mount. Keys are relative to the mount. Failures are VP_REASON_HOST with the host's own text
 * unchanged (a standby's "cannot write to readonly storage" makes the host forward the request), or
 * VP_REASON_CANCELLED. Blocks; any thread. */
struct logical_storage {
    VP_MUST_USE enum vp_code (*get)(void *self, const char *key, struct vp_cancel *cancel, struct vp_buf *value,
                                    bool *ret_found, struct vp_error *err);
    VP_MUST_USE enum vp_code (*put)(void *self, const char *key, const char *value, size_t len, bool seal_wrap,
                                    struct vp_cancel *cancel, struct vp_error *err);
    VP_MUST_USE enum vp_code (*remove)(void *self, const char *key, struct vp_cancel *cancel, struct vp_error *err);
    VP_MUST_USE enum vp_code (*list)(void *self, const char *prefix, struct vp_cancel *cancel,
                                     struct vp_texts *ret_keys, struct vp_error *err);
    void *self;
};

enum { LOGICAL_ENTRY_MAX = 1024 * 1024 }; /* bytes of a stored value */

/* ---- the host's system view ---- */

/* An identity entity of the host: the caller, by the aliases that auth mounts gave it. */
struct logical_entity {
    bool disabled;
    struct logical_pairs aliases; /* mount accessor -> alias name */
};
void logical_entity_clear(struct logical_entity *entity);

/* What a backend may ask the host about itself. Failures as of struct logical_storage. Blocks; any thread. */
struct logical_system {
    /* The lease TTLs of this mount as tuned now. */
    VP_MUST_USE enum vp_code (*lease_ttls)(void *self, struct vp_cancel *cancel, int64_t *ret_default_s,
                                           int64_t *ret_max_s, struct vp_error *err);
    /* VP_REASON_NOT_FOUND: no such entity. */
    VP_MUST_USE enum vp_code (*entity)(void *self, const char *entity_id, struct vp_cancel *cancel,
                                       struct logical_entity *ret_entity, struct vp_error *err);
    void *self;
};

/* ---- a call: one request on its way to one handler ---- */

struct logical_call {
    enum logical_operation operation;
    const char *path;                    /* relative to the mount, no leading slash */
    const char *route;                   /* path of the matching route; NULL: none. Logs show this one: a caller can put
                             * anything, even a token, into a path that does not exist */
    const char *name;                    /* what the route's last "+" matched; NULL without one */
    const char *request_id;              /* the server's, "" if none */
    const char *mount_point;             /* "auth/arvados/"; "" when the server gives none */
    const char *remote_addr;             /* client's address without port; NULL if the server gave none */
    const struct vp_json *data;          /* the body; NULL: none. Contains credentials: never logged */
    const void *args;                    /* the route's struct, decoded from `data`; NULL if args_size is 0 */
    const struct logical_auth *auth;     /* renewal of a token: the token's; else NULL */
    const struct logical_secret *secret; /* renewal or revocation of a lease: its secret; else NULL */
    const char *entity_id;               /* the caller's; "" for a token without entity */
    int64_t arrived_ms;                  /* monotonic; its time counts from then. 0: from now */
    bool yields;                         /* a login: renewals and authenticated requests go before it everywhere */
    bool standby;                        /* this node can't write; the server forwards when told so */
    const struct logical_storage *storage;
    const struct logical_system *system;
    struct vp_cancel *cancel;
    void *mount; /* the backend's object for this mount */
    struct logical_reply *reply;
};

typedef enum vp_code (*logical_handler)(const struct logical_call *call, struct vp_error *err);

/* ---- fields ---- */

enum logical_field_type {
    LOGICAL_TEXT,     /* char *, owned */
    LOGICAL_SECRET,   /* struct vp_secret *, owned; never shown, stored only seal-wrapped */
    LOGICAL_BOOL,     /* bool; in: true, false, "true", "false", 1, 0, "1", "0" */
    LOGICAL_INT,      /* int64_t; in: a whole number or its text */
    LOGICAL_DURATION, /* int64_t seconds; in: whole seconds as a number, or a string as in vp/duration.h */
    LOGICAL_TEXTS,    /* struct vp_texts; in: an array of texts or one comma-separated text; blanks trimmed, empty
                       * items dropped */
    LOGICAL_MAP, /* struct logical_pairs; in: an object of texts, or "key=value" texts in the forms of a list; a key
                       * given twice is refused */
};

enum {
    LOGICAL_REQUIRED = 1, /* for help and the OpenAPI document; the handler checks it */
};

struct logical_field {
    const char *name; /* NULL ends a table */
    enum logical_field_type type;
    size_t offset; /* into the target struct */
    unsigned flags;
    const char *preset; /* default as one would type it; NULL: empty, false, 0 */
    int64_t min, max;   /* of INT and DURATION; both 0: no bounds but int64_t and not negative */
    const char *help;
};

/* Sets every field of a zeroed target to its preset. Presets are checked by a unit test of each table. */
VP_MUST_USE enum vp_code logical_fields_init(const struct logical_field *fields, void *target, struct vp_error *err);

/* Overlays the fields of `data` (NULL: nothing). A field that is left out or null keeps its value.
 * VP_REASON_BAD_REQUEST naming the field for a wrong type or form and, when `strict`, for a name that
 * is not in the table. On failure the target is to be cleared, not used. */
VP_MUST_USE enum vp_code logical_fields_update(const struct logical_field *fields, const struct vp_json *data,
                                               bool strict, void *target, struct vp_error *err);

/* Does the body have a value for the field? null is none. */
bool logical_field_given(const struct vp_json *data, const char *name);

/* Writes the fields as members into an open object: what a read shows. Secrets are left out. */
void logical_fields_show(const struct logical_field *fields, const void *target, struct vp_json_writer *writer);

/* The stored form: all fields, secrets included, as members into an open object; and back.
 * VP_REASON_CONFIG_UNREADABLE for any fault, null and unknown fields too: a newer version may have
 * written them, and they may restrict logins. */
void logical_fields_save(const struct logical_field *fields, const void *target, struct vp_json_writer *writer);
VP_MUST_USE enum vp_code logical_fields_load(const struct logical_field *fields, const struct vp_json *record,
                                             void *target, struct vp_error *err);

/* Frees and wipes what the fields own and zeroes them. */
void logical_fields_clear(const struct logical_field *fields, void *target);

/* ---- routes ---- */

struct logical_route {
    const char *path;      /* NULL ends a table. Segments; "+" stands for any one segment, given as call->name */
    const char *parameter; /* what "+" stands for, in documents; NULL without one */
    const char *summary;   /* one line */
    const char *help;      /* some sentences */
    const struct logical_field *fields;
    size_t args_size;                         /* of the struct that `fields` fills, given as call->args. 0: the
                                               * handler overlays call->data on a stored record itself */
    bool ignores_unknown;                     /* fields that are not in the table; else they are refused */
    bool unauthenticated;                     /* the server calls it without a token */
    bool frequent;                            /* clients call it all the time, and it waits for Arvados: kept apart
                                               * from administrators' requests, as logins are */
    bool stores;                              /* its writes and deletes change storage: a standby forwards them */
    logical_handler on[LOGICAL_N_OPERATIONS]; /* NULL: the operation is refused */
    /* Tells create from update; NULL: every write is an update. */
    enum vp_code (*exists)(const struct logical_call *call, bool *ret_exists, struct vp_error *err);
};

/* What a mount of the backend is to the host. */
enum logical_backend_kind { LOGICAL_AUTH_METHOD, LOGICAL_SECRETS_ENGINE };

/* One kind of backend, all constant. `mount_*` may be called from any thread; a mount is freed after its last request. */
struct logical_backend {
    const char *name;    /* module name of log lines and help documents */
    const char *version; /* semver with v */
    enum logical_backend_kind kind;
    const char *help; /* what the mount is for; some sentences */
    /* What an unauthenticated caller reads instead of an error's message, by enum vp_code. Errors of the request itself
     * (VP_ERR_INPUT, NOT_FOUND, OPERATION) keep theirs. */
    const char *public_messages[VP_ERR_HOST + 1];
    const char *reason_path; /* where an administrator reads the reason by the request id that the caller got */
    const enum vp_reason *public_reasons; /* errors that keep their message; ends with NONE. NULL: none */
    const struct logical_route *routes;
    const char *const *seal_wrapped; /* storage keys, NULL-terminated; a prefix ends in '/' */
    logical_handler renew;           /* of a token or lease: the host gives no path of ours, or the one it came from */
    logical_handler revoke;          /* of a lease; NULL: unsupported */
    logical_handler rollback;        /* sent every minute, to finish what a crash left; NULL: unsupported */

    /* `shared` is the process-wide part of the backend, made once before any mount and freed after all. */
    VP_MUST_USE enum vp_code (*shared_new)(void **ret_shared, struct vp_error *err);
    void (*shared_free)(void *shared);
    VP_MUST_USE enum vp_code (*mount_new)(void *shared, void **ret_mount, struct vp_error *err); /* no I/O */
    void (*mount_free)(void *mount);
    /* What a reply left unsettled: its answer was delivered some seconds ago, so that the host holds the secret by now; or the
     * host certainly does not have it (then it must not block). The call has storage, system and mount only. */
    void (*finish)(const struct logical_call *call, const char *unsettled, bool delivered);
    void (*invalidate)(void *mount, const char *key); /* a stored key changed elsewhere; must not block */
    int64_t (*request_timeout_ms)(void *mount);       /* from a request's arrival; must not block. NULL: 10 s */
    /* A login, or a renewal, was refused before its handler saw it; must not block. NULL: not of interest. */
    void (*refused)(void *mount, bool login, enum vp_reason reason);
};

/* What the tables have for one request. Resolved once, before a thread is chosen for it. */
struct logical_match {
    const struct logical_route *route; /* NULL: no such path, or an operation of the whole mount (help, renewal) */
    logical_handler handler;           /* NULL: the operation is refused */
    const char *name;                  /* what the route's last "+" matched, borrowed from the path */
    bool quick;                        /* the call can't block: the thread that reads requests may run it */
    bool login;                        /* a login, a frequent route, a renewal or revocation: kept apart from
                                        * administrators' requests, so that a slow Arvados can't delay those */
    bool has_exists;                   /* the route can tell create from update */
};
struct logical_match logical_find(const struct logical_backend *backend, enum logical_operation operation,
                                  const char *path);

/* Runs the handler of a match, or builds the help. Fills call->route and call->name; decodes call->args
 * and clears it again. UNSUPPORTED_OPERATION for an operation that the route does not have, NOT_FOUND for
 * a path without a route. On an unauthenticated route an error has only the words that any caller may
 * read; the others are in its detail. */
VP_MUST_USE enum vp_code logical_dispatch(const struct logical_backend *backend, const struct logical_match *match,
                                          struct logical_call *call, struct vp_error *err);

/* The server's question before a write: does it create or update? Only for a match with `has_exists`. */
VP_MUST_USE enum vp_code logical_exists(const struct logical_match *match, struct logical_call *call, bool *ret_exists,
                                        struct vp_error *err);

/* Makes the server send the request to the active node: for what a standby can't store or does not have yet. */
enum vp_code logical_forward(struct vp_error *err);
