/* The path status: what this mount did on this node since its start. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mount.h"
#include "paths.h"
#include "request.h"

static void put_count(struct vp_json_writer *writer, const char *key, uint64_t count)
{
    if (count > 0)
        vp_json_add_int(writer, key, (int64_t)count);
}

static void write_outcomes(const char *key, const struct auth_outcomes *outcomes, struct vp_json_writer *writer)
{
    vp_json_put_key(writer, key);
    vp_json_open_object(writer);
    vp_json_add_int(writer, "granted", (int64_t)atomic_load(&outcomes->by_reason[VP_REASON_NONE]));
    for (enum vp_reason reason = VP_REASON_NONE + 1; reason < VP_REASON_N; reason++)
        put_count(writer, vp_reason_word(reason), atomic_load(&outcomes->by_reason[reason]));
    vp_json_close_object(writer);
}

static void write_counters(const struct auth_counters *counters, struct vp_json_writer *writer)
{
    vp_json_put_key(writer, "cache");
    vp_json_open_object(writer);
    vp_json_add_int(writer, "hits", (int64_t)atomic_load(&counters->cache_hits));
    vp_json_add_int(writer, "misses", (int64_t)atomic_load(&counters->cache_misses));
    vp_json_close_object(writer);
    vp_json_put_key(writer, "dropped_grants");
    vp_json_open_object(writer);
    for (enum policy_drop drop = POLICY_KEPT + 1; drop < POLICY_N_DROPS; drop++)
        put_count(writer, policy_drop_word(drop), atomic_load(&counters->drops[drop]));
    vp_json_close_object(writer);
}

/* When the service token ends; VP_TIME_NONE: never. Asked once for each config, here or by whoever asked first. */
static enum vp_code learn_expiry(const struct logical_call *call, struct auth_snapshot *snapshot, int64_t *ret_s,
                                 struct vp_error *err)
{
    struct arv_token token = { 0 };
    const struct arv_credentials credentials = auth_service_credentials(call, &snapshot->config);
    *ret_s = atomic_load(&snapshot->token_expiry_s);
    if (*ret_s != 0)
        return VP_OK;
    VP_TRY(arv_token_current(snapshot->arvados, &credentials, &token, err));
    *ret_s = token.expires_at_s;
    atomic_store(&snapshot->token_expiry_s, token.expires_at_s);
    arv_token_clear(&token);
    return VP_OK;
}

static enum vp_code write_expiry(const struct logical_call *call, struct vp_json_writer *writer, struct vp_error *err)
{
    struct auth_snapshot *snapshot = NULL;
    struct vp_error fault = { 0 };
    int64_t expires_at_s = VP_TIME_NONE;
    enum vp_code code = auth_snapshot_get(call, &snapshot, &fault);
    if (code == VP_OK && snapshot->config.service_token != NULL)
        code = learn_expiry(call, snapshot, &expires_at_s, &fault);
    auth_snapshot_release(&snapshot);
    mount_put_time(writer, "service_token_expires_at", code == VP_OK ? expires_at_s : VP_TIME_NONE);
    if (code == VP_OK || fault.reason == VP_REASON_NOT_CONFIGURED)
        return VP_OK;
    /* The counters are wanted most when something is wrong. */
    char text[200];
    (void)snprintf(text, sizeof text, "the service token's expiry could not be learned: %s",
                   vp_reason_word(fault.reason));
    return vp_texts_add(&call->reply->warnings, text, err);
}

/* The config's switch "logins"; null while there is no config to read. */
static void write_switch(const struct logical_call *call, struct vp_json_writer *writer)
{
    struct auth_snapshot *snapshot = NULL;
    struct vp_error ignored = { 0 };
    bool known = auth_snapshot_get(call, &snapshot, &ignored) == VP_OK;
    vp_json_add_text(writer, "logins_switch", known ? snapshot->config.logins : NULL);
    auth_snapshot_release(&snapshot);
}

/* ---- the same as lines of text ---- */

static void add_count(struct vp_buf *line, const char *what, uint64_t count)
{
    if (count > 0)
        vp_buf_add_format(line, ", %" PRIu64 " %s", count, what);
}

static void put_line(struct vp_buf *line, struct vp_json_writer *writer)
{
    vp_json_put_text(writer, vp_buf_text(line));
    vp_buf_clear(line);
}

static void summarise_outcomes(const char *what, const struct auth_outcomes *outcomes, struct vp_buf *line)
{
    vp_buf_add_format(line, "%s: %" PRIu64 " granted", what,
                      (uint64_t)atomic_load(&outcomes->by_reason[VP_REASON_NONE]));
    for (enum vp_reason reason = VP_REASON_NONE + 1; reason < VP_REASON_N; reason++)
        add_count(line, vp_reason_word(reason), atomic_load(&outcomes->by_reason[reason]));
}

static void write_summary(const struct auth_mount *mount, struct vp_json_writer *writer)
{
    const struct auth_counters *counters = &mount->counters;
    struct vp_buf line = VP_BUF_INIT(4096);
    vp_json_put_key(writer, "summary");
    vp_json_open_array(writer);
    summarise_outcomes("logins", &counters->logins, &line);
    put_line(&line, writer);
    summarise_outcomes("renewals", &counters->renewals, &line);
    put_line(&line, writer);
    vp_buf_add_format(&line, "Arvados: %" PRIu64 " calls answered 200, %u in flight, %u queued",
                      (uint64_t)atomic_load(&mount->core.stats.by_status[200]),
                      (unsigned)atomic_load(&mount->core.stats.in_flight),
                      (unsigned)atomic_load(&mount->core.stats.queued));
    put_line(&line, writer);
    vp_buf_add_format(&line, "cache: %" PRIu64 " hits, %" PRIu64 " misses",
                      (uint64_t)atomic_load(&counters->cache_hits), (uint64_t)atomic_load(&counters->cache_misses));
    put_line(&line, writer);
    vp_buf_add_text(&line, "dropped grants at granted logins:");
    for (enum policy_drop drop = POLICY_KEPT + 1; drop < POLICY_N_DROPS; drop++)
        if (atomic_load(&counters->drops[drop]) > 0)
            vp_buf_add_format(&line, " %" PRIu64 " %s", (uint64_t)atomic_load(&counters->drops[drop]),
                              policy_drop_word(drop));
    put_line(&line, writer);
    vp_json_close_array(writer);
}

enum vp_code auth_status(const struct logical_call *call, struct vp_error *err)
{
    const struct auth_mount *mount = call->mount;
    struct vp_json_writer writer;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    mount_put_time(&writer, "since", mount->core.since_s);
    write_outcomes("logins", &mount->counters.logins, &writer);
    write_switch(call, &writer);
    write_outcomes("renewals", &mount->counters.renewals, &writer);
    mount_put_stats(&writer, &mount->core.stats);
    write_counters(&mount->counters, &writer);
    write_summary(mount, &writer);
    VP_TRY(write_expiry(call, &writer, err));
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the status", err);
}
