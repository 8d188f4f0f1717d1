/* Private to the module: what a mount with a service token remembers of Arvados for `cache_ttl`.
 *
 * Two kinds of entries. The **table**, shared by all users: the grants to groups (links of the trusted owners), and which of
 * those groups are roles in use. A **user**: record, memberships of those groups, own grants, read in one parallel round when
 * the user is first seen. So a login costs Arvados the same with ten grants or a million, and a withdrawn grant or
 * membership takes effect `cache_ttl` later at most. The validity of a token and the state of a container are never here.
 *
 * The cache outlives a change of a role; a change of the config, here or on another node, drops it. What does not fit the
 * mount's budget of bytes is served without being cached; what does not fit the process' either refuses the login as overloaded. */
#pragma once

#include "vp/budget.h"

#include "request.h"

/* Bytes that an object below is charged for as long as it exists. All that exist share the budgets: cached ones, those of logins under way, and
 * those that were read without the cache (cache_ttl=0, explain). */
struct auth_charge {
    struct vp_budget *budget; /* NULL: nothing was charged. The mount's memory: the object may be cached */
    size_t bytes;
};

/* For lists that are read without the cache. VP_REASON_OVERLOADED. */
VP_MUST_USE enum vp_code auth_charge_links(const struct auth_request *request, const struct arv_links *links,
                                           struct auth_charge *charge, struct vp_error *err);
void auth_uncharge(struct auth_charge *charge);

/* Immutable, reference-counted. */
struct auth_grant_table {
    atomic_uint references;
    struct auth_charge charge;
    struct arv_links links;      /* to groups, and whatever else Arvados sent: each is checked again */
    struct vp_texts group_uuids; /* of this cluster, that links or group_alias_uuids name; ascending */
    struct vp_texts role_uuids;  /* those of them that are roles and not in the trash */
    uint64_t groups_version;     /* changes with group_uuids */
    int64_t asked_ms;            /* monotonic, before Arvados was asked */
};

/* Immutable, reference-counted. */
struct auth_user {
    atomic_uint references;
    struct auth_charge charge;
    struct arv_user_facts facts;
    struct vp_texts
        bound_role_uuids;    /* roles in use among the bound groups of the request's role that the table lacks */
    uint64_t groups_version; /* of the table whose groups were asked for */
    int64_t asked_ms;
};

/* The cache of one config, shared by its snapshots. */
struct auth_grant_cache;
VP_MUST_USE enum vp_code auth_grant_cache_new(struct vp_budget *memory, struct auth_grant_cache **ret_cache,
                                              struct vp_error *err);
void auth_grant_cache_free(struct auth_grant_cache *cache);

/* For a mount with a service token. One refresh of the table runs at a time, and one for each user; requests that wait share
 * its result, for the table failures too. What calls to Arvados give; VP_REASON_USER_INACTIVE: no such user. */
VP_MUST_USE enum vp_code auth_grant_cache_table(const struct auth_request *request, enum auth_age age,
                                                struct auth_grant_table **ret_table, struct vp_error *err);
VP_MUST_USE enum vp_code auth_grant_cache_user(const struct auth_request *request, enum auth_age age,
                                               const struct auth_grant_table *table, const char *user_uuid,
                                               struct auth_user **ret_user, struct vp_error *err);

struct auth_grant_table *auth_grant_table_hold(struct auth_grant_table *table);
void auth_grant_table_release(struct auth_grant_table **table);
struct auth_user *auth_user_hold(struct auth_user *user);
void auth_user_release(struct auth_user **user);

/* The links to one user or group, always requested; with `token` on a mount without a service token. */
VP_MUST_USE enum vp_code auth_links_to(const struct auth_request *request, const struct vp_secret *token,
                                       const char *tail_uuid, struct arv_links *ret_links, struct vp_error *err);

/* Is it a group of this cluster? Others are left out of every question: Arvados would pass it on to that cluster, with this
 * mount's token, and its answer proves nothing here. */
bool auth_is_own_group(const struct auth_request *request, const char *uuid);
