/* The path config/rotate-root: a new administrator's token takes the place of the one in the config.
 *
 * Both secrets stand in the write-ahead log until the config is stored: of an interrupted rotation the rollback ends whichever of them
 * the config does not hold. */
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "paths.h"
#include "wal.h"

struct rotation {
    const struct logical_call *call;
    struct tokens_config config; /* of the new token, in the end */
    struct vp_buf text;          /* the record it came from */
    struct vp_secret *old_token;
    struct arv_client *client;
    struct arv_token old;
    struct tokens_wal made;
    struct tokens_wal replaced;
    int64_t now_s;
};

static enum vp_code load(struct rotation *rotation, struct vp_error *err)
{
    const struct logical_call *call = rotation->call;
    const struct mount_core *core = call->mount;
    const struct vp_clock *clock = core->shared->clock;
    bool found = false;
    rotation->now_s = clock->now_s(clock->self);
    VP_TRY(tokens_config_load(call, &rotation->config, &rotation->text, &found, err));
    if (!found)
        return vp_fail(err, VP_REASON_NOT_CONFIGURED, "this mount is not configured: write its config first");
    rotation->old_token = vp_secret_copy(rotation->config.admin_token);
    if (rotation->old_token == NULL)
        return vp_fail_no_memory(err);
    VP_TRY(mount_client_new(call->mount, &rotation->config.site, &rotation->client, err));
    const struct arv_credentials admin = mount_credentials(call, &rotation->config.site, rotation->old_token, true);
    return tokens_admin_fault(arv_token_current(rotation->client, &admin, &rotation->old, err), err);
}

/* As long as the old one was given when it was written; without that knowledge, as long as it still has. */
static int64_t choose_expiry(const struct rotation *rotation)
{
    int64_t lifetime_s = rotation->config.admin_lifetime_s;
    if (rotation->old.expires_at_s == VP_TIME_NONE)
        return VP_TIME_NONE;
    return rotation->now_s + (lifetime_s > 0 ? lifetime_s : rotation->old.expires_at_s - rotation->now_s);
}

static enum vp_code copy_scopes(const struct vp_json *from, struct vp_texts *scopes, struct vp_error *err)
{
    for (size_t i = 0; i < vp_json_len(from); i++)
        VP_TRY(vp_texts_add(scopes, vp_json_text(vp_json_at(from, i)), err));
    return VP_OK;
}

static enum vp_code create(struct rotation *rotation, struct vp_error *err)
{
    const struct arv_credentials admin =
        mount_credentials(rotation->call, &rotation->config.site, rotation->old_token, true);
    struct vp_texts scopes = { 0 };
    struct arv_minted minted;
    const struct arv_new_token wanted = { .owner_uuid = rotation->old.owner_uuid,
                                          .scopes = &scopes,
                                          .expires_at_s = rotation->made.expires_at_s,
                                          .secret = rotation->made.secrets[0] };
    enum vp_code code = copy_scopes(rotation->old.scopes, &scopes, err);
    if (code == VP_OK)
        code = tokens_admin_fault(arv_token_create(rotation->client, &admin, &wanted, &minted, err), err);
    vp_texts_clear(&scopes);
    VP_TRY(code);
    vp_secret_free(rotation->config.admin_token);
    rotation->config.admin_token = arv_token_of(minted.uuid, wanted.secret);
    return rotation->config.admin_token == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code make(struct rotation *rotation, struct vp_error *err)
{
    char site_id[TOKENS_SITE_ID_LEN + 1];
    tokens_site_id(&rotation->config.site, site_id);
    VP_TRY(tokens_wal_init(&rotation->made, site_id, err));
    rotation->made.expires_at_s = choose_expiry(rotation);
    rotation->made.secrets[0] = arv_token_secret_new();
    if (rotation->made.secrets[0] == NULL)
        return vp_fail_no_memory(err);
    VP_TRY(tokens_wal_begin(rotation->call, &rotation->made, err));
    VP_TRY(create(rotation, err));
    const struct arv_credentials next =
        mount_credentials(rotation->call, &rotation->config.site, rotation->config.admin_token, true);
    return tokens_admin_prove(rotation->client, &next, &rotation->config, rotation->now_s, err);
}

static enum vp_code store(struct rotation *rotation, struct vp_error *err)
{
    VP_TRY(tokens_wal_init(&rotation->replaced, rotation->made.site_id, err));
    rotation->replaced.expires_at_s = rotation->old.expires_at_s;
    rotation->replaced.secrets[0] = arv_token_secret_of(rotation->old_token);
    if (rotation->replaced.secrets[0] == NULL)
        return vp_fail_no_memory(err);
    VP_TRY(tokens_wal_begin(rotation->call, &rotation->replaced, err));
    return tokens_config_store(rotation->call, &rotation->config, &rotation->text, err);
}

/* The rotation is done; what fails here is repeated by rollbacks. */
static enum vp_code end_old(struct rotation *rotation, struct vp_error *err)
{
    const struct logical_call *call = rotation->call;
    const struct arv_credentials old = mount_credentials(call, &rotation->config.site, rotation->old_token, false);
    struct vp_error fault = { 0 };
    tokens_wal_drop(call, rotation->made.id);
    enum vp_code code = arv_token_log_out(rotation->client, &old, &fault);
    if (code == VP_OK)
        code = tokens_wal_remove(call, rotation->replaced.id, &fault);
    if (code == VP_OK)
        return VP_OK;
    return vp_texts_add(&call->reply->warnings,
                        "the old admin_token could not be ended yet; this is tried again each minute", err);
}

static enum vp_code answer(const struct rotation *rotation, struct vp_error *err)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    struct arv_token_text parts = { 0 };
    struct vp_json_writer writer;
    int64_t expires_at_s = rotation->config.admin_expires_at_s;
    VP_TRY(arv_token_parse(rotation->config.admin_token, &token, &parts, err));
    vp_json_begin(&writer, &rotation->call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "admin_token_uuid", parts.uuid);
    mount_put_time(&writer, "admin_token_expires_at", expires_at_s == 0 ? VP_TIME_NONE : expires_at_s);
    vp_json_close_object(&writer);
    return vp_buf_check(&rotation->call->reply->data, "the answer", err);
}

static enum vp_code rotate(struct rotation *rotation, struct vp_error *err)
{
    VP_TRY(load(rotation, err));
    enum vp_code code = make(rotation, err);
    if (code != VP_OK) {
        tokens_wal_release(rotation->call, rotation->made.id); /* the next rollback ends it */
        return code;
    }
    /* If storing fails, it may still happen later: both entries stay untouched for as long as that can be. */
    VP_TRY(store(rotation, err));
    code = end_old(rotation, err);
    tokens_wal_release(rotation->call, rotation->made.id);
    tokens_wal_release(rotation->call, rotation->replaced.id);
    VP_TRY(code);
    return answer(rotation, err);
}

enum vp_code tokens_rotate_root(const struct logical_call *call, struct vp_error *err)
{
    struct rotation rotation = { .call = call, .text = VP_BUF_INIT(LOGICAL_ENTRY_MAX) };
    if (call->standby)
        return logical_forward(err);
    enum vp_code code = rotate(&rotation, err);
    tokens_config_clear(&rotation.config);
    vp_buf_clear(&rotation.text);
    vp_secret_free(rotation.old_token);
    arv_token_clear(&rotation.old);
    arv_client_free(rotation.client);
    tokens_wal_clear(&rotation.made);
    tokens_wal_clear(&rotation.replaced);
    return code;
}
