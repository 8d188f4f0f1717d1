/* Private to the module: the cache of grants (links of the trusted owners) and of group
 * memberships of users.
 *
 * With a service token there is one table for all users. It stays valid for `cache_ttl`,
 * together with the entries of single users; so a withdrawn grant or membership takes effect at
 * most that much later. It has all links; above ARV_LINKS_MAX only those to groups, and the
 * links of one user are requested with their memberships. The cache outlives a change of a role;
 * a change of the config, here or on another node, drops it. Without a service token a table has
 * the links that the login's own token can read, and is not cached. */
#pragma once

#include "request.h"

/* Links, and entries of single users, which are added over time. Reference-counted. */
struct auth_grant_table;

/* The cache of one config, shared by its snapshots. */
struct auth_grant_cache;
VP_MUST_USE enum vp_code auth_grant_cache_new(struct auth_grant_cache **ret_cache, struct vp_error *err);
void auth_grant_cache_free(struct auth_grant_cache *cache);

/* The table of the request's mount. One refresh runs at a time; all requests that wait share its
 * result, failures too. `token` and `user_uuid` matter for mounts without a service token. */
VP_MUST_USE enum vp_code auth_grant_cache_lookup(const struct auth_request *request, enum auth_age age,
                                                 const struct vp_secret *token, const char *user_uuid,
                                                 struct auth_grant_table **ret_table, struct vp_error *err);
void auth_grant_table_release(struct auth_grant_table **table);

/* The links of the trusted owners: all, or those to groups of this cluster. Borrowed. */
const struct arv_links *auth_grant_table_links(const struct auth_grant_table *table);
bool auth_grant_table_is_of_groups_only(const struct auth_grant_table *table);

/* The links to one user or group, always requested. Token as above. */
VP_MUST_USE enum vp_code auth_links_to(const struct auth_request *request, const struct vp_secret *token,
                                       const char *tail_uuid, struct arv_links *ret_links, struct vp_error *err);

/* Adds a group of this cluster unless it is there. Other clusters' groups are left out: Arvados
 * would ask that cluster about them, and its answer proves nothing here. */
VP_MUST_USE enum vp_code auth_add_group(const struct auth_request *request, const char *uuid, struct vp_texts *groups,
                                        struct vp_error *err);

/* Groups of this cluster that some link, the config or the request's role names. */
VP_MUST_USE enum vp_code auth_grant_table_groups(const struct auth_request *request,
                                                 const struct auth_grant_table *table, struct vp_texts *ret_uuids,
                                                 struct vp_error *err);

/* What the cache has about one user, in addition to the table. Immutable, reference-counted. */
struct auth_user {
    atomic_uint references;
    struct arv_memberships memberships; /* of the groups that were part of the request */
    struct arv_links links;             /* of the user, where the table has links to groups only */
};

/* Sends no request if there are no groups and no links to ask for. Without a service token the
 * user is in no group. */
VP_MUST_USE enum vp_code auth_grant_cache_lookup_user(const struct auth_request *request,
                                                      struct auth_grant_table *table, const char *user_uuid,
                                                      struct auth_user **ret_user, struct vp_error *err);
void auth_user_release(struct auth_user **user);
