#include "request.h"

#include <time.h>

#include "roles.h"

enum { LOOK_AROUND_MS = 100 };

int64_t auth_now_s(const struct auth_request *request)
{
    return request->clock->now_s(request->clock->self);
}

int64_t auth_now_ms(const struct auth_request *request)
{
    return request->clock->monotonic_ms(request->clock->self);
}

const struct auth_config *auth_request_config(const struct auth_request *request)
{
    return &request->snapshot->config;
}

const char *auth_effective_role(const struct auth_config *config, const char *named)
{
    return vp_text_is_set(named) ? named : config->default_role;
}

bool auth_request_is_current(const struct auth_request *request)
{
    return mount_snapshot_is_current(request->call->mount, &request->snapshot->base);
}

void auth_request_clear(struct auth_request *request)
{
    auth_snapshot_release(&request->snapshot);
    request->role = NULL;
}

enum vp_code auth_request_open_without_role(struct auth_request *request, struct vp_error *err)
{
    struct auth_mount *mount = request->call->mount;
    auth_request_clear(request);
    VP_TRY(auth_snapshot_get(request->call, &request->snapshot, err));
    request->clock = mount->core.shared->clock;
    request->counters = &mount->counters;
    request->request_id = request->call->request_id;
    request->cancel = request->call->cancel;
    if (request->deadline_ms == 0)
        request->deadline_ms = mount_deadline_ms(request->call, &auth_request_config(request)->site);
    return VP_OK;
}

static enum vp_code open_with_role(struct auth_request *request, struct vp_error *err)
{
    VP_TRY(auth_request_open_without_role(request, err));
    /* A lease names the role that the login had, which may be none. */
    const char *name = request->kind == AUTH_RENEWAL
                           ? request->role_name
                           : auth_effective_role(auth_request_config(request), request->role_name);
    return auth_role_for(request->call, request->snapshot, name, &request->role, err);
}

enum vp_code auth_request_open(struct auth_request *request, struct vp_error *err)
{
    enum vp_code code = open_with_role(request, err);
    /* A standby can't store a service token: the server would run the login here, and again on the active node. And what a
     * standby does not find may be on its way to it. */
    if (request->kind == AUTH_LOGIN && request->call->standby &&
        (code != VP_OK || auth_role_token_type(request->role) != LOGICAL_TOKEN_BATCH))
        return logical_forward(err);
    return code;
}

enum vp_code auth_request_wait(const struct auth_request *request, pthread_mutex_t *lock, pthread_cond_t *changed,
                               struct vp_error *err)
{
    struct timespec until;
    if (vp_cancel_is_set(request->cancel))
        return vp_fail(err, VP_REASON_CANCELLED, "request canceled by client");
    if (auth_now_ms(request) >= request->deadline_ms)
        return vp_fail(err, VP_REASON_UPSTREAM_TIMEOUT, "Arvados did not answer in time");
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_AROUND_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(changed, lock, &until);
    return VP_OK;
}

/* ---- credentials ---- */

struct arv_credentials auth_credentials_of(const struct auth_request *request, const struct vp_secret *token)
{
    return (struct arv_credentials){
        .token = token,
        .request_id = request->request_id,
        .deadline_ms = request->deadline_ms,
        .yields = request->call->yields,
        .cancel = request->cancel,
    };
}

struct arv_credentials auth_credentials(const struct auth_request *request, const struct vp_secret *token)
{
    const struct vp_secret *service_token = auth_request_config(request)->service_token;
    struct arv_credentials credentials = auth_credentials_of(request, service_token != NULL ? service_token : token);
    struct auth_mount *mount = request->call->mount;
    credentials.service = service_token != NULL;
    credentials.health = service_token != NULL ? &mount->service_token_health : NULL;
    return credentials;
}

struct arv_credentials auth_service_credentials(const struct logical_call *call, const struct auth_config *config)
{
    struct auth_mount *mount = call->mount;
    struct arv_credentials credentials =
        mount_credentials(call, &config->site, config->service_token, config->service_token != NULL);
    credentials.health = &mount->service_token_health;
    return credentials;
}

struct arv_link_query auth_link_query(const struct auth_config *config)
{
    struct arv_link_query query = { .link_class = config->link_class, .owner_uuids = &config->trusted_link_owners };
    if (config->service_token != NULL)
        query.proof_cluster_id = config->site.cluster_id;
    return query;
}
