/* The life of a mount: its cached configuration, dropped when a record changes. */
#include <stdlib.h>

#include "vp/mount.h"

enum {
    STANDBY_AGE_MS = 10 * 1000,
    REQUEST_TIMEOUT_S = 10, /* the default of the field */
};

enum vp_code mount_shared_init(struct mount_shared *shared, struct vp_error *err)
{
    shared->clock = &VP_CLOCK_SYSTEM;
    return http_client_new(&shared->http, err);
}

enum vp_code mount_shared_new(void **ret_shared, struct vp_error *err)
{
    struct mount_shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return vp_fail_no_memory(err);
    enum vp_code code = mount_shared_init(shared, err);
    if (code != VP_OK) {
        free(shared);
        return code;
    }
    *ret_shared = shared;
    return VP_OK;
}

void mount_shared_free(void *object)
{
    struct mount_shared *shared = object;
    if (shared != NULL)
        http_client_free(shared->http);
    free(shared);
}

/* Lock held. */
static void changed(struct mount_core *core, const char *key)
{
    if (core->kind->changed != NULL)
        core->kind->changed(core, key);
}

/* Frees what was dropped since the last request. */
static void sweep(struct mount_core *core)
{
    pthread_mutex_lock(&core->lock);
    struct mount_snapshot *dropped = VP_TAKE(core->dropped);
    pthread_mutex_unlock(&core->lock);
    while (dropped != NULL) {
        struct mount_snapshot *next = dropped->next_dropped;
        mount_snapshot_release(dropped);
        dropped = next;
    }
    if (core->kind->sweep != NULL)
        core->kind->sweep(core);
}

void mount_core_init(struct mount_core *core, struct mount_shared *shared, const struct mount_kind *kind)
{
    core->shared = shared;
    core->kind = kind;
    core->since_s = shared->clock->now_s(shared->clock->self);
    pthread_mutex_init(&core->lock, NULL);
    pthread_mutex_init(&core->write_lock, NULL);
}

void mount_core_clear(struct mount_core *core)
{
    mount_forget(core, NULL);
    sweep(core);
    pthread_mutex_destroy(&core->lock);
    pthread_mutex_destroy(&core->write_lock);
}

static int64_t now_ms(const struct mount_core *core)
{
    return core->shared->clock->monotonic_ms(core->shared->clock->self);
}

void mount_forget(struct mount_core *core, const char *key)
{
    pthread_mutex_lock(&core->lock);
    struct mount_snapshot *snapshot = VP_TAKE(core->snapshot);
    core->generation++;
    changed(core, key);
    if (snapshot != NULL) {
        snapshot->next_dropped = core->dropped;
        core->dropped = snapshot;
    }
    pthread_mutex_unlock(&core->lock);
}

void mount_snapshot_release(struct mount_snapshot *snapshot)
{
    if (snapshot == NULL || atomic_fetch_sub(&snapshot->references, 1) > 1)
        return;
    snapshot->kind->clear(snapshot);
    free(snapshot);
}

bool mount_snapshot_is_current(struct mount_core *core, const struct mount_snapshot *snapshot)
{
    pthread_mutex_lock(&core->lock);
    bool current = core->generation == snapshot->generation;
    pthread_mutex_unlock(&core->lock);
    return current;
}

static const struct mount_site *site_of(const struct mount_snapshot *snapshot)
{
    return (const struct mount_site *)(const void *)((const char *)snapshot + snapshot->kind->site_offset);
}

/* Called for each request before it waits. */
int64_t mount_request_timeout_ms(void *object)
{
    struct mount_core *core = object;
    int64_t timeout_s = REQUEST_TIMEOUT_S;
    pthread_mutex_lock(&core->lock);
    if (core->snapshot != NULL)
        timeout_s = site_of(core->snapshot)->request_timeout_s;
    pthread_mutex_unlock(&core->lock);
    return timeout_s * 1000;
}

static enum vp_code load(const struct logical_call *call, unsigned generation, struct mount_snapshot **ret_snapshot,
                         struct vp_error *err)
{
    struct mount_core *core = call->mount;
    struct mount_snapshot *snapshot = calloc(1, core->kind->snapshot_size);
    if (snapshot == NULL)
        return vp_fail_no_memory(err);
    atomic_init(&snapshot->references, 1);
    snapshot->kind = core->kind;
    snapshot->loaded_ms = now_ms(core);
    snapshot->generation = generation;
    enum vp_code code = core->kind->load(call, snapshot, err);
    if (code != VP_OK) {
        mount_snapshot_release(snapshot);
        return code;
    }
    *ret_snapshot = snapshot;
    return VP_OK;
}

/* A standby gets changes by InvalidateKey, which the host sends once and does not wait for long: what got lost there must not
 * count for ever. Lock held. */
static struct mount_snapshot *drop_old(const struct logical_call *call)
{
    struct mount_core *core = call->mount;
    if (!call->standby || core->snapshot == NULL || now_ms(core) - core->snapshot->loaded_ms < STANDBY_AGE_MS)
        return NULL;
    changed(core, NULL);
    return VP_TAKE(core->snapshot);
}

/* The cached one with a reference of the caller's own, or NULL; with the generation it belongs to. */
static struct mount_snapshot *cached(const struct logical_call *call, unsigned *ret_generation)
{
    struct mount_core *core = call->mount;
    pthread_mutex_lock(&core->lock);
    struct mount_snapshot *dropped = drop_old(call);
    struct mount_snapshot *snapshot = core->snapshot;
    if (snapshot != NULL)
        atomic_fetch_add(&snapshot->references, 1);
    *ret_generation = core->generation;
    pthread_mutex_unlock(&core->lock);
    mount_snapshot_release(dropped);
    return snapshot;
}

/* Keeps it for later requests, unless the config changed since it was read. When another request was faster, its snapshot is
 * used: many that come at once share one. */
static void share(struct mount_core *core, unsigned generation, struct mount_snapshot **snapshot)
{
    struct mount_snapshot *spare = NULL;
    pthread_mutex_lock(&core->lock);
    if (core->generation == generation && now_ms(core) >= core->distrust_until_ms) {
        if (core->snapshot == NULL) {
            core->snapshot = *snapshot;
            if (core->kind->shared != NULL)
                core->kind->shared(core, *snapshot);
        } else {
            spare = *snapshot;
            *snapshot = core->snapshot;
        }
        atomic_fetch_add(&core->snapshot->references, 1);
    }
    pthread_mutex_unlock(&core->lock);
    mount_snapshot_release(spare);
}

enum vp_code mount_snapshot_get(const struct logical_call *call, struct mount_snapshot **ret_snapshot,
                                struct vp_error *err)
{
    unsigned generation = 0;
    sweep(call->mount);
    struct mount_snapshot *snapshot = cached(call, &generation);
    if (snapshot == NULL) {
        VP_TRY(load(call, generation, &snapshot, err));
        share(call->mount, generation, &snapshot);
    }
    *ret_snapshot = snapshot;
    return VP_OK;
}
