/* The HTTP API of an OpenBao or Vault server, typed: what arv-vault asks of it.
 *
 * One object is one server with one token at a time; used by one thread at a time. Every answer is strict JSON and
 * checked by type. Facts are of OpenBao 2.7.2. All calls that ask the server may fail with what http_round() says, and
 * with:
 *   VP_REASON_VAULT_TOKEN     403, the token itself is not valid (any more)
 *   VP_REASON_FORBIDDEN       403 otherwise
 *   VP_REASON_SECRET_MISSING  404, where a secret was asked for
 *   VP_REASON_UPSTREAM_BUSY   429, 412, 307 and 5xx, of 500 only a standby's: sealed, no leader, Arvados not reached; try again
 *   VP_REASON_VAULT_REFUSES   any other status; the message has the server's own words
 *   VP_REASON_UPSTREAM_BAD_ANSWER  no answer of such a server */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vp/buf.h"
#include "vp/cancel.h"
#include "vp/error.h"
#include "vp/http.h"
#include "vp/json.h"
#include "vp/secret.h"
#include "vp/texts.h"

struct vault;

struct vault_options {
    struct http_origin origin;
    const char *ca_pem;          /* NULL: the system's */
    const char *tls_server_name; /* NULL: the host */
    const char *client_cert;     /* PEM files for a server that asks for a certificate; NULL: none */
    const char *client_key;
    const char *name_space;    /* NULL: none */
    unsigned max_retries;      /* of each request */
    int64_t deadline_ms;       /* monotonic, for all requests together */
    struct vp_cancel *cancel;  /* may be NULL */
    struct vp_cancel *give_up; /* may be NULL; for requests whose answer holds what would have to be revoked (a login, a
                                  * secret with a lease): whoever does not wait for it can't revoke it */
};

/* Copies what it keeps; `client` and `cancel` outlive it. */
VP_MUST_USE enum vp_code vault_new(struct http_client *client, const struct vault_options *options,
                                   struct vault **ret_vault, struct vp_error *err);
void vault_free(struct vault *vault);

/* Deadline and cancellations of the requests from now on. */
void vault_set_limits(struct vault *vault, int64_t deadline_ms, struct vp_cancel *cancel, struct vp_cancel *give_up);

/* The token for what comes next; a copy is kept. VP_REASON_LOCAL_CONFIG: it holds what no header may. */
VP_MUST_USE enum vp_code vault_set_token(struct vault *vault, const struct vp_secret *token, struct vp_error *err);

/* That token was made at that moment (monotonic). A standby of OpenBao that answers reads itself may hear of it a little later, and
 * says 403 meanwhile: seen with 9 of 119 jobs. So for a second or two a 403 is asked again, some times. */
void vault_token_is_of(struct vault *vault, int64_t made_ms);

/* ---- any path ---- */

struct vault_request {
    enum http_method method;
    const char *path;          /* behind /v1/, as people write it; each segment is escaped */
    const char *query;         /* escaped, with its '?'; NULL: none */
    const struct vp_buf *body; /* JSON; NULL: none */
    const char *wrap_ttl;      /* "300s": the answer comes wrapped; NULL: plain */
    bool without_token;
    bool at_root;    /* not in the namespace */
    bool repeatable; /* see struct http_exchange */
    bool is_secret;  /* 404 is VP_REASON_SECRET_MISSING */
    bool makes;      /* the answer holds what would have to be revoked: ends by `give_up`, not by `cancel` */
    struct vp_json *
        *ret_missing; /* where what a 404 says goes, if it says anything; freed by the caller. NULL: nowhere */
};

/* *ret_document is the root of the answer, or NULL when it has none (204). Freed by vp_json_free(). */
VP_MUST_USE enum vp_code vault_ask(struct vault *vault, const struct vault_request *request,
                                   struct vp_json **ret_document, struct vp_error *err);

/* How the server is: sys/health, which answers to strangers with any of several statuses. */
struct vault_health {
    bool initialized;
    bool sealed;
    bool standby;
    char version[64];
};
VP_MUST_USE enum vp_code vault_health(struct vault *vault, struct vault_health *ret_health, struct vp_error *err);

/* Whether there is surely no policy of that name: false also where the token may not see that. */
bool vault_lacks_policy(struct vault *vault, const char *name);

/* ---- tokens ---- */

struct vault_login {
    struct vp_secret *token;
    struct vp_json *document; /* owns `auth` */
    const struct vp_json *auth;
    const struct vp_json *warnings; /* an array of texts, or NULL */
    int64_t ttl_s;
    bool renewable;
    bool batch; /* such a token can't be revoked */
};

/* Logs in at auth/<mount>/login; `role` may be NULL. Does not change the token of `vault`. */
VP_MUST_USE enum vp_code vault_log_in(struct vault *vault, const char *mount, const char *role,
                                      const struct vp_secret *token, struct vault_login *ret_login,
                                      struct vp_error *err);

/* Whether an auth method answers at auth/<mount>/login. */
bool vault_has_login(struct vault *vault, const char *mount);
void vault_login_clear(struct vault_login *login);

/* *ret_ttl_s is what the token has from now on. increment_s 0: what the server thinks right. */
VP_MUST_USE enum vp_code vault_renew_self(struct vault *vault, int64_t increment_s, int64_t *ret_ttl_s,
                                          struct vp_error *err);

/* *ret_ttl_s is what the token has left; 0: it lives for ever. */
VP_MUST_USE enum vp_code vault_lookup_self_ttl(struct vault *vault, int64_t *ret_ttl_s, struct vp_error *err);
VP_MUST_USE enum vp_code vault_revoke_self(struct vault *vault, struct vp_error *err);
/* Of a secret that nobody uses any more. VP_REASON_FORBIDDEN: the token's policies do not allow it. */
VP_MUST_USE enum vp_code vault_revoke_lease(struct vault *vault, const char *lease_id, struct vp_error *err);
VP_MUST_USE enum vp_code vault_renew_lease(struct vault *vault, const char *lease_id, int64_t *ret_ttl_s,
                                           struct vp_error *err);

/* ---- secrets ---- */

/* A path as people write it ("secret/genomics/db"): segments of visible characters, none of them empty, "." or "..".
 * VP_REASON_USAGE with words otherwise. */
VP_MUST_USE enum vp_code vault_check_path(const char *path, struct vp_error *err);

struct vault_secret {
    struct vp_json *document;   /* owns all below */
    const struct vp_json *data; /* an object: the secret itself, for both kinds of KV and for others */
    const char *lease_id;       /* NULL: none */
    int64_t lease_ttl_s;
    bool renewable;
    int64_t version; /* of KV v2; 0 for others */
};

/* Reads a secret. Whether the path lies in a KV mount, and in which version of it, is asked of the server once a mount. */
VP_MUST_USE enum vp_code vault_read(struct vault *vault, const char *path, struct vault_secret *ret_secret,
                                    struct vp_error *err);
void vault_secret_clear(struct vault_secret *secret);

/* The names below a path, those that have others below them with a '/' at their end. VP_REASON_SECRET_MISSING: none. */
VP_MUST_USE enum vp_code vault_list(struct vault *vault, const char *path, struct vp_texts *ret_names,
                                    struct vp_error *err);

/* Deletes the secret; of KV v2 the newest version, which can be undeleted. VP_REASON_LOCAL_CONFIG: no KV. */
VP_MUST_USE enum vp_code vault_delete(struct vault *vault, const char *path, struct vp_error *err);

enum { VAULT_ANY_VERSION = -1, VAULT_CURRENT_VERSION = -2 };

/* Writes the whole secret, `data` being a JSON object. `version` is the one that must be there (0: none may be);
 * VAULT_CURRENT_VERSION: the one that is there now, asked for first; VAULT_ANY_VERSION: no check.
 * VP_REASON_VERSION_CONFLICT: another client wrote it. VP_REASON_LOCAL_CONFIG: no KV v2, and a check was wanted.
 * *ret_version is the new one, 0 in KV v1. */
VP_MUST_USE enum vp_code vault_write_all(struct vault *vault, const char *path, const struct vp_json *data,
                                         int64_t version, int64_t *ret_version, struct vp_error *err);

/* The version that a write has to replace where vault_read() found no secret: that of a deleted one, or 0. The secret may have
 * been written meanwhile: then VP_REASON_VERSION_CONFLICT. */
VP_MUST_USE enum vp_code vault_absent_version(struct vault *vault, const char *path, int64_t *ret_version,
                                              struct vp_error *err);

/* Changes one field of a secret and keeps the others; makes the secret if there is none. `value` NULL removes the field, or is
 * VP_REASON_SECRET_MISSING. With `check` by check-and-set: if other clients write it meanwhile it tries again, some times. Fails as
 * vault_write_all() does. */
VP_MUST_USE enum vp_code vault_write_field(struct vault *vault, const char *path, const char *field,
                                           const struct vp_json *value, bool check, int64_t *ret_version,
                                           struct vp_error *err);

/* ---- wrapping ---- */

struct vault_wrapping {
    struct vp_secret *token;
    char creation_path[512];
    int64_t ttl_s;
    bool
        may_have_lease; /* what is wrapped then ends with the token that it was asked with; not to be seen from outside */
};

/* Reads a secret into a wrapping; `path` NULL: wraps `data` itself. */
VP_MUST_USE enum vp_code vault_wrap(struct vault *vault, const char *path, const struct vp_json *data,
                                    const char *wrap_ttl, struct vault_wrapping *ret_wrapping, struct vp_error *err);
void vault_wrapping_clear(struct vault_wrapping *wrapping);

/* Where a wrapping of data that was sent is made. */
#define VAULT_WRAP_PATH "sys/wrapping/wrap"

/* Opens a wrapping if it was made by `creation_path`: another one is VP_REASON_FORBIDDEN, and it stays closed. */
VP_MUST_USE enum vp_code vault_unwrap(struct vault *vault, const struct vp_secret *token, const char *creation_path,
                                      struct vp_json **ret_document, struct vp_error *err);
