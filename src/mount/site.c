/* The Arvados server of a mount: rules of its fields, and clients for it. */
#include <stdlib.h>
#include <string.h>

#include "vp/http.h"
#include "vp/mount.h"

enum { QUEUE_MAX = 8192 }; /* requests that wait for a place at Arvados, per mount */

static const char *or_null(const char *text)
{
    return vp_text_is_set(text) ? text : NULL;
}

static bool is_server_name(const char *text)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t len = strlen(text);
    return len > 0 && len < 254 && strspn(text, ALLOWED) == len && text[0] != '.' && text[0] != '-';
}

enum vp_code mount_name_field(enum vp_code code, const char *field, struct vp_error *err)
{
    if (code == VP_OK)
        return code;
    const struct vp_error said = *err;
    return vp_fail(err, said.reason, "field \"%s\": %s", field, said.message);
}

enum vp_code mount_site_check(const struct mount_site *site, struct vp_error *err)
{
    struct http_origin origin;
    if (!vp_text_is_set(site->arvados_api_host))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"arvados_api_host\" is required");
    VP_TRY(mount_name_field(http_origin_parse(site->arvados_api_host, &origin, err), "arvados_api_host", err));
    if (vp_text_is_set(site->arvados_ca_cert))
        VP_TRY(mount_name_field(http_check_ca_pem(site->arvados_ca_cert, err), "arvados_ca_cert", err));
    if (vp_text_is_set(site->tls_server_name) && !is_server_name(site->tls_server_name))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"tls_server_name\": must be a host name");
    if (vp_text_is_set(site->cluster_id) && !arv_is_cluster_id(site->cluster_id))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"cluster_id\": must be five lower-case letters or digits");
    if (!site->verify_connection && !vp_text_is_set(site->cluster_id))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"cluster_id\" is required with verify_connection=false: without a request to Arvados it "
                       "is not known");
    return VP_OK;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

bool mount_site_same_place(const struct mount_site *a, const struct mount_site *b)
{
    return same(a->arvados_api_host, b->arvados_api_host) && same(a->arvados_ca_cert, b->arvados_ca_cert) &&
           same(a->tls_server_name, b->tls_server_name);
}

enum vp_code mount_site_learn_cluster(struct mount_site *site, const struct arv_discovery *discovery,
                                      struct vp_error *err)
{
    if (vp_text_is_set(site->cluster_id)) {
        if (strcmp(site->cluster_id, discovery->cluster_id) == 0)
            return VP_OK;
        return vp_fail(err, VP_REASON_WRONG_CLUSTER,
                       "%.128s is cluster %s, not %s; if that is intended, give cluster_id in the same write",
                       site->arvados_api_host, discovery->cluster_id, site->cluster_id);
    }
    free(site->cluster_id);
    site->cluster_id = strdup(discovery->cluster_id);
    return site->cluster_id == NULL ? vp_fail_no_memory(err) : VP_OK;
}

enum vp_code mount_client_new(struct mount_core *core, const struct mount_site *site, struct arv_client **ret_client,
                              struct vp_error *err)
{
    struct http_site_options options = {
        .ca_pem = or_null(site->arvados_ca_cert),
        .tls_server_name = or_null(site->tls_server_name),
        .max_concurrent = (unsigned)site->max_concurrent_requests,
        .max_queued = QUEUE_MAX,
        .max_retries = (unsigned)site->max_retries,
        .stats = &core->stats,
        .user_agent = core->kind->user_agent,
    };
    VP_TRY(http_origin_parse(site->arvados_api_host, &options.origin, err));
    return arv_client_new(core->shared->http, &options, ret_client, err);
}

int64_t mount_deadline_ms(const struct logical_call *call, const struct mount_site *site)
{
    const struct mount_core *core = call->mount;
    const struct vp_clock *clock = core->shared->clock;
    /* A rollback goes through many entries, each with a budget of its own. */
    bool from_now = call->arrived_ms == 0 || call->operation == LOGICAL_ROLLBACK;
    int64_t from_ms = from_now ? clock->monotonic_ms(clock->self) : call->arrived_ms;
    return from_ms + site->request_timeout_s * 1000;
}

struct arv_credentials mount_credentials(const struct logical_call *call, const struct mount_site *site,
                                         const struct vp_secret *token, bool service)
{
    return (struct arv_credentials){
        .token = token,
        .service = service,
        .request_id = call->request_id,
        .deadline_ms = mount_deadline_ms(call, site),
        .yields = call->yields,
        .cancel = call->cancel,
    };
}
