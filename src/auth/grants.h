/* Private to the module: which links count for a user. */
#pragma once

#include "vp/policy.h"

#include "grant_cache.h"
#include "identity.h"

/* Which groups a user is a member of, directly or through other groups. */
struct auth_memberships {
    struct vp_texts roles;   /* roles in use */
    struct vp_texts trashed; /* groups in the trash, or no roles */
    bool unknown;            /* this Arvados is older than 3.0 and can't tell: both lists are empty */
};
void auth_memberships_clear(struct auth_memberships *memberships);

/* What was granted, with the links it came from. */
struct auth_grants {
    struct auth_grant_table *table; /* NULL without a service token */
    struct auth_user *user;         /* likewise */
    struct arv_links readable;      /* instead of both: what the login's own token can read of its user's links */
    struct auth_charge charge;      /* of these */
    struct auth_memberships memberships;
    const struct arv_link **links; /* those that are to the user or to a group of theirs */
    size_t n_links;
    struct policy_result result; /* a verdict for each of the links */
};

/* Looks up the links of the user of `identity` and judges each; if cached ones have nothing for this user, again with recent
 * ones. `token` is the one that was sent, for a mount without a service token. Without any grant it succeeds with no
 * policies. */
VP_MUST_USE enum vp_code auth_grants_obtain(const struct auth_request *request, const struct auth_token *token,
                                            const struct auth_identity *identity, struct auth_grants *ret_grants,
                                            struct vp_error *err);
void auth_grants_clear(struct auth_grants *grants);

/* The same rules for whoever a link names: how one link looks to an admin. `memberships` are all live groups and those in
 * the trash. Image bindings count as met. */
enum policy_drop auth_grants_judge(const struct auth_request *request, const struct arv_link *link,
                                   const struct auth_memberships *memberships, const char *tail_uuid, int64_t now_s);

/* A warning for each dropped grant, at most ten, then a count. Names outside the grammar are shown as their link's uuid.
 * Counts them as well. */
VP_MUST_USE enum vp_code auth_grants_warn(const struct auth_request *request, const struct auth_grants *grants,
                                          struct vp_texts *warnings, struct vp_error *err);

/* Is the user in one of the role's bound groups, or the role bound to none? */
bool auth_grants_in_bound_groups(const struct auth_request *request, const struct auth_grants *grants);

/* Adds to the detail of `err` how many grants were dropped, and why. */
void auth_grants_add_drops(const struct auth_grants *grants, struct vp_error *err);

/* The external groups that the user is to be in: those of group_alias_uuids that he is a member of. */
VP_MUST_USE enum vp_code auth_grants_aliases(const struct auth_request *request, const struct auth_grants *grants,
                                             struct vp_texts *ret_names, struct vp_error *err);

/* One item of an open array: the same as a line of text. */
void auth_grants_put_line(const struct arv_link *link, enum policy_drop drop, struct vp_json_writer *writer);

/* Members of an open object that tell a link and its verdict. */
void auth_grants_tell(const struct arv_link *link, enum policy_drop drop, struct vp_json_writer *writer);
