/* Private to the room: the roles that requests have named, remembered as long as their snapshot. So a warm login asks the host
 * for nothing; a write to a role, here or on another node, drops the snapshot and them with it. */
#pragma once

#include "role.h"

VP_MUST_USE enum vp_code auth_roles_new(struct auth_roles **ret_roles, struct vp_error *err);
void auth_roles_free(struct auth_roles *roles); /* NULL is fine */

/* The role that a login or a renewal has: by name, or the defaults of the table for "" or NULL, which only a mount without
 * any role allows. Borrowed from the snapshot. VP_REASON_ROLE_UNKNOWN, VP_REASON_ROLE_REQUIRED. */
VP_MUST_USE enum vp_code auth_role_for(const struct logical_call *call, const struct auth_snapshot *snapshot,
                                       const char *name, const struct auth_role **ret_role, struct vp_error *err);
