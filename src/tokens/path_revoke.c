/* The path revoke: ends a token that is presented, as its own proof, whether a lease has it or not. */
#include "mount.h"
#include "paths.h"

const struct logical_field TOKENS_REVOKE_FIELDS[] = {
    { "user_token", LOGICAL_SECRET, offsetof(struct tokens_revoke_args, user_token), LOGICAL_REQUIRED, NULL, 0, 0,
      "The Arvados v2 token to revoke." },
    { 0 },
};

static enum vp_code parse(const struct tokens_snapshot *snapshot, const struct vp_secret *given,
                          struct vp_secret **ret_token, struct arv_token_text *parts, struct vp_error *err)
{
    if (given == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"user_token\" is required");
    VP_TRY(mount_name_field(arv_token_parse(given, ret_token, parts, err), "user_token", err));
    if (!arv_same_cluster(parts->uuid, snapshot->config.site.cluster_id))
        return vp_fail(err, VP_REASON_CLUSTER_NOT_ALLOWED, "a token of cluster %.5s, and this mount is for %s",
                       parts->uuid, snapshot->config.site.cluster_id);
    if (vp_secret_equal(*ret_token, snapshot->config.admin_token))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"user_token\": it is this mount's admin_token; see config/rotate-root");
    return VP_OK;
}

static enum vp_code end(const struct logical_call *call, const struct vp_secret *given, struct vp_error *err)
{
    VP_AUTO(tokens_snapshot_freep) struct tokens_snapshot *snapshot = NULL;
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    struct arv_token_text parts = { 0 };
    VP_TRY(tokens_snapshot_get(call, &snapshot, err));
    VP_TRY(parse(snapshot, given, &token, &parts, err));
    const struct arv_credentials own = mount_credentials(call, &snapshot->config.site, token, false);
    return arv_token_end(snapshot->arvados, &own, parts.uuid, err);
}

enum vp_code tokens_revoke_write(const struct logical_call *call, struct vp_error *err)
{
    const struct tokens_revoke_args *args = call->args;
    return end(call, args->user_token, err);
}
