/* Private to the module: which Arvados user a token is for, and whether they may have one. */
#pragma once

#include "mount.h"

/* Looked up with the admin token; `user`: a uuid or a username. VP_REASON_USER_INACTIVE, USER_FORBIDDEN, CLUSTER_NOT_ALLOWED: they get
 * no token. VP_REASON_BAD_REQUEST: it is neither. */
VP_MUST_USE enum vp_code tokens_user_find(const struct logical_call *call, const struct tokens_snapshot *snapshot,
                                          const char *user, bool admins_allowed, struct arv_user *ret_user,
                                          struct vp_error *err);

/* The caller's own: the alias of their entity under the config's auth_accessor. VP_REASON_NO_ALIAS. */
VP_MUST_USE enum vp_code tokens_user_self(const struct logical_call *call, const struct tokens_config *config,
                                          char ret_uuid[ARV_UUID_LEN + 1], struct vp_error *err);

/* VP_OK: a user for whom a token may be minted or extended. */
VP_MUST_USE enum vp_code tokens_user_check(const struct tokens_config *config, const struct arv_user *user,
                                           bool admins_allowed, struct vp_error *err);
