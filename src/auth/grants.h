/* Private to the room: which links count for a user. */
#pragma once

#include "vp/policy.h"

#include "grant_cache.h"

/* What was granted, with the links it came from. */
struct auth_grants {
    struct auth_grant_table *table; /* it and the user own the links */
    struct auth_user *user;
    const struct arv_link **links; /* those that are to the user or to one of his roles */
    size_t n_links;
    struct policy_result result; /* a verdict for each of the links */
};

/* Whose grants, and when. */
struct auth_grantee {
    const char *user_uuid;
    const char *container_image; /* NULL: unknown */
    int64_t now_s;
};

/* Of somebody who was just identified, at this moment. Borrowed from the identity. */
struct auth_grantee auth_grantee_of(const struct auth_request *request, const struct arv_identity *identity);

/* Looks the links of a user up and judges each; when a remembered table has nothing for him, once more with a recent one.
 * `token` is the login's own, for a mount without a service token. No grant at all is a success with no policies. */
VP_MUST_USE enum vp_code auth_grants_of(const struct auth_request *request, enum auth_age age,
                                        const struct vp_secret *token, const struct auth_grantee *grantee,
                                        struct auth_grants *ret_grants, struct vp_error *err);
void auth_grants_clear(struct auth_grants *grants);

/* The same rules for whoever a link names: how one link looks to an admin. `memberships` are all live groups and those in
 * the trash. Image bindings count as met. */
enum policy_drop auth_grants_judge(const struct auth_request *request, const struct arv_link *link,
                                   const struct arv_memberships *memberships, const char *tail_uuid, int64_t now_s);

/* A warning for each dropped grant, at most ten, then a count. Names outside the grammar are shown as their link's uuid.
 * Counts them as well. */
VP_MUST_USE enum vp_code auth_grants_warn(const struct auth_request *request, const struct auth_grants *grants,
                                          struct vp_texts *warnings, struct vp_error *err);

/* The role's bound groups: the user is in one of them. VP_REASON_BOUND_GROUP; VP_REASON_SERVICE_TOKEN_MISSING where nobody
 * can be asked. */
VP_MUST_USE enum vp_code auth_grants_check_groups(const struct auth_request *request, const struct auth_grants *grants,
                                                  struct vp_error *err);

/* The external groups that the user is to be in: those of group_alias_uuids that he is a member of. */
VP_MUST_USE enum vp_code auth_grants_aliases(const struct auth_request *request, const struct auth_grants *grants,
                                             struct vp_texts *ret_names, struct vp_error *err);

/* Members of an open object that tell a link and its verdict. */
void auth_grants_tell(const struct arv_link *link, enum policy_drop drop, struct vp_json_writer *writer);
