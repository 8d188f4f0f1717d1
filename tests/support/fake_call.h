/* Requests to the auth backend without gRPC: a mount over a fake storage, and calls through the real dispatcher. */
#pragma once

#include "vp/logical.h"

#include "fake_storage.h"

struct fake_mount {
    const struct logical_backend *backend;
    void *shared;
    void *mount;
    struct fake_storage *storage;
    bool standby;

    /* What the last call gave. */
    struct logical_reply reply;
    struct vp_error err;
};

void fake_mount_init(struct fake_mount *mount, const struct logical_backend *backend);
void fake_mount_clear(struct fake_mount *mount);

/* A call to fill and to run; what the call before gave is dropped. */
struct logical_call fake_mount_new_call(struct fake_mount *mount, enum logical_operation operation, const char *path);

enum vp_code fake_mount_run(struct fake_mount *mount, struct logical_call *call);

/* One request; `body` is JSON text or NULL. Outcome in reply and err, those of the call before are dropped. */
enum vp_code fake_mount_call(struct fake_mount *mount, enum logical_operation operation, const char *path,
                             const char *body);

/* A renewal of a token with this internal data and these policies, issued `age_s` ago. */
enum vp_code fake_mount_renew(struct fake_mount *mount, const char *internal_data, const char *policy, int64_t age_s);
