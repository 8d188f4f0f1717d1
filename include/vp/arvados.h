/* The Arvados API, typed: what the plugin asks, and nothing it does not need.
 * Only arv-vault writes: links, at an admin's word.
 *
 * Every answer is checked by type and form here, once: uuids by their pattern, texts for length, so that the rooms above
 * trust what they get. Both answer shapes are taken (Go-routed and raw Rails: null strings may come as ""). Blocks; any
 * thread. Facts are of Arvados 3.2, seen in tests/data/arvados-recordings. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vp/cancel.h"
#include "vp/clock.h"
#include "vp/error.h"
#include "vp/http.h"
#include "vp/json.h"
#include "vp/secret.h"
#include "vp/texts.h"

/* ---- forms ---- */

enum { ARV_UUID_LEN = 27, ARV_CLUSTER_LEN = 5, ARV_SECRET_MAX = 128 };

/* `<5>-<infix>-<15>`, lower-case letters and digits; infix e.g. "tpzed" (user), "gj3su" (token), "dz642" (container),
 * "j7d0g" (group), "o0j2j" (link). */
bool arv_is_uuid(const char *text, const char *infix);
bool arv_is_user_uuid(const char *text);
bool arv_is_cluster_id(const char *text); /* labels for salting have the same form */
bool arv_same_cluster(const char *uuid, const char *cluster_id);

/* The uuids that every cluster has, behind its id. */
#define ARV_SYSTEM_USER "tpzed-000000000000000"
#define ARV_ALL_USERS_ROLE "j7d0g-fffffffffffffff"
#define ARV_ANONYMOUS_ROLE "j7d0g-anonymouspublic" /* all the world is in it */
void arv_uuid_of(const char *cluster_id, const char *rest, char uuid[ARV_UUID_LEN + 1]);

/* What an image is known by: <32 hex>+<size>. */
bool arv_is_portable_data_hash(const char *text);

/* Of the uuid's own cluster. */
bool arv_is_system_user(const char *user_uuid);
bool arv_is_anonymous_user(const char *user_uuid);
bool arv_is_anonymous_role(const char *group_uuid);

/* A token taken apart: v2/<5>-gj3su-<15>/<20..128 of a-z0-9>[/<5>-dz642-<15>]. */
struct arv_token_text {
    char uuid[ARV_UUID_LEN + 1];
    char container_uuid[ARV_UUID_LEN + 1]; /* "" in the three-part form. A claim, never evidence: Arvados ignores it
                                            * when it names no container */
    bool salted_form;                      /* the secret has 40 hex digits, as a salted one; a usable one could too */
};

/* White space around it is trimmed. False: not of that form. *ret_token is a copy of the trimmed text, freed by the
 * caller; VP_REASON_TOKEN_MALFORMED otherwise, with words that hold nothing of the token. */
VP_MUST_USE enum vp_code arv_token_parse(const struct vp_secret *given, struct vp_secret **ret_token,
                                         struct arv_token_text *ret_parts, struct vp_error *err);

/* The token with HMAC-SHA1(secret, label) in the place of its secret: it proves the container to whoever asks Arvados with
 * `remote=<label>`, and is of no other use. VP_REASON_BAD_REQUEST: no such label. */
VP_MUST_USE enum vp_code arv_token_salt(const struct vp_secret *token, const char *label, struct vp_secret **ret_salted,
                                        struct vp_error *err);

/* A keyed hash of a token, and of the label that it is said to be salted with (NULL: none), so that a token can be recognised without being
 * kept. The key is random and of this process only. False: no memory or randomness. */
enum { ARV_FINGERPRINT_KEY_LEN = 32, ARV_FINGERPRINT_LEN = 16 };
bool arv_fingerprint_key_new(uint8_t ret_key[ARV_FINGERPRINT_KEY_LEN]);
bool arv_token_fingerprint(const struct vp_secret *token, const char *salt_label,
                           const uint8_t key[ARV_FINGERPRINT_KEY_LEN], uint8_t ret_fingerprint[ARV_FINGERPRINT_LEN]);

/* ---- a cluster ---- */

struct arv_client;

VP_MUST_USE enum vp_code arv_client_new(struct http_client *http, const struct http_site_options *options,
                                        struct arv_client **ret_client, struct vp_error *err);
void arv_client_free(struct arv_client *client);

/* How one service token fared of late, over all requests. Any thread; one of all zeroes but the clock is a start. */
struct arv_token_health {
    const struct vp_clock *clock;
    atomic_int_least64_t worked_ms;  /* monotonic, of the last success; 0: none */
    atomic_int_least64_t refused_ms; /* of the first 401 after it; 0: none */
};

/* With which token, under which id and until when requests are sent. Borrowed by each call. */
struct arv_credentials {
    const struct vp_secret *token;   /* NULL only for arv_discover */
    struct arv_token_health *health; /* of the service token; NULL: not followed */
    bool service;                    /* the mount's own token: a 401 or 403 is VP_REASON_SERVICE_TOKEN, else
                                    * VP_REASON_TOKEN_REJECTED and VP_REASON_TOKEN_SCOPE */
    const char *request_id;          /* sent as X-Request-Id */
    int64_t deadline_ms;             /* monotonic; for all calls of one request together */
    struct vp_cancel *cancel;        /* may be NULL */
    bool yields;                     /* caused by an unauthenticated caller: waits behind all others for its turn */
};

/* All calls below may fail with what http_round() says, and with: upstream_error (5xx after the retries), upstream_busy
 * (503 with an empty body after the retries), upstream_bad_answer (any other status, type, form, size). */

/* The API's discovery document: needs no token. */
struct arv_discovery {
    char cluster_id[ARV_CLUSTER_LEN + 1];
    char version[64];              /* packageVersion; "" when missing */
    char revision[64];             /* "20250402"; "" when missing */
    bool has_computed_permissions; /* Arvados 3.0 or newer: group membership can be asked for */
};
VP_MUST_USE enum vp_code arv_discover(struct arv_client *client, const struct arv_credentials *credentials,
                                      struct arv_discovery *ret_discovery, struct vp_error *err);

/* ---- who is it? ---- */

struct arv_container {
    struct vp_json *document; /* owns the texts below */
    const char *uuid;
    const char *state;                         /* Queued, Locked, Running, Complete, Cancelled */
    const char *auth_uuid;                     /* NULL for a container that carries a runtime token */
    const char *runtime_user_uuid;             /* NULL in records made by old versions */
    const struct vp_json *runtime_auth_scopes; /* of the run token at its start; NULL in such records */
    const char *container_image;               /* portable data hash; NULL unless it has the form <32 hex>+<size> */
    int64_t started_at_s;                      /* VP_TIME_NONE before it ran */
    bool interactive_session_started;
};

struct arv_user {
    struct vp_json *document;
    const char *uuid;
    const char *username; /* NULL when empty */
    bool is_active;
    bool is_admin;
};

struct arv_token {
    struct vp_json *document; /* never holds the secret: it is not selected */
    const char *uuid;
    const char *owner_uuid; /* the user */
    const struct vp_json *scopes;
    int64_t expires_at_s; /* VP_TIME_NONE: never */
};

/* The three answers about one token, asked in parallel. */
struct arv_identity {
    bool has_container; /* else the token is not a container's, and the next is empty */
    struct arv_container container;
    struct arv_user user;
    struct arv_token token;
};

enum arv_token_kind { ARV_CONTAINER_TOKEN, ARV_ANY_TOKEN };

/* containers/current, users/current and api_client_authorizations/current in one round with credentials->token.
 * VP_REASON_TOKEN_REJECTED: any of them 401. VP_REASON_TOKEN_SCOPE: 403. VP_REASON_NOT_CONTAINER_TOKEN: containers/current
 * 404, where a container's token is wanted; else the identity has no container then. A 401 is Arvados' answer to every
 * token while its database is down too. Nothing is cross-checked here. */
VP_MUST_USE enum vp_code arv_identify(struct arv_client *client, const struct arv_credentials *credentials,
                                      enum arv_token_kind wanted, struct arv_identity *ret_identity,
                                      struct vp_error *err);
void arv_identity_clear(struct arv_identity *identity); /* also of a zeroed one */

/* The container whose token is credentials->token, in one request. Failures as of arv_identify(). Freed by
 * arv_container_clear(). */
VP_MUST_USE enum vp_code arv_container_current(struct arv_client *client, const struct arv_credentials *credentials,
                                               struct arv_container *ret_container, struct vp_error *err);
void arv_container_clear(struct arv_container *container);

/* The same for a token salted with `label` (HMAC-SHA1 of the label, keyed with the secret): Arvados takes it for telling its
 * user and itself, and for nothing else. So the container is looked up with `service`, by the token's uuid.
 * VP_REASON_NOT_CONTAINER_TOKEN: no container has that token. */
VP_MUST_USE enum vp_code arv_identify_salted(struct arv_client *client, const struct arv_credentials *credentials,
                                             const struct arv_credentials *service, const char *label,
                                             const char *token_uuid, struct arv_identity *ret_identity,
                                             struct vp_error *err);

/* Are the scopes of a token ["all"]? */
bool arv_scopes_are_all(const struct vp_json *scopes);

/* Whose token is credentials->token: api_client_authorizations/current alone. Freed by arv_token_clear(). */
VP_MUST_USE enum vp_code arv_token_current(struct arv_client *client, const struct arv_credentials *credentials,
                                           struct arv_token *ret_token, struct vp_error *err);
void arv_token_clear(struct arv_token *token);

/* The container and the user of a login, looked up by uuid with the service token (admin lists with a uuid filter), in one
 * round. VP_REASON_CONTAINER_NOT_RUNNING: no such container. VP_REASON_USER_INACTIVE: no such user. The answer's uuids
 * are those asked for, else upstream_bad_answer. ret_identity->token stays empty. */
VP_MUST_USE enum vp_code arv_look_up(struct arv_client *client, const struct arv_credentials *credentials,
                                     const char *container_uuid, const char *user_uuid,
                                     struct arv_identity *ret_identity, struct vp_error *err);

/* The container, or the user, alone, by uuid, with the service token. Failures as of arv_look_up(). */
VP_MUST_USE enum vp_code arv_find_container(struct arv_client *client, const struct arv_credentials *credentials,
                                            const char *container_uuid, struct arv_container *ret_container,
                                            struct vp_error *err);
VP_MUST_USE enum vp_code arv_find_user(struct arv_client *client, const struct arv_credentials *credentials,
                                       const char *user_uuid, struct arv_user *ret_user, struct vp_error *err);

/* The user of that name, looked up like arv_find_user(). `username`: letters and digits. */
bool arv_is_username(const char *text);
VP_MUST_USE enum vp_code arv_find_user_named(struct arv_client *client, const struct arv_credentials *credentials,
                                             const char *username, struct arv_user *ret_user, struct vp_error *err);
void arv_user_clear(struct arv_user *user);

/* ---- tokens made and ended (mint.c) ---- */

/* 50 random characters, as Arvados' own secrets; NULL without memory or randomness. */
struct vp_secret *arv_token_secret_new(void);

/* "v2/<uuid>/<secret>"; NULL without memory. */
struct vp_secret *arv_token_of(const char *uuid, const struct vp_secret *secret);

/* What comes behind the uuid of a v2 token; NULL without memory or if it is none. */
struct vp_secret *arv_token_secret_of(const struct vp_secret *token);

struct arv_new_token {
    const char *owner_uuid;
    const struct vp_texts *scopes;
    int64_t expires_at_s; /* VP_TIME_NONE: never */
    const struct vp_secret
        *secret; /* what comes behind the uuid: chosen by us, so that it is known before Arvados answers */
};
struct arv_minted {
    char uuid[ARV_UUID_LEN + 1];
    int64_t expires_at_s; /* what was asked for or, by the site's MaxTokenLifetime, earlier */
};

/* Mints with an admin's token. Sent once, never repeated: whatever fails but a refusal leaves open whether the token exists.
 * The answer's owner, scopes, secret and expiry are those asked for, else upstream_bad_answer.
 * VP_REASON_USER_INACTIVE: no such owner. SERVICE_TOKEN, TOKEN_REJECTED, TOKEN_SCOPE: refused, nothing was made. */
VP_MUST_USE enum vp_code arv_token_create(struct arv_client *client, const struct arv_credentials *credentials,
                                          const struct arv_new_token *token, struct arv_minted *ret_minted,
                                          struct vp_error *err);

/* Makes sure that no token comes to exist with this secret, also by a request that is still under way: an expired one of the
 * credentials' own user takes its place. *ret_taken: one exists already (and may be valid: see arv_token_log_out). */
VP_MUST_USE enum vp_code arv_token_claim(struct arv_client *client, const struct arv_credentials *credentials,
                                         const char *owner_uuid, const struct vp_secret *secret, bool *ret_taken,
                                         struct vp_error *err);

/* May these credentials mint for others? Asks for a token of a user that does not exist. VP_OK: they may. */
VP_MUST_USE enum vp_code arv_token_may_create(struct arv_client *client, const struct arv_credentials *credentials,
                                              const char *cluster_id, struct vp_error *err);

/* Moves the expiry of a token, with the token itself or another one of its user whose scopes allow it.
 * VP_REASON_TOKEN_REJECTED: it does not exist any more (or Arvados' database is away). TOKEN_SCOPE: not by these credentials. */
VP_MUST_USE enum vp_code arv_token_extend(struct arv_client *client, const struct arv_credentials *credentials,
                                          const char *uuid, int64_t expires_at_s, int64_t *ret_expires_at_s,
                                          struct vp_error *err);

/* Ends the credentials' own token, given as v2 token or bare secret, whatever its scopes. VP_OK also if it was none: then it is
 * certain that it is invalid. */
VP_MUST_USE enum vp_code arv_token_log_out(struct arv_client *client, const struct arv_credentials *credentials,
                                           struct vp_error *err);

/* The same by deleting it, where its scopes allow that. `uuid` is the token's. */
VP_MUST_USE enum vp_code arv_token_end(struct arv_client *client, const struct arv_credentials *credentials,
                                       const char *uuid, struct vp_error *err);

/* ---- groups ---- */

/* Those of the groups that are of that class ("project", "role"), which the token can read and which are not in the trash.
 * The uuids are groups' of this cluster: a list with others would be asked of theirs. */
VP_MUST_USE enum vp_code arv_groups_among(struct arv_client *client, const struct arv_credentials *credentials,
                                          const struct vp_texts *group_uuids, const char *group_class,
                                          struct vp_texts *ret_uuids, struct vp_error *err);

/* Which of some groups a user is a member of, directly or through other groups, whatever became of the groups
 * (computed_permissions). Needs an admin's token. Failing a row, a user is no member. An item that was not asked for is an
 * invalid response. */
struct arv_members {
    struct vp_texts group_uuids; /* ascending */
    bool unknown;                /* this Arvados is older than 3.0 and can't tell: the list is empty */
};
VP_MUST_USE enum vp_code arv_members_among(struct arv_client *client, const struct arv_credentials *credentials,
                                           const char *user_uuid, const struct vp_texts *group_uuids,
                                           struct arv_members *ret_members, struct vp_error *err);
void arv_members_clear(struct arv_members *members);

/* ---- names of users and groups, for arv-vault (directory.c) ---- */

struct arv_entry {
    const char *uuid;
    const char *name;        /* a username, or a group's name; NULL: none */
    const char *email;       /* of a user; NULL: none */
    const char *group_class; /* "role", "project", "filter"; NULL for a user */
};
struct arv_directory {
    struct vp_json **pages; /* own the strings */
    size_t n_pages;
    struct arv_entry *items;
    size_t n;
};

/* Adds the users whose `attribute` ("uuid", "username", "email") is one of the values; with an administrator's token. */
VP_MUST_USE enum vp_code arv_directory_add_users(struct arv_client *client, const struct arv_credentials *credentials,
                                                 const char *attribute, const struct vp_texts *values,
                                                 struct arv_directory *directory, struct vp_error *err);

/* The same for groups ("uuid", "name") that are not in the trash. */
VP_MUST_USE enum vp_code arv_directory_add_groups(struct arv_client *client, const struct arv_credentials *credentials,
                                                  const char *attribute, const struct vp_texts *values,
                                                  struct arv_directory *directory, struct vp_error *err);
const struct arv_entry *arv_directory_find(const struct arv_directory *directory, const char *uuid); /* NULL: none */
void arv_directory_clear(struct arv_directory *directory);

/* ---- links ---- */

/* One link as Arvados tells it; owned by its list. Texts are NULL where Arvados has null or "". */
struct arv_link {
    const char *uuid; /* form checked; the others are as users wrote them: NULL for null or "", and "(unusable)" for
                       * another type or more than 1020 bytes */
    const char *link_class;
    const char *owner_uuid;
    const char *modified_by_user_uuid;
    const char *tail_uuid;
    const char *head_uuid;
    const char *name;
    const struct vp_json *properties; /* an object; NULL for anything else, which is for the caller to judge */
    const char *modified_at;          /* NULL unless the query wants it */
};

struct arv_links {
    struct vp_json **pages; /* own the strings */
    size_t n_pages;
    struct arv_link *items;
    size_t n;
    size_t memory; /* of the pages, roughly */
    bool too_many; /* then there is none of them: see arv_link_query.too_many_is_fine */
};

enum { ARV_LINKS_MAX = 10000 }; /* in one answer list; more is links_incomplete, never a cut list */

/* Which links. Borrowed by each call; what is NULL narrows nothing. */
struct arv_link_query {
    const char *link_class;
    const struct vp_texts *owner_uuids;
    const struct vp_texts *tail_uuids;
    bool tail_is_group; /* only links to groups */
    bool with_dates;    /* modified_at as well */
    /* NULL, or the cluster: asks for a user's record in the same round as the first page. Only an administrator may, while
     * others get an empty list of links and no error. So an empty list counts only with an administrator's token. */
    const char *proof_cluster_id;
    /* More than ARV_LINKS_MAX, or than may lie in memory, are an empty list that says so, and no failure. */
    bool too_many_is_fine;
    bool whole_properties; /* for showing; else only the keys of arv_properties_read() are there */
};

/* All of them; paged by uuid. The filters are only asked for: the caller checks each item again. VP_REASON_LINKS_INCOMPLETE: pages
 * that repeat, go back, don't end or are too many. */
VP_MUST_USE enum vp_code arv_links_list(struct arv_client *client, const struct arv_credentials *credentials,
                                        const struct arv_link_query *query, struct arv_links *ret_links,
                                        struct vp_error *err);

/* For showing only: links of other owners than those of the query. The first ones; *ret_more says that there are further ones. */
VP_MUST_USE enum vp_code arv_links_of_others(struct arv_client *client, const struct arv_credentials *credentials,
                                             const struct arv_link_query *query, struct arv_links *ret_links,
                                             bool *ret_more, struct vp_error *err);
void arv_links_clear(struct arv_links *links);

/* ---- what a login needs to know of its user ---- */

/* Makes a call that only an administrator's token may make: an empty list proves nothing otherwise. VP_REASON_SERVICE_TOKEN. */
VP_MUST_USE enum vp_code arv_prove_administrator(struct arv_client *client, const struct arv_credentials *credentials,
                                                 const char *cluster_id, struct vp_error *err);

/* One user, read with an administrator's token: record, own links, and memberships of `group_uuids` (may be empty), in one parallel round and, where there are
 * more than a page of them, further ones. VP_REASON_USER_INACTIVE: no such user. */
struct arv_user_facts {
    struct arv_user user;
    struct arv_members members;
    struct arv_links links; /* as asked for: the caller checks each again */
};
VP_MUST_USE enum vp_code arv_user_facts(struct arv_client *client, const struct arv_credentials *credentials,
                                        const char *user_uuid, const struct vp_texts *group_uuids,
                                        const struct arv_link_query *query, struct arv_user_facts *ret_facts,
                                        struct vp_error *err);
void arv_user_facts_clear(struct arv_user_facts *facts);

/* What a grant's properties narrow it to. Texts borrowed from them. */
struct arv_properties {
    bool good;                   /* false: there is no object, or a known key has a wrong form */
    int64_t not_before_s;        /* 0: none */
    int64_t expires_at_s;        /* VP_TIME_NONE: never */
    const char *container_image; /* a portable data hash; NULL: any */
};
struct arv_properties arv_properties_read(const struct vp_json *properties);

/* Makes and deletes links, with an admin's token. VP_REASON_BAD_REQUEST has Arvados' own words (no such tail, for example);
 * VP_REASON_FORBIDDEN: the token is not an admin's. `properties` may be NULL. */
struct arv_new_link {
    const char *link_class;
    const char *owner_uuid;
    const char *tail_uuid;
    const char *name;
    const struct vp_json *properties;
};
VP_MUST_USE enum vp_code arv_link_create(struct arv_client *client, const struct arv_credentials *credentials,
                                         const struct arv_new_link *link, char ret_uuid[ARV_UUID_LEN + 1],
                                         struct vp_error *err);
VP_MUST_USE enum vp_code arv_link_delete(struct arv_client *client, const struct arv_credentials *credentials,
                                         const char *uuid, struct vp_error *err);
