/* Private to the module: can the mount's service token do its work? */
#pragma once

#include "vp/arvados.h"

#include "config.h"

/* Sends what logins and renewals send, for records that do not exist. VP_OK: all of it is allowed. With
 * `memberships`, group memberships too. `token` is the service token's own record.
 * VP_REASON_SERVICE_TOKEN: its scopes or its user's rights are too narrow. */
VP_MUST_USE enum vp_code auth_service_token_try(struct arv_client *client, const struct arv_credentials *credentials,
                                                const struct auth_config *config, const struct arv_token *token,
                                                struct vp_error *err);
VP_MUST_USE enum vp_code auth_service_token_try_groups(struct arv_client *client,
                                                       const struct arv_credentials *credentials,
                                                       const struct auth_config *config, const struct arv_token *token,
                                                       struct vp_error *err);

/* Of a token with arv_scopes_are_all(). */
#define AUTH_SERVICE_TOKEN_UNLIMITED                                                                \
    "the service token has the scopes [\"all\"], so it can change everything in Arvados; limit it " \
    "to the documented scopes"
