/* Private to the module: one mount of the secrets engine, and the configuration that a request works with. */
#pragma once

#include "vp/mount.h"

#include "config.h"

/* Outcomes of one kind of request; VP_REASON_NONE counts those that succeeded. */
struct tokens_outcomes {
    atomic_uint_least64_t by_reason[VP_REASON_N];
};
void tokens_outcomes_count(struct tokens_outcomes *outcomes, enum vp_code code, const struct vp_error *err);

struct tokens_counters {
    struct tokens_outcomes mints;
    struct tokens_outcomes renewals;
    struct tokens_outcomes revocations;
    struct tokens_outcomes rollbacks; /* of write-ahead entries */
};

/* A mint of this process, whose tokens no rollback may end. */
struct tokens_active {
    char id[TOKENS_SITE_ID_LEN * 2 + 1];
    int64_t since_ms;
    bool settled; /* its lease is the host's: only the entry is left to remove */
};

struct tokens_mount {
    struct mount_core core; /* first */
    struct tokens_counters counters;
    pthread_mutex_t rollback_lock; /* held over a rollback: one at a time */
    pthread_mutex_t active_lock;   /* guards the two below */
    struct tokens_active *active;
    size_t n_active;
};

struct tokens_snapshot {
    struct mount_snapshot base; /* first */
    struct tokens_config config;
    struct arv_client *arvados;
    char site_id[TOKENS_SITE_ID_LEN + 1];
};

/* Released by tokens_snapshot_freep. VP_REASON_NOT_CONFIGURED. */
VP_MUST_USE enum vp_code tokens_snapshot_get(const struct logical_call *call, struct tokens_snapshot **ret_snapshot,
                                             struct vp_error *err);
void tokens_snapshot_freep(struct tokens_snapshot **snapshot);

/* Requests with the mount's admin token. */
struct arv_credentials tokens_admin(const struct logical_call *call, const struct tokens_snapshot *snapshot);

/* A refusal of the admin token is the mount's own fault, in words of this engine's config. */
enum vp_code tokens_admin_fault(enum vp_code code, struct vp_error *err);
