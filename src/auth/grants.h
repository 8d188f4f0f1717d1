/* Private to the room: which links count for a user. */
#pragma once

#include "vp/policy.h"

#include "identify.h"

/* What was granted, with the links it came from. */
struct auth_grants {
    struct arv_links links; /* owns the texts that the warnings show */
    struct policy_result result;
};

/* Asks for the links of `user_uuid` and judges each. `token` is the login's own, for a mount without a service token. No
 * grant at all is a success with no policies. */
VP_MUST_USE enum vp_code auth_grants_of(const struct auth_question *question, const struct vp_secret *token,
                                        const char *user_uuid, const char *container_image, int64_t now_s,
                                        struct auth_grants *ret_grants, struct vp_error *err);
void auth_grants_clear(struct auth_grants *grants);

/* A warning for each dropped grant, at most ten, then a count. Names outside the grammar are shown as their link's uuid. */
VP_MUST_USE enum vp_code auth_grants_warn(const struct auth_grants *grants, struct vp_texts *warnings,
                                          struct vp_error *err);
