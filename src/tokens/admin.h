/* Private to the module: what the administrator's token must be able to do. */
#pragma once

#include "mount.h"

/* Is it valid, an administrator's, and may it mint? Fills what the config keeps of it (owner, expiry).
 * VP_REASON_BAD_REQUEST naming admin_token, or what Arvados' failures are. */
VP_MUST_USE enum vp_code tokens_admin_prove(struct arv_client *client, const struct arv_credentials *credentials,
                                            struct tokens_config *config, int64_t now_s, struct vp_error *err);
