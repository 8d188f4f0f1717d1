/* The life of a mount of the secrets engine. */
#include "mount.h"

#include <stdlib.h>
#include <string.h>

#include "vp/tokens.h"
#include "vp/version.h"

#include "lease.h"
#include "mint.h"
#include "paths.h"
#include "wal.h"

#define TOKENS_PLUGIN "vault-plugin-secrets-arvados"

static enum vp_code load(const struct logical_call *call, struct mount_snapshot *base, struct vp_error *err)
{
    struct tokens_snapshot *snapshot = (struct tokens_snapshot *)(void *)base;
    struct vp_error fault = { 0 };
    bool found = false;
    VP_TRY(tokens_config_load(call, &snapshot->config, NULL, &found, err));
    if (!found)
        return vp_fail(err, VP_REASON_NOT_CONFIGURED, "this mount is not configured: write its config first");
    tokens_site_id(&snapshot->config.site, snapshot->site_id);
    /* A record that passed when it was written fails now only if it was damaged, or if the rules became stricter. */
    enum vp_code code = tokens_config_check(&snapshot->config, &fault);
    if (code == VP_OK)
        code = mount_client_new(call->mount, &snapshot->config.site, &snapshot->arvados, &fault);
    if (code == VP_OK)
        return VP_OK;
    if (code != VP_ERR_INPUT) {
        *err = fault;
        return code;
    }
    return vp_fail(err, VP_REASON_CONFIG_UNREADABLE, "the stored config is invalid; write it again: %s", fault.message);
}

static void clear(struct mount_snapshot *base)
{
    struct tokens_snapshot *snapshot = (struct tokens_snapshot *)(void *)base;
    arv_client_free(snapshot->arvados);
    tokens_config_clear(&snapshot->config);
}

static const struct mount_kind KIND = { .user_agent = TOKENS_PLUGIN,
                                        .snapshot_size = sizeof(struct tokens_snapshot),
                                        .site_offset = offsetof(struct tokens_snapshot, config.site),
                                        .load = load,
                                        .clear = clear };

enum vp_code tokens_snapshot_get(const struct logical_call *call, struct tokens_snapshot **ret_snapshot,
                                 struct vp_error *err)
{
    struct mount_snapshot *base = NULL;
    VP_TRY(mount_snapshot_get(call, &base, err));
    *ret_snapshot = (struct tokens_snapshot *)(void *)base;
    return VP_OK;
}

void tokens_snapshot_freep(struct tokens_snapshot **snapshot)
{
    if (*snapshot != NULL)
        mount_snapshot_release(&(*snapshot)->base);
    *snapshot = NULL;
}

struct arv_credentials tokens_admin(const struct logical_call *call, const struct tokens_snapshot *snapshot)
{
    return mount_credentials(call, &snapshot->config.site, snapshot->config.admin_token, true);
}

enum vp_code tokens_admin_fault(enum vp_code code, struct vp_error *err)
{
    if (code == VP_OK || err->reason != VP_REASON_SERVICE_TOKEN)
        return code;
    const struct vp_error said = *err;
    code = vp_fail(err, VP_REASON_ADMIN_TOKEN,
                   "Arvados refuses the mount's admin_token, or what it may do is too little; see config/check");
    vp_error_add_detail(err, "%s", said.detail);
    return code;
}

void tokens_outcomes_count(struct tokens_outcomes *outcomes, enum vp_code code, const struct vp_error *err)
{
    if (code == VP_ERR_HOST) /* a standby's, which the active node answers */
        return;
    atomic_fetch_add(&outcomes->by_reason[code == VP_OK ? VP_REASON_NONE : err->reason], 1);
}

static enum vp_code mount_new(void *shared, void **ret_mount, struct vp_error *err)
{
    struct tokens_mount *mount = calloc(1, sizeof *mount);
    if (mount == NULL)
        return vp_fail_no_memory(err);
    mount_core_init(&mount->core, shared, &KIND);
    pthread_mutex_init(&mount->rollback_lock, NULL);
    pthread_mutex_init(&mount->active_lock, NULL);
    *ret_mount = mount;
    return VP_OK;
}

static void mount_free(void *object)
{
    struct tokens_mount *mount = object;
    if (mount == NULL)
        return;
    mount_core_clear(&mount->core);
    pthread_mutex_destroy(&mount->rollback_lock);
    pthread_mutex_destroy(&mount->active_lock);
    free(mount->active);
    free(mount);
}

static void invalidate(void *mount, const char *key)
{
    if (strncmp(key, TOKENS_WAL_PREFIX, sizeof TOKENS_WAL_PREFIX - 1) != 0)
        mount_forget(mount, key);
}

static const char *const SEAL_WRAPPED[] = { TOKENS_CONFIG_KEY, TOKENS_WAL_PREFIX, NULL };

const struct logical_backend *tokens_backend(void)
{
    static const struct logical_backend BACKEND = {
        .name = TOKENS_PLUGIN,
        .version = VP_VERSION,
        .kind = LOGICAL_SECRETS_ENGINE,
        .help =
            "Mints Arvados tokens for Arvados users, each on a lease: the server extends the token when the lease is "
            "renewed and ends it with the lease.",
        .routes = TOKENS_ROUTES,
        .seal_wrapped = SEAL_WRAPPED,
        .renew = tokens_renew,
        .revoke = tokens_revoke,
        .rollback = tokens_rollback,
        .finish = tokens_finish,
        .shared_new = mount_shared_new,
        .shared_free = mount_shared_free,
        .mount_new = mount_new,
        .mount_free = mount_free,
        .invalidate = invalidate,
        .request_timeout_ms = mount_request_timeout_ms,
    };
    return &BACKEND;
}
