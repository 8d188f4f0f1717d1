/* Private to the room: one mount, and the picture of its configuration that a request works
 * with. */
#pragma once

#include "vp/budget.h"
#include "vp/mount.h"

#include "config.h"
#include "counters.h"

/* What follows from the config alone, and is expensive: connections, and the grants that were
 * read. A change of a role keeps it. Counted; `record` is the config that it was made for, byte
 * for byte. */
struct auth_site {
    atomic_uint references;
    struct auth_site *next_dropped;
    bool is_dropped; /* the mount keeps it no longer; guarded by the lock of the mount */
    struct vp_buf record;
    struct arv_client *arvados;
    struct auth_grant_cache *cache;
    struct auth_refused *refused; /* see refused.h */
};

/* The configuration as one request uses it, with what the mount's roles add. */
struct auth_snapshot {
    struct mount_snapshot base; /* first */
    struct auth_site *site;
    struct auth_config config;           /* filled */
    struct arv_client *arvados;          /* the site's */
    struct auth_grant_cache *cache;      /* the site's; see grant_cache.h */
    struct auth_roles *roles;            /* see roles.h */
    atomic_int_least64_t token_expiry_s; /* of the service token; VP_TIME_NONE: never. 0: not asked yet */
    bool has_roles;                      /* a role record is stored, whichever version of the plugin wrote it */
};

struct auth_shared {
    struct mount_shared base; /* first */
    struct vp_budget in_use;  /* what all mounts have read of Arvados' lists and hold, remembered or not */
    struct vp_budget memory;  /* what all mounts remember, a part of it */
    uint8_t fingerprint_key[ARV_FINGERPRINT_KEY_LEN]; /* see refused.h */
};

struct auth_mount {
    struct mount_core core;  /* first; its lock guards the three last members */
    struct vp_budget memory; /* what this mount remembers, a part of the process' */
    struct auth_counters counters;
    struct auth_refusals *refusals; /* see refusals.h */
    struct arv_token_health service_token_health;
    struct auth_site *site;                    /* for the next snapshot, if the config is the same; NULL: none */
    struct auth_site *dropped_sites;           /* to be released */
    char service_token_uuid[ARV_UUID_LEN + 1]; /* the token that the health above is of; "": none */
};

static inline struct auth_shared *auth_shared_of(const struct auth_mount *mount)
{
    return (struct auth_shared *)(void *)mount->core.shared;
}

/* The current snapshot, loaded from storage if need be; released by auth_snapshot_release().
 * VP_REASON_NOT_CONFIGURED. */
VP_MUST_USE enum vp_code auth_snapshot_get(const struct logical_call *call, struct auth_snapshot **ret_snapshot,
                                           struct vp_error *err);
void auth_snapshot_release(struct auth_snapshot **snapshot);
