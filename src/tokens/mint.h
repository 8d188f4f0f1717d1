/* Private to the module: one token for one user, on a lease. */
#pragma once

#include "mount.h"
#include "role.h"

/* What is minted. Borrowed. */
struct tokens_order {
    const char *user;               /* uuid or username */
    const char *role_name;          /* NULL: none */
    const struct tokens_role *role; /* NULL: scopes ["all"] and the config's lifetimes */
    bool admins_allowed;
    int64_t ttl_s; /* asked for; 0: none */
};

/* Mints and answers. The last step, tokens_finish(), follows when the host has the answer. */
VP_MUST_USE enum vp_code tokens_mint(const struct logical_call *call, const struct tokens_snapshot *snapshot,
                                     const struct tokens_order *order, struct vp_error *err);

/* logical_backend.finish: the secrets of the answer are the lease's from now on, or a rollback's. */
void tokens_finish(const struct logical_call *call, const char *unsettled, bool delivered);
