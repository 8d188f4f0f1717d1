/* The path status: what this mount did on this node since its start. */
#include "mount.h"
#include "paths.h"
#include "wal.h"

static void put_outcomes(struct vp_json_writer *writer, const char *key, const char *good,
                         const struct tokens_outcomes *outcomes)
{
    vp_json_put_key(writer, key);
    vp_json_open_object(writer);
    vp_json_add_int(writer, good, (int64_t)atomic_load(&outcomes->by_reason[VP_REASON_NONE]));
    for (enum vp_reason reason = VP_REASON_NONE + 1; reason < VP_REASON_N; reason++) {
        uint64_t count = atomic_load(&outcomes->by_reason[reason]);
        if (count > 0)
            vp_json_add_int(writer, vp_reason_word(reason), (int64_t)count);
    }
    vp_json_close_object(writer);
}

/* Of mints that did not end well and wait for a rollback, and of those under way. */
static enum vp_code put_unsettled(const struct logical_call *call, struct vp_json_writer *writer, struct vp_error *err)
{
    struct vp_texts ids = { 0 };
    VP_TRY(call->storage->list(call->storage->self, TOKENS_WAL_PREFIX, call->cancel, &ids, err));
    vp_json_add_int(writer, "unsettled", (int64_t)ids.n);
    vp_texts_clear(&ids);
    return VP_OK;
}

static void put_expiry(const struct logical_call *call, struct vp_json_writer *writer)
{
    VP_AUTO(tokens_snapshot_freep) struct tokens_snapshot *snapshot = NULL;
    struct vp_error fault = { 0 };
    int64_t expires_at_s = VP_TIME_NONE;
    if (tokens_snapshot_get(call, &snapshot, &fault) == VP_OK && snapshot->config.admin_expires_at_s > 0)
        expires_at_s = snapshot->config.admin_expires_at_s;
    mount_put_time(writer, "admin_token_expires_at", expires_at_s);
}

enum vp_code tokens_status(const struct logical_call *call, struct vp_error *err)
{
    const struct tokens_mount *mount = call->mount;
    struct vp_json_writer writer;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    mount_put_time(&writer, "since", mount->core.since_s);
    put_outcomes(&writer, "mints", "granted", &mount->counters.mints);
    put_outcomes(&writer, "renewals", "granted", &mount->counters.renewals);
    put_outcomes(&writer, "revocations", "done", &mount->counters.revocations);
    put_outcomes(&writer, "rollbacks", "done", &mount->counters.rollbacks);
    mount_put_stats(&writer, &mount->core.stats);
    VP_TRY(put_unsettled(call, &writer, err));
    put_expiry(call, &writer);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the status", err);
}
