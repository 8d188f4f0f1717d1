/* Private to the module: the write-ahead log of mints. An entry holds the secrets that were chosen for tokens which no lease
 * has yet; it is stored before Arvados sees them and removed when the answer with the lease is ready. What a crash leaves is ended
 * by the host's rollback. */
#pragma once

#include "mount.h"

#define TOKENS_WAL_PREFIX "wal/"

enum { TOKENS_WAL_ID_LEN = 32, TOKENS_WAL_SECRETS = 2 };

struct tokens_wal {
    char id[TOKENS_WAL_ID_LEN + 1]; /* the key below the prefix */
    char site_id[TOKENS_SITE_ID_LEN + 1];
    /* A token's, and its keeper's, which is ended first; without uuids, which only Arvados' answers tell. NULL: none. */
    struct vp_secret *secrets[TOKENS_WAL_SECRETS];
    int64_t expires_at_s; /* the latest expiry that was asked for; VP_TIME_NONE: never */
};

/* Gives it an id. VP_REASON_INTERNAL without randomness. */
VP_MUST_USE enum vp_code tokens_wal_init(struct tokens_wal *entry, const char *site_id, struct vp_error *err);
void tokens_wal_clear(struct tokens_wal *entry);

/* Stores the entry and keeps rollbacks of this process off it. */
VP_MUST_USE enum vp_code tokens_wal_begin(const struct logical_call *call, const struct tokens_wal *entry,
                                          struct vp_error *err);

/* The request is over, whatever came of it: what is stored is a rollback's from now on. */
void tokens_wal_release(const struct logical_call *call, const char *id);

/* The host has the lease: removes the entry, now or, if the storage fails, at a later rollback. */
void tokens_wal_settle(const struct logical_call *call, const char *id);

/* Removes the entry: its secrets are a lease's now, or certainly no tokens. */
VP_MUST_USE enum vp_code tokens_wal_remove(const struct logical_call *call, const char *id, struct vp_error *err);

/* The same where failing does no harm: a rollback removes it. */
void tokens_wal_drop(const struct logical_call *call, const char *id);

/* Stores an entry for a rollback to end. */
VP_MUST_USE enum vp_code tokens_wal_hand_over(const struct logical_call *call, const struct tokens_wal *entry,
                                              struct vp_error *err);

/* logical_backend.rollback: ends what crashes left. */
enum vp_code tokens_rollback(const struct logical_call *call, struct vp_error *err);
