/* Private to the room: the configuration of one mount; its fields, rules and stored form. */
#pragma once

#include "vp/mount.h"

struct auth_config {
    struct mount_site site;
    struct vp_secret *service_token; /* NULL: links are read with the login's own token */
    char *login_kind;
    struct vp_texts allowed_token_clusters;
    struct vp_texts allowed_user_clusters;
    char *link_class;
    struct vp_texts trusted_link_owners;
    struct vp_texts trusted_link_modifiers;
    struct vp_texts allowed_policy_prefixes;
    struct vp_texts allowed_policies;
    struct logical_pairs prefixes_by_owner; /* owner uuid -> prefix */
    struct vp_texts group_alias_uuids;
    int64_t cache_ttl_s;
    char *default_role;
    int64_t max_policies;
    char *logins; /* AUTH_LOGINS_... */
};

extern const struct logical_field AUTH_CONFIG_FIELDS[];

#define AUTH_CONFIG_KEY "config"

/* The switch for an incident. */
#define AUTH_LOGINS_ON "on"
#define AUTH_LOGINS_OFF "off"
#define AUTH_LOGINS_OFF_AND_RENEWALS "off-and-renewals"

/* The record of this mount; *ret_found false when there is none. *ret_record is the stored text, for comparing later.
 * VP_REASON_CONFIG_UNREADABLE: damaged, or written by a newer version. */
VP_MUST_USE enum vp_code auth_config_load(const struct logical_call *call, struct auth_config *ret_config,
                                          struct vp_buf *ret_record, bool *ret_found, struct vp_error *err);

/* A record that was loaded, once more. */
VP_MUST_USE enum vp_code auth_config_decode(const struct vp_buf *record, struct auth_config *ret_config,
                                            struct vp_error *err);

/* Writes the record if the stored one still is `expected` (empty: none). VP_REASON_BAD_REQUEST when another write came
 * between. The caller holds the mount's write lock. */
VP_MUST_USE enum vp_code auth_config_store(const struct logical_call *call, const struct auth_config *config,
                                           const struct vp_buf *expected, struct vp_error *err);

/* Is this a configuration that can be trusted with logins? Pure. VP_REASON_BAD_REQUEST naming the field. The cluster id
 * may still be empty. */
VP_MUST_USE enum vp_code auth_config_check(const struct auth_config *config, struct vp_error *err);

/* Do people log in here, and not containers? */
bool auth_config_is_for_users(const struct auth_config *config);

/* Does the mount allow this policy at all: grammar, prefix, and exact names where they are set? */
bool auth_config_allows(const struct auth_config *config, const char *policy);

/* Puts the presets that follow from the cluster id into lists left empty. Needs a cluster id. */
VP_MUST_USE enum vp_code auth_config_fill(struct auth_config *config, struct vp_error *err);

void auth_config_clear(struct auth_config *config);
