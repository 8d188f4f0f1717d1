/* The life of a mount: its cached configuration, dropped when the record changes. */
#include "mount.h"

#include <stdlib.h>
#include <string.h>

#include "vp/auth.h"
#include "vp/version.h"

#include "grant_cache.h"
#include "paths.h"
#include "refusals.h"
#include "refused.h"
#include "role.h"
#include "roles.h"

/* Requests that wait for a place at Arvados, per mount: two calls for each login of a storm of 2,000. */
enum {
    QUEUE_MAX = 8192,
    DISTRUST_MS = 2 * 60 * 1000, /* longer than the host lets any request last */
    STANDBY_AGE_MS = 10 * 1000,
    REQUEST_TIMEOUT_S = 10, /* the default of the field */
    MEMORY_MAX = 128 * 1024 * 1024, /* of what all mounts remember */
    MOUNT_MEMORY_MAX = 32 * 1024 * 1024,
};

static void sweep(struct auth_mount *mount);

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
    shared->memory = (struct vp_budget)VP_BUDGET_INIT(NULL, MEMORY_MAX);
    if (!arv_fingerprint_key_new(shared->fingerprint_key)) {
        free(shared);
        return vp_fail(err, VP_REASON_INTERNAL, "the kernel gives no random bytes");
    }
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
    auth_mount_forget(mount, AUTH_CONFIG_KEY);
    sweep(mount);
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
    mount->memory = (struct vp_budget)VP_BUDGET_INIT(&mount->shared->memory, MOUNT_MEMORY_MAX);
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

static void invalidate(void *mount, const char *key)
{
    auth_mount_forget(mount, key);
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

static void site_release(struct auth_site **place)
{
    struct auth_site *site = VP_TAKE(*place);
    if (site == NULL || atomic_fetch_sub(&site->references, 1) > 1)
        return;
    auth_grant_cache_free(site->cache);
    auth_refused_free(site->refused);
    arv_client_free(site->arvados);
    vp_buf_clear(&site->record);
    free(site);
}

static bool is_role_key(const char *key)
{
    return strncmp(key, AUTH_ROLE_PREFIX, strlen(AUTH_ROLE_PREFIX)) == 0;
}

void auth_mount_forget(struct auth_mount *mount, const char *key)
{
    pthread_mutex_lock(&mount->lock);
    struct auth_snapshot *snapshot = VP_TAKE(mount->snapshot);
    mount->generation++;
    if (!is_role_key(key))
        mount->site_is_old = true;
    if (snapshot != NULL) {
        snapshot->next_dropped = mount->dropped;
        mount->dropped = snapshot;
    }
    pthread_mutex_unlock(&mount->lock);
}

/* Frees what was dropped since the last request. */
static void sweep(struct auth_mount *mount)
{
    pthread_mutex_lock(&mount->lock);
    struct auth_snapshot *dropped = VP_TAKE(mount->dropped);
    struct auth_site *old = mount->site_is_old ? VP_TAKE(mount->site) : NULL;
    mount->site_is_old = false;
    pthread_mutex_unlock(&mount->lock);
    while (dropped != NULL) {
        struct auth_snapshot *next = dropped->next_dropped;
        auth_snapshot_release(&dropped);
        dropped = next;
    }
    site_release(&old);
}

void auth_mount_written(struct auth_mount *mount, const char *key, enum vp_code outcome)
{
    pthread_mutex_lock(&mount->lock);
    /* One that went well says nothing of an earlier one. */
    if (outcome != VP_OK)
        mount->distrust_until_ms = now_ms(mount) + DISTRUST_MS;
    pthread_mutex_unlock(&mount->lock);
    auth_mount_forget(mount, key);
}

void auth_snapshot_release(struct auth_snapshot **place)
{
    struct auth_snapshot *snapshot = VP_TAKE(*place);
    if (snapshot == NULL || atomic_fetch_sub(&snapshot->references, 1) > 1)
        return;
    auth_roles_free(snapshot->roles);
    site_release(&snapshot->site);
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

static enum vp_code site_new(struct auth_mount *mount, const struct auth_config *config, const struct vp_buf *record,
                             struct auth_site **ret_site, struct vp_error *err)
{
    VP_AUTO(site_release) struct auth_site *site = calloc(1, sizeof *site);
    struct vp_error fault = { 0 };
    if (site == NULL)
        return vp_fail_no_memory(err);
    atomic_init(&site->references, 1);
    site->record = (struct vp_buf)VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    vp_buf_add(&site->record, vp_buf_text(record), record->len);
    VP_TRY(vp_buf_check(&site->record, "the config", err));
    VP_TRY(auth_grant_cache_new(&site->cache, err));
    VP_TRY(auth_refused_new(&mount->memory, &site->refused, err));
    if (auth_client_new(mount, config, &site->arvados, &fault) != VP_OK)
        return unreadable(&fault, err);
    *ret_site = VP_TAKE(site);
    return VP_OK;
}

/* The site of the snapshot before, if its config is this one; with a reference of the caller's own. */
static struct auth_site *kept_site(struct auth_mount *mount, const struct vp_buf *record)
{
    pthread_mutex_lock(&mount->lock);
    struct auth_site *site = mount->site_is_old ? NULL : mount->site;
    if (site != NULL && site->record.len == record->len &&
        memcmp(vp_buf_text(&site->record), vp_buf_text(record), record->len) == 0)
        atomic_fetch_add(&site->references, 1);
    else
        site = NULL;
    pthread_mutex_unlock(&mount->lock);
    return site;
}

static enum vp_code load_roles(const struct logical_call *call, struct auth_snapshot *snapshot, struct vp_error *err)
{
    struct vp_texts roles = { 0 };
    VP_TRY(call->storage->list(call->storage->self, AUTH_ROLE_PREFIX, call->cancel, &roles, err));
    snapshot->has_roles = roles.n > 0;
    vp_texts_clear(&roles);
    return auth_roles_new(&snapshot->roles, err);
}

static enum vp_code load_parts(const struct logical_call *call, struct auth_snapshot *snapshot, struct vp_error *err)
{
    VP_AUTO(vp_buf_clear) struct vp_buf record = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    bool found = false;
    VP_TRY(auth_config_load(call, &snapshot->config, &record, &found, err));
    if (!found)
        return vp_fail(err, VP_REASON_NOT_CONFIGURED,
                       "this mount is not configured yet; an administrator writes its config first");
    VP_TRY(check_stored(&snapshot->config, err));
    VP_TRY(auth_config_fill(&snapshot->config, err));
    VP_TRY(follow_service_token(call->mount, &snapshot->config, err));
    VP_TRY(load_roles(call, snapshot, err));
    snapshot->site = kept_site(call->mount, &record);
    if (snapshot->site == NULL)
        VP_TRY(site_new(call->mount, &snapshot->config, &record, &snapshot->site, err));
    snapshot->arvados = snapshot->site->arvados;
    snapshot->cache = snapshot->site->cache;
    return VP_OK;
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
    if (*ret_dropped != NULL)
        mount->site_is_old = true;
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
    struct auth_site *former = NULL;
    pthread_mutex_lock(&mount->lock);
    if (mount->generation == generation && now_ms(mount) >= mount->distrust_until_ms) {
        if (mount->snapshot == NULL) {
            mount->snapshot = *snapshot;
            former = mount->site;
            mount->site = (*snapshot)->site;
            mount->site_is_old = false;
            atomic_fetch_add(&mount->site->references, 1);
        } else {
            spare = *snapshot;
            *snapshot = mount->snapshot;
        }
        atomic_fetch_add(&mount->snapshot->references, 1);
    }
    pthread_mutex_unlock(&mount->lock);
    auth_snapshot_release(&spare);
    site_release(&former);
}

enum vp_code auth_snapshot_get(const struct logical_call *call, struct auth_snapshot **ret_snapshot,
                               struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    unsigned generation = 0;
    sweep(mount);
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
