/* Private to the room: the grants of a mount as Arvados told them, and who is in the roles that they name.
 *
 * With a service token it is one table for all users, remembered for `cache_ttl` together with what was asked about single users
 * meanwhile; so a withdrawn grant, or a membership, acts at most that much later. It has all links; above ARV_LINKS_MAX only
 * those to groups, and a user's own are asked for with his memberships. It lies in the snapshot and goes
 * with it: every change of the config or a role, here or on another node, drops it. Without a service token a table holds
 * what one login's own token may see of its user's links, and nobody remembers it. */
#pragma once

#include "identify.h"

/* Links and memberships. Immutable but for the memberships learned; counted. */
struct auth_table;

/* What a snapshot remembers. */
struct auth_cache;
VP_MUST_USE enum vp_code auth_cache_new(struct auth_cache **ret_cache, struct vp_error *err);
void auth_cache_free(struct auth_cache *cache);

/* AUTH_REMEMBERED takes a table that is young enough for the config, AUTH_RECENT one of the last second; AUTH_FRESH asks
 * Arvados in any case, for admins who look. */
enum auth_age { AUTH_REMEMBERED, AUTH_RECENT, AUTH_FRESH };

/* The table of the question's mount. One request asks Arvados at a time, and all that wait share what came, failures too.
 * `token` and `user_uuid` matter for mounts without a service token. */
VP_MUST_USE enum vp_code auth_table_get(const struct auth_question *question, enum auth_age age,
                                        const struct vp_secret *token, const char *user_uuid,
                                        struct auth_table **ret_table, struct vp_error *err);
void auth_table_release(struct auth_table **table);

/* The links of the trusted owners: all, or those to groups of this cluster. Borrowed. */
const struct arv_links *auth_table_links(const struct auth_table *table);
bool auth_table_is_of_groups_only(const struct auth_table *table);

/* Those to one user or group, asked for here and now. Token as above. */
VP_MUST_USE enum vp_code auth_links_to(const struct auth_question *question, const struct vp_secret *token,
                                       const char *tail_uuid, struct arv_links *ret_links, struct vp_error *err);

/* Adds a uuid unless it is there or no group's of this cluster: another's would be asked of that cluster, and prove nothing here. */
VP_MUST_USE enum vp_code auth_add_group(const struct auth_question *question, const char *uuid, struct vp_texts *groups,
                                        struct vp_error *err);

/* Groups of this cluster that some link, the config or the question's role names. */
VP_MUST_USE enum vp_code auth_table_groups(const struct auth_question *question, const struct auth_table *table,
                                           struct vp_texts *ret_uuids, struct vp_error *err);

/* What is known of one user beside the table. Immutable, counted. */
struct auth_user {
    atomic_uint references;
    struct arv_memberships memberships; /* which of those groups he is in */
    struct arv_links links;             /* his own, where the table is of groups only */
};

/* Nobody is asked where there is nothing to ask; without a service token he is in no group. */
VP_MUST_USE enum vp_code auth_table_user(const struct auth_question *question, struct auth_table *table,
                                         const char *user_uuid, struct auth_user **ret_user, struct vp_error *err);
void auth_user_release(struct auth_user **user);
