/* Private to the module: facts about the token, the container and the user of one request.
 *
 * They come from the login's own token, or from the service token at a renewal and for explain by uuid. Nothing is decided
 * here but whether Arvados knows them; the checks are in decision.c. */
#pragma once

#include "vp/arvados.h"

#include "grant_cache.h"

/* The token that was sent, taken apart. */
struct auth_token {
    struct vp_secret *secret; /* NULL: none was sent */
    struct arv_token_text parts;
};
void auth_token_clear(struct auth_token *token);

struct auth_identity {
    struct arv_identity records; /* has_container false: there is no container */
    bool has_user;
    struct auth_grant_table *table; /* with one call: what the user's record came with, else NULL; see identity.c */
    struct auth_user *user;
    const char *salt_label; /* the label that the token was salted with; NULL: it was not. Borrowed from the role */

    /* What Arvados says about the token that was sent; NULL and no expiry where the service token was used. */
    const char *token_uuid;
    const char *token_owner_uuid;
    const struct vp_json *token_scopes;
    int64_t token_expires_at_s; /* VP_TIME_NONE: never, or not known */
};
void auth_identity_clear(struct auth_identity *identity);

/* Asks Arvados: with `token` if one was sent, else with the service token about what the lease or the explain request
 * names. On failure the identity holds what was found until then and is to be cleared as well.
 * VP_REASON_TOKEN_REJECTED, VP_REASON_TOKEN_SCOPE, VP_REASON_NOT_CONTAINER_TOKEN, VP_REASON_CONTAINER_NOT_RUNNING (no such
 * container), VP_REASON_USER_INACTIVE (no such user), VP_REASON_SERVICE_TOKEN_MISSING, and what calls to Arvados give. */
VP_MUST_USE enum vp_code auth_identity_obtain(const struct auth_request *request, const struct auth_token *token,
                                              struct auth_identity *identity, struct vp_error *err);
