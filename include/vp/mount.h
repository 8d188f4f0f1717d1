/* What the mounts of both plugins share: the Arvados site that a mount talks to, its stored records, the snapshot of its
 * configuration that a request works with, and parts of its answers.
 *
 * Decides nothing about tokens or logins. All functions may be called from any thread; arguments are borrowed, what a function gives
 * goes out through `ret_...`. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vp/arvados.h"
#include "vp/clock.h"
#include "vp/logical.h"

/* ---- the process-wide part: logical_backend.shared_new and shared_free ---- */

struct mount_shared {
    struct http_client *http;
    const struct vp_clock *clock;
};
VP_MUST_USE enum vp_code mount_shared_new(void **ret_shared, struct vp_error *err);
void mount_shared_free(void *shared);

/* For a plugin's own struct, whose first member it is; allocated zeroed, freed by mount_shared_free(). */
VP_MUST_USE enum vp_code mount_shared_init(struct mount_shared *shared, struct vp_error *err);

/* ---- the Arvados site (site.c) ---- */

/* Part of a stored config. Texts may be NULL or "". */
struct mount_site {
    char *arvados_api_host;
    char *arvados_ca_cert; /* unset: the system's bundle */
    char *tls_server_name; /* unset: the host */
    char *cluster_id;
    int64_t request_timeout_s;
    int64_t max_retries;
    int64_t max_concurrent_requests;
    bool verify_connection;
};

/* Rows of a field table: where Arvados is, and how much is asked of it. `type` has a struct mount_site named `site`. */
#define MOUNT_SITE_ROW(type, member, kind, flags, preset, min, max, help)         \
    {                                                                             \
#member, kind, offsetof(type, site.member), flags, preset, min, max, help \
    }
#define MOUNT_SITE_PLACE_FIELDS(type)                                                                              \
    MOUNT_SITE_ROW(type, arvados_api_host, LOGICAL_TEXT, LOGICAL_REQUIRED, NULL, 0, 0,                             \
                   "Arvados API server: host, host:port or https://host[:port], as in ARVADOS_API_HOST. Always "   \
                   "HTTPS."),                                                                                      \
        MOUNT_SITE_ROW(type, arvados_ca_cert, LOGICAL_TEXT, 0, NULL, 0, 0,                                         \
                       "PEM bundle of CA certificates for the Arvados API server. Empty: the system's bundle."),   \
        MOUNT_SITE_ROW(type, tls_server_name, LOGICAL_TEXT, 0, NULL, 0, 0,                                         \
                       "Name that the server certificate must have. Empty: the host of arvados_api_host."),        \
        MOUNT_SITE_ROW(type, cluster_id, LOGICAL_TEXT, 0, NULL, 0, 0,                                              \
                       "Id of the cluster, 5 characters. Empty: taken from the discovery document. A server that " \
                       "reports another id is refused.")
#define MOUNT_SITE_LIMIT_FIELDS(type)                                                                                 \
    { "request_timeout",                                                                                              \
      LOGICAL_DURATION,                                                                                               \
      offsetof(type, site.request_timeout_s),                                                                         \
      0,                                                                                                              \
      "10s",                                                                                                          \
      1,                                                                                                              \
      60,                                                                                                             \
      "Time budget for all Arvados calls of one request." },                                                          \
        MOUNT_SITE_ROW(type, max_retries, LOGICAL_INT, 0, "2", 0, 10,                                                 \
                       "Retries after failed connections and 5xx responses, within request_timeout."),                \
        MOUNT_SITE_ROW(type, max_concurrent_requests, LOGICAL_INT, 0, "64", 1, 256,                                   \
                       "Upper bound of concurrent requests to Arvados, per mount and node. The current limit adapts " \
                       "to the load and starts at 8; status returns it."),                                            \
        MOUNT_SITE_ROW(type, verify_connection, LOGICAL_BOOL, 0, "true", 0, 0,                                        \
                       "Before a write is stored, check that Arvados answers, is the expected cluster and accepts "   \
                       "the token. false requires cluster_id.")

/* Can requests be sent there? Pure. VP_REASON_BAD_REQUEST naming the field; the cluster id may be empty. */
VP_MUST_USE enum vp_code mount_site_check(const struct mount_site *site, struct vp_error *err);

/* The same host, CA and server name? A token is never sent to a new place on the strength of an old write. */
bool mount_site_same_place(const struct mount_site *a, const struct mount_site *b);

/* Of a discovery document: fills an empty cluster id; VP_REASON_WRONG_CLUSTER for another one. */
VP_MUST_USE enum vp_code mount_site_learn_cluster(struct mount_site *site, const struct arv_discovery *discovery,
                                                  struct vp_error *err);

/* Puts the field's name in front of a failure's message. */
enum vp_code mount_name_field(enum vp_code code, const char *field, struct vp_error *err);

/* ---- a mount (snapshot.c) ---- */

/* The first member of the plugin's mount object. */
struct mount_core;

/* The configuration as one request sees it from beginning to end. Immutable, counted: a change of the config makes a new one, and
 * the old one goes with its last request. First member of the plugin's own struct. */
struct mount_snapshot {
    atomic_uint references;
    const struct mount_kind *kind;
    struct mount_snapshot *next_dropped;
    int64_t loaded_ms;   /* monotonic, before storage was read */
    unsigned generation; /* the mount's, before storage was read */
};

/* What a plugin's snapshot is: constant. */
struct mount_kind {
    const char *user_agent; /* of requests to Arvados */
    size_t snapshot_size;   /* allocated zeroed */
    size_t site_offset;     /* of the struct mount_site in it */
    /* Fills it from storage. VP_REASON_NOT_CONFIGURED. On failure it is cleared. */
    VP_MUST_USE enum vp_code (*load)(const struct logical_call *call, struct mount_snapshot *snapshot,
                                     struct vp_error *err);
    void (*clear)(struct mount_snapshot *snapshot);

    /* For what outlives a snapshot, such as connections; all three or none. The first two are called with the mount's lock held and
     * free nothing. */
    void (*changed)(struct mount_core *core, const char *key); /* this record changed; NULL: any of them */
    void (*shared)(struct mount_core *core, struct mount_snapshot *snapshot); /* later requests use it as well */
    void (*sweep)(struct mount_core *core);                                   /* frees what these two replaced */
};

struct mount_core {
    struct mount_shared *shared;
    const struct mount_kind *kind;
    int64_t since_s;
    struct http_stats stats;
    pthread_mutex_t write_lock;      /* held over read-compare-write of records */
    pthread_mutex_t lock;            /* guards the four below; never held while calling out */
    struct mount_snapshot *snapshot; /* NULL: to be loaded at the next request */
    struct mount_snapshot *dropped;  /* freed by the next request: a thread that reads requests must not free so much */
    int64_t distrust_until_ms;       /* monotonic: until then nothing is cached, since a write's outcome is not known */
    unsigned generation;             /* counts changes, so that a slow load can't bring back what was dropped */
};

void mount_core_init(struct mount_core *core, struct mount_shared *shared, const struct mount_kind *kind);
void mount_core_clear(struct mount_core *core);

/* The current snapshot, loaded from storage if need be; released by mount_snapshot_release(). call->mount is the core. */
VP_MUST_USE enum vp_code mount_snapshot_get(const struct logical_call *call, struct mount_snapshot **ret_snapshot,
                                            struct vp_error *err);
void mount_snapshot_release(struct mount_snapshot *snapshot);

/* False once a record changed after the snapshot was loaded: what was decided on it is to be decided again. */
bool mount_snapshot_is_current(struct mount_core *core, const struct mount_snapshot *snapshot);

/* Forgets the snapshot, since the record with this key changed (NULL: any may have); requests under way keep theirs. Frees nothing. */
void mount_forget(struct mount_core *core, const char *key);

/* logical_backend.request_timeout_ms, for a mount that begins with its core: the snapshot's, or the default while there is none. */
int64_t mount_request_timeout_ms(void *core);

/* A client of the site, whose calls count as the mount's. */
VP_MUST_USE enum vp_code mount_client_new(struct mount_core *core, const struct mount_site *site,
                                          struct arv_client **ret_client, struct vp_error *err);

/* Monotonic time by which the request must be answered: its budget counts from its arrival. */
int64_t mount_deadline_ms(const struct logical_call *call, const struct mount_site *site);

/* With this token, for this request, until its budget, which counts from its arrival, is used up. */
struct arv_credentials mount_credentials(const struct logical_call *call, const struct mount_site *site,
                                         const struct vp_secret *token, bool service);

/* ---- stored records (record.c): {"record_version": 1, "<name>": {fields}} ---- */

struct mount_record {
    const char *what; /* for messages: "the stored config" */
    const char *name; /* member that holds the fields */
    const struct logical_field *fields;
    bool seal_wrap;
};

/* Defaults first, then what the record says. VP_REASON_CONFIG_UNREADABLE: damaged, or written by a newer version. On failure
 * the target is to be cleared. */
VP_MUST_USE enum vp_code mount_record_decode(const struct mount_record *record, const struct vp_buf *text, void *target,
                                             struct vp_error *err);
VP_MUST_USE enum vp_code mount_record_load(const struct mount_record *record, const struct logical_call *call,
                                           const char *key, void *target, bool *ret_found, struct vp_error *err);

/* Writes, and forgets the mount's snapshot whatever became of it. VP_REASON_BAD_REQUEST: too much to be read again. */
VP_MUST_USE enum vp_code mount_record_store(const struct mount_record *record, const struct logical_call *call,
                                            const char *key, const void *source, struct vp_error *err);
/* A key that does not exist is removed all the same. */
VP_MUST_USE enum vp_code mount_record_remove(const struct logical_call *call, const char *key, struct vp_error *err);

/* `[a-z0-9][a-z0-9._-]{0,127}`: roles. */
bool mount_is_role_name(const char *name);

/* What may stand in an answer and a log: the text, or "..." for one that could be a token in the wrong field. */
const char *mount_quotable(const char *text);

/* Answers with {"keys": [...]}: the names below a prefix, sorted; those after `after` and at most `limit` (0: all).
 * VP_REASON_NOT_FOUND without any. */
VP_MUST_USE enum vp_code mount_list_keys(const struct logical_call *call, const char *prefix, const char *after,
                                         int64_t limit, struct vp_error *err);

/* ---- parts of answers (answers.c) ---- */

/* config/check: an open array of verdicts, and one line for each. */
struct mount_checks {
    struct vp_json_writer *writer;
    bool all_ok;
    struct vp_texts lines;
};
/* Opens the answer's object and array; closes them, with "ok" and "summary". */
void mount_checks_open(struct mount_checks *checks, struct vp_json_writer *writer);
void mount_checks_close(struct mount_checks *checks);
void mount_verdict(struct mount_checks *checks, const char *name, bool ok, const char *format, ...) VP_PRINTF(4, 5);

/* The verdict on a failed request. */
void mount_verdict_failure(struct mount_checks *checks, const char *name, const struct vp_error *failure);

/* "reach", "tls", and, if it answers, "cluster" and "version". False: it does not answer. */
bool mount_check_server(struct mount_checks *checks, struct arv_client *client,
                        const struct arv_credentials *credentials, const struct mount_site *site,
                        struct arv_discovery *ret_discovery);

/* Members of an open object: "plugin", "commit" and, unless NULL, the cluster's. */
void mount_put_version(struct vp_json_writer *writer, const struct arv_discovery *discovery);

/* An RFC 3339 time, or null for none. */
void mount_put_time(struct vp_json_writer *writer, const char *key, int64_t time_s);

/* The member "arvados" of status: requests by status and failure, latencies, queue. */
void mount_put_stats(struct vp_json_writer *writer, const struct http_stats *stats);
