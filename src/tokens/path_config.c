/* The path config: write (checked at Arvados first), read, delete. */
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "mount.h"
#include "paths.h"

/* A token is never sent to a new place on the strength of an old write. */
static enum vp_code check_token_goes_along(const struct logical_call *call, const struct tokens_config *before,
                                           const struct tokens_config *after, struct vp_error *err)
{
    if (mount_site_same_place(&before->site, &after->site) || logical_field_given(call->data, "admin_token"))
        return VP_OK;
    return vp_fail(err, VP_REASON_BAD_REQUEST,
                   "field \"admin_token\" is required in a write that changes arvados_api_host, arvados_ca_cert or "
                   "tls_server_name");
}

/* Stored as it is sent: without the blanks that a paste brings. What was known of another token is forgotten. */
static enum vp_code take_token(const struct logical_call *call, struct tokens_config *config, struct vp_error *err)
{
    struct vp_secret *trimmed = NULL;
    struct arv_token_text parts;
    VP_TRY(arv_token_parse(config->admin_token, &trimmed, &parts, err));
    vp_secret_free(config->admin_token);
    config->admin_token = trimmed;
    if (!logical_field_given(call->data, "admin_token"))
        return VP_OK;
    free(VP_TAKE(config->admin_user_uuid));
    config->admin_expires_at_s = 0;
    config->admin_lifetime_s = 0;
    return VP_OK;
}

static enum vp_code prove(const struct logical_call *call, struct tokens_config *config, struct vp_error *err)
{
    const struct mount_core *core = call->mount;
    const struct vp_clock *clock = core->shared->clock;
    const struct arv_credentials admin = mount_credentials(call, &config->site, config->admin_token, true);
    struct arv_discovery discovery;
    struct arv_client *client = NULL;
    VP_TRY(mount_client_new(call->mount, &config->site, &client, err));
    enum vp_code code = arv_discover(client, &admin, &discovery, err);
    if (code == VP_OK)
        code = mount_site_learn_cluster(&config->site, &discovery, err);
    if (code == VP_OK)
        code = tokens_config_check(config, err); /* the cluster id is known now */
    if (code == VP_OK)
        code = tokens_admin_prove(client, &admin, config, clock->now_s(clock->self), err);
    arv_client_free(client);
    return code;
}

static enum vp_code apply(const struct logical_call *call, const struct tokens_config *before, bool found,
                          struct tokens_config *config, struct vp_error *err)
{
    VP_TRY(logical_fields_update(TOKENS_CONFIG_FIELDS, call->data, true, config, err));
    VP_TRY(tokens_config_check(config, err));
    if (found)
        VP_TRY(check_token_goes_along(call, before, config, err));
    VP_TRY(take_token(call, config, err));
    return config->site.verify_connection ? prove(call, config, err) : VP_OK;
}

static enum vp_code start(const struct logical_call *call, struct vp_buf *text, struct tokens_config *before,
                          struct tokens_config *config, bool *ret_found, struct vp_error *err)
{
    struct vp_buf again = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    VP_TRY(tokens_config_load(call, before, text, ret_found, err));
    if (!*ret_found)
        return logical_fields_init(TOKENS_CONFIG_FIELDS, config, err);
    enum vp_code code = tokens_config_load(call, config, &again, ret_found, err);
    if (code == VP_OK &&
        (!*ret_found || again.len != text->len || memcmp(vp_buf_text(&again), vp_buf_text(text), text->len) != 0))
        code =
            vp_fail(err, VP_REASON_BAD_REQUEST, "the config was changed by another write at the same time; try again");
    vp_buf_clear(&again);
    return code;
}

enum vp_code tokens_config_write(const struct logical_call *call, struct vp_error *err)
{
    struct tokens_config before = { 0 };
    struct tokens_config config = { 0 };
    struct vp_buf text = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    bool found = false;
    if (call->standby)
        return logical_forward(err);
    enum vp_code code = start(call, &text, &before, &config, &found, err);
    if (code == VP_OK)
        code = apply(call, &before, found, &config, err);
    if (code == VP_OK)
        code = tokens_config_store(call, &config, &text, err);
    vp_buf_clear(&text);
    tokens_config_clear(&before);
    tokens_config_clear(&config);
    return code;
}

static enum vp_code show(const struct logical_call *call, const struct tokens_config *config, struct vp_error *err)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    struct arv_token_text parts = { 0 };
    struct vp_json_writer writer;
    VP_TRY(arv_token_parse(config->admin_token, &token, &parts, err));
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    logical_fields_show(TOKENS_CONFIG_FIELDS, config, &writer);
    vp_json_add_bool(&writer, "admin_token_set", true);
    vp_json_add_text(&writer, "admin_token_uuid", parts.uuid);
    mount_put_time(&writer, "admin_token_expires_at",
                   config->admin_expires_at_s == 0 ? VP_TIME_NONE : config->admin_expires_at_s);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the config", err);
}

enum vp_code tokens_config_read(const struct logical_call *call, struct vp_error *err)
{
    struct tokens_config config = { 0 };
    bool found = false;
    enum vp_code code = tokens_config_load(call, &config, NULL, &found, err);
    if (code == VP_OK)
        code = found ? show(call, &config, err) : vp_fail(err, VP_REASON_NOT_FOUND, "this mount is not configured");
    tokens_config_clear(&config);
    return code;
}

enum vp_code tokens_config_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    enum vp_code code =
        call->storage->get(call->storage->self, TOKENS_CONFIG_KEY, call->cancel, &text, ret_exists, err);
    vp_buf_clear(&text);
    return code;
}

enum vp_code tokens_config_delete(const struct logical_call *call, struct vp_error *err)
{
    struct mount_core *core = call->mount;
    pthread_mutex_lock(&core->write_lock);
    enum vp_code code = mount_record_remove(call, TOKENS_CONFIG_KEY, err);
    pthread_mutex_unlock(&core->write_lock);
    return code;
}
