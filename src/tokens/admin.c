#include "admin.h"

#include <stdlib.h>
#include <string.h>

enum { LIFETIME_MIN_S = 60 };

/* A refusal is the request's own fault here: the token stands in it. */
static enum vp_code refused(enum vp_code code, struct vp_error *err)
{
    if (code == VP_OK || err->reason != VP_REASON_SERVICE_TOKEN)
        return code;
    const struct vp_error said = *err;
    code = vp_fail(err, VP_REASON_BAD_REQUEST,
                   "field \"admin_token\": Arvados refuses it, or its scopes are too narrow for looking up users and "
                   "minting");
    vp_error_add_detail(err, "%s", said.detail);
    return code;
}

static enum vp_code check_owner(struct arv_client *client, const struct arv_credentials *credentials,
                                const char *owner_uuid, struct vp_error *err)
{
    struct arv_user owner = { 0 };
    VP_TRY(refused(arv_find_user(client, credentials, owner_uuid, &owner, err), err));
    bool good = owner.is_admin && owner.is_active;
    arv_user_clear(&owner);
    if (good)
        return VP_OK;
    return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"admin_token\": its user %s is not an active administrator",
                   owner_uuid);
}

static enum vp_code keep(const struct arv_token *token, struct tokens_config *config, int64_t now_s,
                         struct vp_error *err)
{
    bool expires = token->expires_at_s != VP_TIME_NONE;
    if (expires && token->expires_at_s - now_s < LIFETIME_MIN_S)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"admin_token\": it expires in less than a minute");
    free(config->admin_user_uuid);
    config->admin_user_uuid = strdup(token->owner_uuid);
    config->admin_expires_at_s = expires ? token->expires_at_s : 0;
    config->admin_lifetime_s = expires ? token->expires_at_s - now_s : 0;
    return config->admin_user_uuid == NULL ? vp_fail_no_memory(err) : VP_OK;
}

enum vp_code tokens_admin_prove(struct arv_client *client, const struct arv_credentials *credentials,
                                struct tokens_config *config, int64_t now_s, struct vp_error *err)
{
    struct arv_token token = { 0 };
    VP_TRY(refused(arv_token_current(client, credentials, &token, err), err));
    enum vp_code code = check_owner(client, credentials, token.owner_uuid, err);
    if (code == VP_OK)
        code = refused(arv_token_may_create(client, credentials, config->site.cluster_id, err), err);
    if (code == VP_OK)
        code = keep(&token, config, now_s, err);
    arv_token_clear(&token);
    return code;
}
