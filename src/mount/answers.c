/* Parts of the answers of config/check, version and status that do not depend on what the mount is for. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vp/mount.h"
#include "vp/version.h"

#define OLDEST_REVISION "20231117" /* Arvados 2.7 */

enum { DETAIL_MAX = 1200 };

/* ---- config/check ---- */

void mount_checks_open(struct mount_checks *checks, struct vp_json_writer *writer)
{
    checks->writer = writer;
    checks->all_ok = true;
    vp_json_open_object(writer);
    vp_json_put_key(writer, "checks");
    vp_json_open_array(writer);
}

void mount_checks_close(struct mount_checks *checks)
{
    struct vp_json_writer *writer = checks->writer;
    vp_json_close_array(writer);
    vp_json_add_bool(writer, "ok", checks->all_ok);
    vp_json_put_key(writer, "summary");
    vp_json_put_texts(writer, &checks->lines);
    vp_json_close_object(writer);
    vp_texts_clear(&checks->lines);
}

static void add_line(struct mount_checks *checks, const char *name, bool ok, const char *detail)
{
    char line[DETAIL_MAX + 64];
    struct vp_error fault;
    (void)snprintf(line, sizeof line, "%-4s %s: %s", ok ? "ok" : "BAD", name, detail);
    /* Without memory the answer fails as a whole, where its buffer is checked. */
    if (vp_texts_add(&checks->lines, line, &fault) != VP_OK)
        checks->writer->buf->failed = true;
}

void mount_verdict(struct mount_checks *checks, const char *name, bool ok, const char *format, ...)
{
    char detail[DETAIL_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    vp_json_open_object(checks->writer);
    vp_json_add_text(checks->writer, "name", name);
    vp_json_add_bool(checks->writer, "ok", ok);
    vp_json_add_text(checks->writer, "detail", detail);
    vp_json_close_object(checks->writer);
    add_line(checks, name, ok, detail);
    checks->all_ok = checks->all_ok && ok;
}

void mount_verdict_failure(struct mount_checks *checks, const char *name, const struct vp_error *failure)
{
    mount_verdict(checks, name, false, "%s: %s%s%s", vp_reason_word(failure->reason), failure->message,
                  failure->detail[0] == '\0' ? "" : "; ", failure->detail);
}

/* Some HTTP answer came, over a connection whose certificate was trusted. */
static bool is_answer(enum vp_reason reason)
{
    return reason == VP_REASON_UPSTREAM_ERROR || reason == VP_REASON_UPSTREAM_BUSY ||
           reason == VP_REASON_UPSTREAM_BAD_ANSWER || vp_reason_code(reason) == VP_ERR_DENIED;
}

static void check_unreached(struct mount_checks *checks, const char *host, const struct vp_error *failure)
{
    if (failure->reason == VP_REASON_UPSTREAM_TLS) {
        mount_verdict(checks, "reach", true, "%.200s accepts connections", host);
        mount_verdict_failure(checks, "tls", failure);
        return;
    }
    mount_verdict_failure(checks, "reach", failure);
    if (is_answer(failure->reason))
        mount_verdict(checks, "tls", true, "its certificate is trusted");
    else
        mount_verdict(checks, "tls", false, "not checked: the server does not answer");
}

bool mount_check_server(struct mount_checks *checks, struct arv_client *client,
                        const struct arv_credentials *credentials, const struct mount_site *site,
                        struct arv_discovery *ret_discovery)
{
    struct vp_error failure = { 0 };
    struct arv_discovery *discovery = ret_discovery;
    if (arv_discover(client, credentials, discovery, &failure) != VP_OK) {
        check_unreached(checks, site->arvados_api_host, &failure);
        return false;
    }
    mount_verdict(checks, "reach", true, "%.200s answers", site->arvados_api_host);
    mount_verdict(checks, "tls", true, "its certificate is trusted");
    bool same = strcmp(site->cluster_id, discovery->cluster_id) == 0;
    mount_verdict(checks, "cluster", same, same ? "it is %s" : "it is %s, but the config has %s", discovery->cluster_id,
                  site->cluster_id);
    /* Revisions are dates, so they sort as texts. */
    bool good = strcmp(discovery->revision, OLDEST_REVISION) >= 0;
    mount_verdict(checks, "version", good, "Arvados %s (%s)%s", discovery->version, discovery->revision,
                  good ? "" : ": 2.7 (" OLDEST_REVISION ") or newer is needed");
    return true;
}

/* ---- version ---- */

void mount_put_version(struct vp_json_writer *writer, const struct arv_discovery *discovery)
{
    vp_json_add_text(writer, "plugin", VP_VERSION);
    vp_json_add_text(writer, "commit", VP_COMMIT);
    if (discovery == NULL)
        return;
    vp_json_add_text(writer, "arvados", discovery->version);
    vp_json_add_text(writer, "arvados_revision", discovery->revision);
    vp_json_add_text(writer, "cluster_id", discovery->cluster_id);
}

void mount_put_time(struct vp_json_writer *writer, const char *key, int64_t time_s)
{
    char text[VP_TIME_TEXT_SIZE];
    vp_time_format(time_s, text);
    vp_json_add_text(writer, key, text[0] == '\0' ? NULL : text);
}

/* ---- status ---- */

static void put_count(struct vp_json_writer *writer, const char *key, uint64_t count)
{
    if (count > 0)
        vp_json_add_int(writer, key, (int64_t)count);
}

/* Statuses as they are, and failures by the reason's word without "upstream_" in front. */
static void put_calls(struct vp_json_writer *writer, const struct http_stats *stats)
{
    static const char UPSTREAM[] = "upstream_";
    vp_json_put_key(writer, "calls");
    vp_json_open_object(writer);
    for (unsigned status = 0; status < HTTP_STATUS_END; status++) {
        char text[8];
        (void)snprintf(text, sizeof text, "%u", status);
        put_count(writer, text, atomic_load(&stats->by_status[status]));
    }
    for (enum vp_reason reason = VP_REASON_NONE + 1; reason < VP_REASON_N; reason++) {
        const char *word = vp_reason_word(reason);
        bool upstream = strncmp(word, UPSTREAM, sizeof UPSTREAM - 1) == 0;
        put_count(writer, upstream ? word + sizeof UPSTREAM - 1 : word, atomic_load(&stats->by_reason[reason]));
    }
    vp_json_close_object(writer);
}

static void put_latency(struct vp_json_writer *writer, const struct http_stats *stats, unsigned percent,
                        const char *key)
{
    int64_t ms = http_stats_latency_ms(stats, percent);
    vp_json_put_key(writer, key);
    if (ms < 0)
        vp_json_put_null(writer);
    else
        vp_json_put_int(writer, ms);
}

/* Cumulative counts by upper bound, as Prometheus has them. */
static void put_buckets(struct vp_json_writer *writer, const struct http_stats *stats)
{
    uint64_t within[HTTP_BOUNDS];
    uint64_t total = http_stats_within(stats, within);
    vp_json_put_key(writer, "latency_buckets_ms");
    vp_json_open_object(writer);
    for (unsigned i = 0; i < HTTP_BOUNDS; i++) {
        char text[24];
        (void)snprintf(text, sizeof text, "%" PRId64, HTTP_BOUNDS_MS[i]);
        vp_json_add_int(writer, text, (int64_t)within[i]);
    }
    vp_json_add_int(writer, "inf", (int64_t)total);
    vp_json_close_object(writer);
    vp_json_add_int(writer, "latency_sum_ms", (int64_t)atomic_load(&stats->latency_sum_ms));
}

void mount_put_stats(struct vp_json_writer *writer, const struct http_stats *stats)
{
    vp_json_put_key(writer, "arvados");
    vp_json_open_object(writer);
    put_calls(writer, stats);
    vp_json_add_int(writer, "in_flight", atomic_load(&stats->in_flight));
    vp_json_add_int(writer, "queued", atomic_load(&stats->queued));
    vp_json_add_int(writer, "limit", atomic_load(&stats->limit));
    vp_json_put_key(writer, "latency_ms");
    vp_json_open_object(writer);
    put_latency(writer, stats, 50, "p50");
    put_latency(writer, stats, 99, "p99");
    vp_json_close_object(writer);
    put_buckets(writer, stats);
    vp_json_close_object(writer);
}
