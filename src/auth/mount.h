/* Private to the room: one mount, and the picture of its configuration that a request works
 * with. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "vp/arvados.h"
#include "vp/budget.h"
#include "vp/clock.h"
#include "vp/logical.h"

#include "config.h"
#include "counters.h"

/* What follows from the config alone, and is expensive: connections, and the grants that were
 * read. A change of a role keeps it. Counted; `record` is the config that it was made for, byte
 * for byte. */
struct auth_site {
    atomic_uint references;
    struct vp_buf record;
    struct arv_client *arvados;
    struct auth_grant_cache *cache;
    struct auth_refused *refused; /* see refused.h */
};

/* The configuration as one request sees it from beginning to end. Immutable, counted: a change
 * of the config or of a role makes a new one, and the old one goes with its last request. */
struct auth_snapshot {
    atomic_uint references;
    struct auth_snapshot *next_dropped;
    struct auth_site *site;
    struct auth_config config;           /* filled */
    struct arv_client *arvados;          /* the site's */
    struct auth_grant_cache *cache;      /* the site's; see grant_cache.h */
    struct auth_roles *roles;            /* see roles.h */
    atomic_int_least64_t token_expiry_s; /* of the service token; VP_TIME_NONE: never. 0: not asked yet */
    bool has_roles;                      /* a role record is stored, whichever version of the plugin wrote it */
    int64_t loaded_ms;                   /* monotonic, before storage was read */
    unsigned generation;                 /* the mount's, before storage was read */
};

struct auth_shared {
    struct http_client *http;
    const struct vp_clock *clock;
    struct vp_budget memory;                         /* of what all mounts remember */
    uint8_t fingerprint_key[ARV_FINGERPRINT_KEY_LEN]; /* see refused.h */
};

struct auth_mount {
    struct auth_shared *shared;
    struct vp_budget memory; /* of what this mount remembers, a part of the process' */
    struct auth_counters counters;
    struct http_stats stats;
    struct auth_refusals *refusals; /* see refusals.h */
    struct arv_token_health service_token_health;
    pthread_mutex_t write_lock;     /* held over read-compare-write of the config record */
    pthread_mutex_t lock;           /* guards all below; never held while calling out */
    struct auth_snapshot *snapshot; /* NULL: to be loaded at the next request */
    struct auth_snapshot
        *dropped;              /* released by the next request: the thread that reads requests must not free so much */
    struct auth_site *site;    /* for the next snapshot, if the config is the same; NULL: none */
    bool site_is_old;          /* the config changed: not to be used, but to be released */
    int64_t distrust_until_ms; /* monotonic: till then nothing is cached, since a write's outcome is not known */
    char service_token_uuid[ARV_UUID_LEN + 1]; /* the token that the health above is of; "": none */
    unsigned generation; /* counts changes, so that a slow load can't bring back what was dropped */
};

/* The current snapshot, loaded from storage if need be; released by auth_snapshot_release().
 * VP_REASON_NOT_CONFIGURED. */
VP_MUST_USE enum vp_code auth_snapshot_get(const struct logical_call *call, struct auth_snapshot **ret_snapshot,
                                           struct vp_error *err);
void auth_snapshot_release(struct auth_snapshot **snapshot);

/* False once a config or a role changed after the snapshot was loaded: what was decided on it is
 * to be decided again. */
bool auth_snapshot_is_current(struct auth_mount *mount, const struct auth_snapshot *snapshot);

/* A client for a configuration that was checked. Its calls count as the mount's. */
VP_MUST_USE enum vp_code auth_client_new(struct auth_mount *mount, const struct auth_config *config,
                                         struct arv_client **ret_client, struct vp_error *err);

/* Drops what the stored key concerns: a role's, the snapshot; any other, connections and cached
 * grants as well. Requests under way keep theirs, and are decided again. Frees nothing. */
void auth_mount_forget(struct auth_mount *mount, const char *key);

/* The same after a write that was sent to storage. One that failed may still land later, and
 * nobody would say so: for a while every request then reads its configuration anew. Refused
 * before it was sent is not written: else who may write a role keeps all busy. */
void auth_mount_written(struct auth_mount *mount, const char *key, enum vp_code outcome);

/* Monotonic time by which the request must be answered. */
int64_t auth_deadline_ms(const struct logical_call *call, const struct auth_config *config);
