#include "fake_call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"

static const struct vp_json_source BODY = {
    "the request", VP_REASON_BAD_REQUEST, 2 * LOGICAL_ENTRY_MAX, 8, 1000, 0, 0
};

void fake_mount_init(struct fake_mount *mount, const struct logical_backend *backend)
{
    *mount = (struct fake_mount){ .backend = backend, .reply.data = VP_BUF_INIT(LOGICAL_REPLY_MAX) };
    mount->storage = fake_storage_new();
    enum vp_code code = backend->shared_new(&mount->shared, &mount->err);
    assert(code == VP_OK);
    code = backend->mount_new(mount->shared, &mount->mount, &mount->err);
    assert(code == VP_OK);
    (void)code;
}

void fake_mount_clear(struct fake_mount *mount)
{
    logical_reply_clear(&mount->reply);
    mount->backend->mount_free(mount->mount);
    mount->backend->shared_free(mount->shared);
    fake_storage_free(mount->storage);
}

struct logical_call fake_mount_new_call(struct fake_mount *mount, enum logical_operation operation, const char *path)
{
    logical_reply_clear(&mount->reply);
    mount->err = (struct vp_error){ 0 };
    return (struct logical_call){
        .operation = operation,
        .path = path,
        .request_id = "request-1",
        .mount_point = "auth/arvados/",
        .standby = mount->standby,
        .storage = fake_storage_face(mount->storage),
        .mount = mount->mount,
        .reply = &mount->reply,
    };
}

enum vp_code fake_mount_run(struct fake_mount *mount, struct logical_call *call)
{
    const struct logical_match match = logical_find(mount->backend, call->operation, call->path);
    return logical_dispatch(mount->backend, &match, call, &mount->err);
}

enum vp_code fake_mount_call(struct fake_mount *mount, enum logical_operation operation, const char *path,
                             const char *body)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct logical_call call = fake_mount_new_call(mount, operation, path);
    if (body != NULL)
        VP_TRY(vp_json_parse(body, strlen(body), &BODY, &document, &mount->err));
    call.data = document;
    return fake_mount_run(mount, &call);
}

enum vp_code fake_mount_renew(struct fake_mount *mount, const char *internal_data, const char *policy, int64_t age_s)
{
    struct logical_auth auth = { .issued_at_s = VP_CLOCK_SYSTEM.now_s(VP_CLOCK_SYSTEM.self) - age_s };
    struct logical_call call = fake_mount_new_call(mount, LOGICAL_RENEW, "");
    auth.internal_data = internal_data == NULL ? NULL : strdup(internal_data);
    VP_TRY(vp_texts_add(&auth.policies, policy, &mount->err));
    VP_TRY(vp_texts_add(&auth.token_policies, policy, &mount->err));
    VP_TRY(vp_texts_add(&auth.token_policies, "default", &mount->err));
    call.auth = &auth;
    enum vp_code code = fake_mount_run(mount, &call);
    logical_auth_clear(&auth);
    return code;
}
