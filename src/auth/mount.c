/* The life of a mount: its cached configuration, dropped when the record changes. */
#include "mount.h"

#include <stdlib.h>
#include <string.h>

#include "vp/auth.h"
#include "vp/version.h"

#include "grant_cache.h"
#include "paths.h"
#include "refusals.h"
#include "roles.h"

/* Requests that wait for a place at Arvados, per mount: two calls for each login of a storm of 2,000. */
enum {
    QUEUE_MAX = 8192,
    DISTRUST_MS = 2 * 60 * 1000, /* longer than the host lets any request last */
    STANDBY_AGE_MS = 10 * 1000,
    REQUEST_TIMEOUT_S = 10, /* the default of the field */
};

static int64_t now_ms(const struct auth_mount *mount)
{
    return mount->shared->clock->monotonic_ms(mount->shared->clock->self);
}

static enum vp_code shared_new(void **ret_shared, struct vp_error *err)
{
    struct auth_shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return vp_fail_no_memory(err);
    shared->clock = &VP_CLOCK_SYSTEM;
    enum vp_code code = http_client_new(&shared->http, err);
    if (code != VP_OK) {
        free(shared);
        return code;
    }
    *ret_shared = shared;
    return VP_OK;
}

static void shared_free(void *object)
{
    struct auth_shared *shared = object;
    if (shared != NULL)
        http_client_free(shared->http);
    free(shared);
}

static void mount_free(void *object)
{
    struct auth_mount *mount = object;
    if (mount == NULL)
        return;
    auth_mount_forget(mount);
    auth_refusals_free(mount->refusals);
    pthread_mutex_destroy(&mount->lock);
    pthread_mutex_destroy(&mount->write_lock);
    free(mount);
}

static enum vp_code mount_new(void *shared, void **ret_mount, struct vp_error *err)
{
    struct auth_mount *mount = calloc(1, sizeof *mount);
    if (mount == NULL)
        return vp_fail_no_memory(err);
    mount->shared = shared;
    mount->service_token_health.clock = mount->shared->clock;
    mount->counters.since_s = mount->shared->clock->now_s(mount->shared->clock->self);
    pthread_mutex_init(&mount->lock, NULL);
    pthread_mutex_init(&mount->write_lock, NULL);
    enum vp_code code = auth_refusals_new(&mount->refusals, err);
    if (code != VP_OK) {
        mount_free(mount);
        return code;
    }
    *ret_mount = mount;
    return VP_OK;
}

/* Any key: roles and config are both part of the snapshot. */
static void invalidate(void *mount, const char *key)
{
    (void)key;
    auth_mount_forget(mount);
}

/* Called for each request before it waits: the snapshot's answer, or the default while there is none. */
static int64_t request_timeout_ms(void *object)
{
    struct auth_mount *mount = object;
    int64_t timeout_s = REQUEST_TIMEOUT_S;
    pthread_mutex_lock(&mount->lock);
    if (mount->snapshot != NULL)
        timeout_s = mount->snapshot->config.request_timeout_s;
    pthread_mutex_unlock(&mount->lock);
    return timeout_s * 1000;
}

static void refused(void *object, bool login, enum vp_reason reason)
{
    struct auth_mount *mount = object;
    const struct vp_error err = { .reason = reason };
    auth_outcomes_count(login ? &mount->counters.logins : &mount->counters.renewals, vp_reason_code(reason), &err);
}

void auth_mount_forget(struct auth_mount *mount)
{
    pthread_mutex_lock(&mount->lock);
    struct auth_snapshot *snapshot = VP_TAKE(mount->snapshot);
    mount->generation++;
    pthread_mutex_unlock(&mount->lock);
    auth_snapshot_release(&snapshot);
}

void auth_mount_written(struct auth_mount *mount, enum vp_code outcome)
{
    pthread_mutex_lock(&mount->lock);
    /* One that went well says nothing of an earlier one. */
    if (outcome != VP_OK)
        mount->distrust_until_ms = now_ms(mount) + DISTRUST_MS;
    pthread_mutex_unlock(&mount->lock);
    auth_mount_forget(mount);
}

void auth_snapshot_release(struct auth_snapshot **place)
{
    struct auth_snapshot *snapshot = VP_TAKE(*place);
    if (snapshot == NULL || atomic_fetch_sub(&snapshot->references, 1) > 1)
        return;
    auth_grant_cache_free(snapshot->cache);
    auth_roles_free(snapshot->roles);
    arv_client_free(snapshot->arvados);
    auth_config_clear(&snapshot->config);
    free(snapshot);
}

bool auth_snapshot_is_current(struct auth_mount *mount, const struct auth_snapshot *snapshot)
{
    pthread_mutex_lock(&mount->lock);
    bool current = mount->generation == snapshot->generation;
    pthread_mutex_unlock(&mount->lock);
    return current;
}

int64_t auth_deadline_ms(const struct logical_call *call, const struct auth_config *config)
{
    int64_t from_ms = call->arrived_ms == 0 ? now_ms(call->mount) : call->arrived_ms;
    return from_ms + config->request_timeout_s * 1000;
}

static const char *or_null(const char *text)
{
    return vp_text_is_set(text) ? text : NULL;
}

enum vp_code auth_client_new(struct auth_mount *mount, const struct auth_config *config, struct arv_client **ret_client,
                             struct vp_error *err)
{
    struct http_site_options options = {
        .ca_pem = or_null(config->arvados_ca_cert),
        .tls_server_name = or_null(config->tls_server_name),
        .max_concurrent = (unsigned)config->max_concurrent_requests,
        .max_queued = QUEUE_MAX,
        .max_retries = (unsigned)config->max_retries,
        .stats = &mount->stats,
    };
    VP_TRY(http_origin_parse(config->arvados_api_host, &options.origin, err));
    return arv_client_new(mount->shared->http, &options, ret_client, err);
}

/* `fault` is what the checks of a write would have said; short memory is no fault of the record's. */
static enum vp_code unreadable(const struct vp_error *fault, struct vp_error *err)
{
    if (fault->reason == VP_REASON_INTERNAL) {
        if (err != NULL)
            *err = *fault;
        return VP_ERR_INTERNAL;
    }
    (void)vp_fail(err, VP_REASON_CONFIG_UNREADABLE,
                  "the stored config does not pass this version's checks; write it again");
    vp_error_add_detail(err, "%s", fault->message);
    return vp_reason_code(VP_REASON_CONFIG_UNREADABLE);
}

/* A record that passed when it was written can fail now only if it was damaged or the rules became stricter: the operator
 * must act either way, and nothing is granted on it meanwhile. */
static enum vp_code check_stored(const struct auth_config *config, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    if (auth_config_check(config, &fault) == VP_OK && or_null(config->cluster_id) != NULL)
        return VP_OK;
    return unreadable(&fault, err);
}

/* What is known of one service token says nothing of the next. */
static enum vp_code follow_service_token(struct auth_mount *mount, const struct auth_config *config,
                                         struct vp_error *err)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    struct arv_token_text parts = { 0 };
    if (config->service_token != NULL)
        VP_TRY(arv_token_parse(config->service_token, &token, &parts, err));
    pthread_mutex_lock(&mount->lock);
    if (mount->service_token_health.clock != mount->shared->clock) /* a test's own */
        mount->service_token_health.clock = mount->shared->clock;
    if (strcmp(mount->service_token_uuid, parts.uuid) != 0) {
        memcpy(mount->service_token_uuid, parts.uuid, sizeof parts.uuid);
        atomic_store(&mount->service_token_health.worked_ms, 0);
        atomic_store(&mount->service_token_health.refused_ms, 0);
    }
    pthread_mutex_unlock(&mount->lock);
    return VP_OK;
}

static enum vp_code load_parts(const struct logical_call *call, struct auth_snapshot *snapshot, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    struct vp_buf record = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    struct vp_texts roles = { 0 };
    bool found = false;
    enum vp_code code = auth_config_load(call, &snapshot->config, &record, &found, err);
    vp_buf_clear(&record);
    VP_TRY(code);
    if (!found)
        return vp_fail(err, VP_REASON_NOT_CONFIGURED,
                       "this mount is not configured yet; an admin writes its config first");
    VP_TRY(check_stored(&snapshot->config, err));
    VP_TRY(auth_config_fill(&snapshot->config, err));
    VP_TRY(follow_service_token(mount, &snapshot->config, err));
    VP_TRY(call->storage->list(call->storage->self, "role/", call->cancel, &roles, err));
    snapshot->has_roles = roles.n > 0;
    vp_texts_clear(&roles);
    VP_TRY(auth_grant_cache_new(&snapshot->cache, err));
    VP_TRY(auth_roles_new(&snapshot->roles, err));
    struct vp_error fault = { 0 };
    code = auth_client_new(mount, &snapshot->config, &snapshot->arvados, &fault);
    return code == VP_OK ? VP_OK : unreadable(&fault, err);
}

static enum vp_code load(const struct logical_call *call, unsigned generation, struct auth_snapshot **ret_snapshot,
                         struct vp_error *err)
{
    struct auth_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL)
        return vp_fail_no_memory(err);
    atomic_init(&snapshot->references, 1);
    snapshot->loaded_ms = now_ms(call->mount);
    snapshot->generation = generation;
    enum vp_code code = load_parts(call, snapshot, err);
    if (code != VP_OK) {
        auth_snapshot_release(&snapshot);
        return code;
    }
    *ret_snapshot = snapshot;
    return VP_OK;
}

/* A standby hears of changes by InvalidateKey, which the host sends once and does not wait for long: what got lost there must not
 * count for ever. Lock held. */
static void drop_old(const struct logical_call *call, struct auth_snapshot **ret_dropped)
{
    struct auth_mount *mount = call->mount;
    if (call->standby && mount->snapshot != NULL && now_ms(mount) - mount->snapshot->loaded_ms >= STANDBY_AGE_MS)
        *ret_dropped = VP_TAKE(mount->snapshot);
}

/* The cached one with a reference of the caller's own, or NULL; with the generation it belongs to. */
static struct auth_snapshot *cached(const struct logical_call *call, unsigned *ret_generation)
{
    struct auth_mount *mount = call->mount;
    struct auth_snapshot *dropped = NULL;
    pthread_mutex_lock(&mount->lock);
    drop_old(call, &dropped);
    struct auth_snapshot *snapshot = mount->snapshot;
    if (snapshot != NULL)
        atomic_fetch_add(&snapshot->references, 1);
    *ret_generation = mount->generation;
    pthread_mutex_unlock(&mount->lock);
    auth_snapshot_release(&dropped);
    return snapshot;
}

/* Keeps it for later requests, unless the config changed since it was read. When another request was faster its picture is
 * taken: many that come at once shall share one, and what it remembers. */
static void share(struct auth_mount *mount, unsigned generation, struct auth_snapshot **snapshot)
{
    struct auth_snapshot *spare = NULL;
    pthread_mutex_lock(&mount->lock);
    if (mount->generation == generation && now_ms(mount) >= mount->distrust_until_ms) {
        if (mount->snapshot == NULL) {
            mount->snapshot = *snapshot;
        } else {
            spare = *snapshot;
            *snapshot = mount->snapshot;
        }
        atomic_fetch_add(&mount->snapshot->references, 1);
    }
    pthread_mutex_unlock(&mount->lock);
    auth_snapshot_release(&spare);
}

enum vp_code auth_snapshot_get(const struct logical_call *call, struct auth_snapshot **ret_snapshot,
                               struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    unsigned generation = 0;
    struct auth_snapshot *snapshot = cached(call, &generation);
    if (snapshot == NULL) {
        VP_TRY(load(call, generation, &snapshot, err));
        share(mount, generation, &snapshot);
    }
    *ret_snapshot = snapshot;
    return VP_OK;
}

static const enum vp_reason PUBLIC_REASONS[] = { VP_REASON_LOGINS_OFF, VP_REASON_NONE };
static const char *const SEAL_WRAPPED[] = { AUTH_CONFIG_KEY, NULL };

const struct logical_backend *auth_backend(void)
{
    static const struct logical_backend BACKEND = {
        .name = "vault-plugin-auth-arvados",
        .version = VP_VERSION,
        .help =
            "Arvados containers log in with their run token and get the policies that Arvados' admins granted to the "
            "container's user, by links under a trusted owner, as far as this mount's prefixes allow them.",
        .routes = AUTH_ROUTES,
        .public_messages = {
            [VP_ERR_DENIED] = "permission denied",
            [VP_ERR_UNAVAILABLE] = "Arvados cannot be asked at the moment; try again shortly",
            [VP_ERR_UPSTREAM] = "Arvados gave an invalid answer, so the login was refused",
            [VP_ERR_INTERNAL] = "this auth method cannot serve logins at the moment; its administrator must act",
        },
        .reason_path = "explain",
        .public_reasons = PUBLIC_REASONS,
        .seal_wrapped = SEAL_WRAPPED,
        .renew = auth_renew,
        .shared_new = shared_new,
        .shared_free = shared_free,
        .mount_new = mount_new,
        .mount_free = mount_free,
        .invalidate = invalidate,
        .request_timeout_ms = request_timeout_ms,
        .refused = refused,
    };
    return &BACKEND;
}
