/* The paths version and version/client-only. */
#include <string.h>

#include "mount.h"
#include "paths.h"

static enum vp_code answer(const struct logical_call *call, const struct arv_discovery *discovery, struct vp_error *err)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    mount_put_version(&writer, discovery);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the version", err);
}

enum vp_code tokens_version_client_only(const struct logical_call *call, struct vp_error *err)
{
    return answer(call, NULL, err);
}

enum vp_code tokens_version(const struct logical_call *call, struct vp_error *err)
{
    VP_AUTO(tokens_snapshot_freep) struct tokens_snapshot *snapshot = NULL;
    struct arv_discovery discovery;
    VP_TRY(tokens_snapshot_get(call, &snapshot, err));
    const struct arv_credentials admin = tokens_admin(call, snapshot);
    VP_TRY(arv_discover(snapshot->arvados, &admin, &discovery, err));
    if (strcmp(discovery.cluster_id, snapshot->config.site.cluster_id) != 0)
        return vp_fail(err, VP_REASON_WRONG_CLUSTER, "the server is cluster %s, but the config has %s",
                       discovery.cluster_id, snapshot->config.site.cluster_id);
    return answer(call, &discovery, err);
}
