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

#define AUTH_PLUGIN "vault-plugin-auth-arvados"

enum {
    /* Bytes, see struct auth_shared. */
    IN_USE_MAX = 256 * 1024 * 1024,
    MEMORY_MAX = 128 * 1024 * 1024,
    MOUNT_MEMORY_MAX = 32 * 1024 * 1024,
};

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

/* ---- what outlives a snapshot; the mount's lock is held ---- */

static void drop_site(struct auth_mount *mount)
{
    struct auth_site *site = VP_TAKE(mount->site);
    if (site == NULL)
        return;
    site->is_dropped = true;
    site->next_dropped = mount->dropped_sites;
    mount->dropped_sites = site;
}

static bool is_role_key(const char *key)
{
    return strncmp(key, AUTH_ROLE_PREFIX, strlen(AUTH_ROLE_PREFIX)) == 0;
}

/* A role's record keeps connections and cached grants; any other drops them. */
static void changed(struct mount_core *core, const char *key)
{
    if (key == NULL || !is_role_key(key))
        drop_site((struct auth_mount *)(void *)core);
}

static void shared(struct mount_core *core, struct mount_snapshot *snapshot)
{
    struct auth_mount *mount = (struct auth_mount *)(void *)core;
    struct auth_site *site = ((struct auth_snapshot *)(void *)snapshot)->site;
    if (site == mount->site || site->is_dropped)
        return;
    drop_site(mount);
    mount->site = site;
    atomic_fetch_add(&site->references, 1);
}

/* Without the lock. */
static void sweep(struct mount_core *core)
{
    struct auth_mount *mount = (struct auth_mount *)(void *)core;
    pthread_mutex_lock(&core->lock);
    struct auth_site *dropped = VP_TAKE(mount->dropped_sites);
    pthread_mutex_unlock(&core->lock);
    while (dropped != NULL) {
        struct auth_site *next = dropped->next_dropped;
        site_release(&dropped);
        dropped = next;
    }
}

/* ---- snapshots ---- */

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
    if (auth_config_check(config, &fault) == VP_OK && vp_text_is_set(config->site.cluster_id))
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
    pthread_mutex_lock(&mount->core.lock);
    if (mount->service_token_health.clock != mount->core.shared->clock) /* a test's own */
        mount->service_token_health.clock = mount->core.shared->clock;
    if (strcmp(mount->service_token_uuid, parts.uuid) != 0) {
        memcpy(mount->service_token_uuid, parts.uuid, sizeof parts.uuid);
        atomic_store(&mount->service_token_health.worked_ms, 0);
        atomic_store(&mount->service_token_health.refused_ms, 0);
    }
    pthread_mutex_unlock(&mount->core.lock);
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
    VP_TRY(auth_grant_cache_new(&mount->memory, &site->cache, err));
    VP_TRY(auth_refused_new(&mount->memory, &site->refused, err));
    if (mount_client_new(&mount->core, &config->site, &site->arvados, &fault) != VP_OK)
        return unreadable(&fault, err);
    *ret_site = VP_TAKE(site);
    return VP_OK;
}

/* The site of the snapshot before, if its config is this one; with a reference of the caller's own. */
static struct auth_site *kept_site(struct auth_mount *mount, const struct vp_buf *record)
{
    pthread_mutex_lock(&mount->core.lock);
    struct auth_site *site = mount->site;
    if (site != NULL && site->record.len == record->len &&
        memcmp(vp_buf_text(&site->record), vp_buf_text(record), record->len) == 0)
        atomic_fetch_add(&site->references, 1);
    else
        site = NULL;
    pthread_mutex_unlock(&mount->core.lock);
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

static enum vp_code load(const struct logical_call *call, struct mount_snapshot *base, struct vp_error *err)
{
    struct auth_snapshot *snapshot = (struct auth_snapshot *)(void *)base;
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

static void clear(struct mount_snapshot *base)
{
    struct auth_snapshot *snapshot = (struct auth_snapshot *)(void *)base;
    auth_roles_free(snapshot->roles);
    site_release(&snapshot->site);
    auth_config_clear(&snapshot->config);
}

static const struct mount_kind KIND = { .user_agent = AUTH_PLUGIN,
                                        .snapshot_size = sizeof(struct auth_snapshot),
                                        .site_offset = offsetof(struct auth_snapshot, config.site),
                                        .load = load,
                                        .clear = clear,
                                        .changed = changed,
                                        .shared = shared,
                                        .sweep = sweep };

enum vp_code auth_snapshot_get(const struct logical_call *call, struct auth_snapshot **ret_snapshot,
                               struct vp_error *err)
{
    struct mount_snapshot *base = NULL;
    VP_TRY(mount_snapshot_get(call, &base, err));
    *ret_snapshot = (struct auth_snapshot *)(void *)base;
    return VP_OK;
}

void auth_snapshot_release(struct auth_snapshot **place)
{
    struct auth_snapshot *snapshot = VP_TAKE(*place);
    if (snapshot != NULL)
        mount_snapshot_release(&snapshot->base);
}

/* ---- the backend ---- */

static void mount_free(void *object)
{
    struct auth_mount *mount = object;
    if (mount == NULL)
        return;
    mount_core_clear(&mount->core);
    auth_refusals_free(mount->refusals);
    free(mount);
}

static enum vp_code shared_new(void **ret_shared, struct vp_error *err)
{
    struct auth_shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return vp_fail_no_memory(err);
    shared->in_use = (struct vp_budget)VP_BUDGET_INIT(NULL, IN_USE_MAX);
    shared->memory = (struct vp_budget)VP_BUDGET_INIT(&shared->in_use, MEMORY_MAX);
    enum vp_code code = VP_OK;
    if (!arv_fingerprint_key_new(shared->fingerprint_key))
        code = vp_fail(err, VP_REASON_INTERNAL, "the kernel gives no random bytes");
    if (code == VP_OK)
        code = mount_shared_init(&shared->base, err);
    if (code != VP_OK) {
        free(shared);
        return code;
    }
    *ret_shared = shared;
    return VP_OK;
}

static enum vp_code mount_new(void *process, void **ret_mount, struct vp_error *err)
{
    struct auth_mount *mount = calloc(1, sizeof *mount);
    if (mount == NULL)
        return vp_fail_no_memory(err);
    mount_core_init(&mount->core, process, &KIND);
    mount->memory = (struct vp_budget)VP_BUDGET_INIT(&((struct auth_shared *)process)->memory, MOUNT_MEMORY_MAX);
    mount->service_token_health.clock = mount->core.shared->clock;
    enum vp_code code = auth_refusals_new(&mount->memory, &mount->refusals, err);
    if (code != VP_OK) {
        mount_free(mount);
        return code;
    }
    *ret_mount = mount;
    return VP_OK;
}

static void invalidate(void *mount, const char *key)
{
    mount_forget(mount, key);
}

static void refused(void *object, bool login, enum vp_reason reason)
{
    struct auth_mount *mount = object;
    const struct vp_error err = { .reason = reason };
    auth_outcomes_count(login ? &mount->counters.logins : &mount->counters.renewals, vp_reason_code(reason), &err);
}

static const enum vp_reason PUBLIC_REASONS[] = { VP_REASON_LOGINS_OFF, VP_REASON_NONE };
static const char *const SEAL_WRAPPED[] = { AUTH_CONFIG_KEY, NULL };

const struct logical_backend *auth_backend(void)
{
    static const struct logical_backend BACKEND = {
        .name = AUTH_PLUGIN,
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
        .shared_free = mount_shared_free,
        .mount_new = mount_new,
        .mount_free = mount_free,
        .invalidate = invalidate,
        .request_timeout_ms = mount_request_timeout_ms,
        .refused = refused,
    };
    return &BACKEND;
}
