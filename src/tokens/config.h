/* Private to the module: the configuration of one mount; its fields, rules and stored form. */
#pragma once

#include "vp/mount.h"

struct tokens_config {
    struct mount_site site;
    struct vp_secret *admin_token;
    int64_t ttl_s;       /* 0: the mount's default */
    int64_t max_ttl_s;   /* 0: the mount's maximum */
    char *auth_accessor; /* unset: no role may have user=self */

    /* Stored with the token, no fields of the path. */
    char *admin_user_uuid;      /* unset: not known, since verify_connection was false */
    int64_t admin_expires_at_s; /* 0: never, or not known */
    int64_t admin_lifetime_s;   /* from its write to its expiry: what rotation gives the next one; 0: none */
};

#define TOKENS_CONFIG_KEY "config"

extern const struct logical_field TOKENS_CONFIG_FIELDS[];

/* *ret_found false: there is none. `ret_text`: the record as stored, for comparing later; may be NULL. */
VP_MUST_USE enum vp_code tokens_config_load(const struct logical_call *call, struct tokens_config *ret_config,
                                            struct vp_buf *ret_text, bool *ret_found, struct vp_error *err);

/* Stores the site for leases to come, then the record, if the stored one still is `expected` (empty: none). Takes the
 * mount's write lock. VP_REASON_BAD_REQUEST: another write came first. */
VP_MUST_USE enum vp_code tokens_config_store(const struct logical_call *call, const struct tokens_config *config,
                                             const struct vp_buf *expected, struct vp_error *err);

/* Pure. VP_REASON_BAD_REQUEST naming the field. */
VP_MUST_USE enum vp_code tokens_config_check(const struct tokens_config *config, struct vp_error *err);

void tokens_config_clear(struct tokens_config *config);

/* ---- sites that tokens were minted at ----
 * A lease must end where it was made, whatever the config says by then: each site is kept under its id. */

enum { TOKENS_SITE_ID_LEN = 16 };

void tokens_site_id(const struct mount_site *site, char ret_id[TOKENS_SITE_ID_LEN + 1]);
VP_MUST_USE enum vp_code tokens_site_load(const struct logical_call *call, const char *id, struct mount_site *ret_site,
                                          struct vp_error *err);
void tokens_site_clear(struct mount_site *site);
