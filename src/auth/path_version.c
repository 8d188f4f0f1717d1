/* Versions: of this plugin, and of the cluster it asks. */
#include <string.h>

#include "mount.h"
#include "paths.h"
#include "request.h"

static enum vp_code answer(const struct logical_call *call, const struct arv_discovery *arvados, struct vp_error *err)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    mount_put_version(&writer, arvados);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the version", err);
}

enum vp_code auth_version_client_only(const struct logical_call *call, struct vp_error *err)
{
    return answer(call, NULL, err);
}

enum vp_code auth_version(const struct logical_call *call, struct vp_error *err)
{
    struct auth_snapshot *snapshot = NULL;
    struct arv_discovery discovery;
    VP_TRY(auth_snapshot_get(call, &snapshot, err));
    const struct arv_credentials credentials = auth_service_credentials(call, &snapshot->config);
    enum vp_code code = arv_discover(snapshot->arvados, &credentials, &discovery, err);
    if (code == VP_OK && strcmp(discovery.cluster_id, snapshot->config.site.cluster_id) != 0)
        code = vp_fail(err, VP_REASON_WRONG_CLUSTER, "the server says it is cluster %s, and the config says %s",
                       discovery.cluster_id, snapshot->config.site.cluster_id);
    auth_snapshot_release(&snapshot);
    VP_TRY(code);
    return answer(call, &discovery, err);
}
