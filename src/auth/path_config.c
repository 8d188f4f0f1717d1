/* The path config: write (proved first), read, delete. */
#include <stdio.h>
#include <string.h>

#include "vp/arvados.h"

#include "mount.h"
#include "paths.h"
#include "request.h"
#include "role.h"
#include "rules.h"
#include "service_token.h"

/* A token is never sent to a new place on the strength of an old write. */
static enum vp_code check_token_goes_along(const struct logical_call *call, const struct auth_config *before,
                                           const struct auth_config *after, struct vp_error *err)
{
    if (before->service_token == NULL || mount_site_same_place(&before->site, &after->site) ||
        logical_field_given(call->data, "service_token"))
        return VP_OK;
    return vp_fail(err, VP_REASON_BAD_REQUEST,
                   "changing arvados_api_host, arvados_ca_cert or tls_server_name needs service_token in the same "
                   "write");
}

/* Stores the token as it is sent: without the blanks that a paste brings. */
static enum vp_code trim_service_token(struct auth_config *config, struct vp_error *err)
{
    struct vp_secret *trimmed = NULL;
    struct arv_token_text parts;
    if (config->service_token == NULL)
        return VP_OK;
    VP_TRY(arv_token_parse(config->service_token, &trimmed, &parts, err));
    vp_secret_free(config->service_token);
    config->service_token = trimmed;
    return VP_OK;
}

/* The token's own faults are faults of the field. That Arvados is down is not. */
static enum vp_code blame_field(enum vp_code code, struct vp_error *err)
{
    if (code == VP_OK || err->reason != VP_REASON_SERVICE_TOKEN)
        return code;
    const struct vp_error fault = *err;
    (void)vp_fail(err, VP_REASON_BAD_REQUEST, "field \"service_token\": %s", fault.message);
    vp_error_add_detail(err, "%s", fault.detail);
    return VP_ERR_INPUT;
}

/* What config/check would report as bad is refused, what it would remark on is a warning. */
static enum vp_code prove_service_token(const struct logical_call *call, struct arv_client *client,
                                        const struct arv_credentials *credentials,
                                        const struct arv_discovery *discovery, const struct auth_config *config,
                                        struct vp_error *err)
{
    struct vp_texts *warnings = &call->reply->warnings;
    struct arv_token token = { 0 };
    VP_TRY(arv_token_current(client, credentials, &token, err));
    enum vp_code code = auth_service_token_try(client, credentials, config, &token, err);
    if (code == VP_OK && discovery->has_computed_permissions)
        code = auth_service_token_try_groups(client, credentials, config, &token, err);
    if (code == VP_OK && arv_scopes_are_all(token.scopes) && logical_field_given(call->data, "service_token"))
        code = vp_texts_add(warnings, AUTH_SERVICE_TOKEN_UNLIMITED, err);
    arv_token_clear(&token);
    return code;
}

static enum vp_code prove(const struct logical_call *call, struct auth_config *config, struct vp_error *err)
{
    struct arv_client *client = NULL;
    struct arv_discovery discovery;
    struct arv_credentials credentials = auth_service_credentials(call, config);
    credentials.health = NULL; /* that of the token in use */
    VP_TRY(mount_client_new(call->mount, &config->site, &client, err));
    enum vp_code code = arv_discover(client, &credentials, &discovery, err);
    if (code == VP_OK)
        code = mount_site_learn_cluster(&config->site, &discovery, err);
    if (code == VP_OK && config->service_token != NULL)
        code = blame_field(prove_service_token(call, client, &credentials, &discovery, config, err), err);
    arv_client_free(client);
    return code;
}

static enum vp_code warn_of_hidden_links(const struct logical_call *call, const struct auth_config *config,
                                         struct vp_error *err)
{
    if (config->service_token != NULL)
        return VP_OK;
    for (size_t i = 0; i < config->trusted_link_owners.n; i++)
        if (!arv_is_system_user(config->trusted_link_owners.items[i]))
            return VP_OK;
    return vp_texts_add(&call->reply->warnings,
                        "no service_token is set and only the system user's links are trusted: Arvados shows those to "
                        "administrators only, so every login will find no grant. Set service_token, or trust a "
                        "project that the users can read.",
                        err);
}

/* A default_role may be written before its role, so this refuses nothing. */
static enum vp_code warn_of_missing_role(const struct logical_call *call, const struct auth_config *config,
                                         struct vp_error *err)
{
    struct auth_role role = { 0 };
    char text[250];
    bool found = false;
    if (!vp_text_is_set(config->default_role))
        return VP_OK;
    VP_TRY(auth_role_load(call, config->default_role, &role, &found, err));
    auth_role_clear(&role);
    if (found)
        return VP_OK;
    (void)snprintf(text, sizeof text, "default_role: there is no role \"%.128s\"; logins without a role are refused",
                   config->default_role);
    return vp_texts_add(&call->reply->warnings, text, err);
}

static enum vp_code apply(const struct logical_call *call, const struct auth_config *before, bool found,
                          struct auth_config *config, struct vp_error *err)
{
    VP_TRY(logical_fields_update(AUTH_CONFIG_FIELDS, call->data, true, config, err));
    VP_TRY(auth_config_check(config, err));
    if (found)
        VP_TRY(check_token_goes_along(call, before, config, err));
    VP_TRY(trim_service_token(config, err));
    if (config->site.verify_connection) {
        VP_TRY(prove(call, config, err));
        VP_TRY(auth_config_check(config, err)); /* the cluster id is known now, and some rules look at it */
    }
    VP_TRY(warn_of_hidden_links(call, config, err));
    return warn_of_missing_role(call, config, err);
}

static enum vp_code store(const struct logical_call *call, const struct auth_config *config,
                          const struct vp_buf *expected, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    /* Held over the host's storage on purpose: comparing and writing must be one step. Logins never take it. */
    pthread_mutex_lock(&mount->core.write_lock);
    enum vp_code code = auth_config_store(call, config, expected, err);
    pthread_mutex_unlock(&mount->core.write_lock);
    return code;
}

enum vp_code auth_config_write(const struct logical_call *call, struct vp_error *err)
{
    struct auth_config before = { 0 };
    struct auth_config config = { 0 };
    struct vp_buf record = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    bool found = false;
    enum vp_code code = auth_config_load(call, &before, &record, &found, err);
    if (code == VP_OK && found)
        code = auth_config_decode(&record, &config, err); /* the same record: what is compared is what is changed */
    else if (code == VP_OK)
        code = logical_fields_init(AUTH_CONFIG_FIELDS, &config, err);
    if (code == VP_OK)
        code = apply(call, &before, found, &config, err);
    if (code == VP_OK)
        code = store(call, &config, &record, err);
    vp_buf_clear(&record);
    auth_config_clear(&before);
    auth_config_clear(&config);
    return code;
}

static enum vp_code show_service_token(const struct auth_config *config, struct vp_json_writer *writer,
                                       struct vp_error *err)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    struct arv_token_text parts = { 0 };
    bool set = config->service_token != NULL;
    if (set)
        VP_TRY(arv_token_parse(config->service_token, &token, &parts, err));
    vp_json_add_bool(writer, "service_token_set", set);
    vp_json_add_text(writer, "service_token_uuid", parts.uuid);
    return VP_OK;
}

static enum vp_code show(const struct logical_call *call, struct auth_config *config, struct vp_error *err)
{
    struct vp_json_writer writer;
    VP_TRY(auth_config_fill(config, err));
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    logical_fields_show(AUTH_CONFIG_FIELDS, config, &writer);
    VP_TRY(show_service_token(config, &writer, err));
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the config", err);
}

enum vp_code auth_config_read(const struct logical_call *call, struct vp_error *err)
{
    struct auth_config config = { 0 };
    struct vp_buf record = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    bool found = false;
    enum vp_code code = auth_config_load(call, &config, &record, &found, err);
    if (code == VP_OK && !found)
        code = vp_fail(err, VP_REASON_NOT_FOUND, "this mount is not configured yet");
    if (code == VP_OK)
        code = show(call, &config, err);
    vp_buf_clear(&record);
    auth_config_clear(&config);
    return code;
}

enum vp_code auth_config_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    struct vp_buf record = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    enum vp_code code =
        call->storage->get(call->storage->self, AUTH_CONFIG_KEY, call->cancel, &record, ret_exists, err);
    vp_buf_clear(&record);
    return code;
}

enum vp_code auth_config_delete(const struct logical_call *call, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    pthread_mutex_lock(&mount->core.write_lock);
    enum vp_code code = mount_record_remove(call, AUTH_CONFIG_KEY, err);
    pthread_mutex_unlock(&mount->core.write_lock);
    return code;
}
