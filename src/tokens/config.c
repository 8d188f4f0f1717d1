#include "config.h"

#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct tokens_config, member)

enum { ACCESSOR_MAX = 128, LEASE_MAX_S = 10 * 365 * 24 * 3600 };

/* clang-format off */
#define PATH_FIELDS                                                                                                    \
    MOUNT_SITE_PLACE_FIELDS(struct tokens_config),                                                                     \
    { "admin_token", LOGICAL_SECRET, AT(admin_token), LOGICAL_REQUIRED, NULL, 0, 0,                                    \
      "v2 token of an Arvados administrator that mints the users' tokens; limit it by scopes. Write-only: a read "     \
      "shows admin_token_set, admin_token_uuid and admin_token_expires_at. Required again in a write that changes "    \
      "where it is sent." },                                                                                           \
    { "ttl", LOGICAL_DURATION, AT(ttl_s), 0, "1h", 0, LEASE_MAX_S,                                                     \
      "TTL of leases of roles that set none. 0: the mount's default lease TTL." },                                     \
    { "max_ttl", LOGICAL_DURATION, AT(max_ttl_s), 0, "24h", 0, LEASE_MAX_S,                                            \
      "Time since issue that no renewal exceeds, for roles that set none. 0: the mount's maximum lease TTL." },        \
    { "auth_accessor", LOGICAL_TEXT, AT(auth_accessor), 0, NULL, 0, 0,                                                 \
      "Accessor of an Arvados auth mount. With user=self a role mints for the alias that the caller's entity has "     \
      "under it." },                                                                                                   \
    MOUNT_SITE_LIMIT_FIELDS(struct tokens_config)

const struct logical_field TOKENS_CONFIG_FIELDS[] = {
    PATH_FIELDS,
    { 0 },
};

static const struct logical_field STORED_FIELDS[] = {
    PATH_FIELDS,
    { "admin_user_uuid", LOGICAL_TEXT, AT(admin_user_uuid), 0, NULL, 0, 0, "" },
    { "admin_expires_at", LOGICAL_INT, AT(admin_expires_at_s), 0, "0", 0, 0, "" },
    { "admin_lifetime", LOGICAL_INT, AT(admin_lifetime_s), 0, "0", 0, 0, "" },
    { 0 },
};

struct stored_site {
    struct mount_site site;
};
static const struct logical_field SITE_FIELDS[] = {
    MOUNT_SITE_PLACE_FIELDS(struct stored_site),
    MOUNT_SITE_LIMIT_FIELDS(struct stored_site),
    { 0 },
};
/* clang-format on */

static const struct mount_record CONFIG_RECORD = { "the stored config", "config", STORED_FIELDS, true };
static const struct mount_record SITE_RECORD = { "the stored site", "site", SITE_FIELDS, false };

void tokens_config_clear(struct tokens_config *config)
{
    logical_fields_clear(STORED_FIELDS, config);
}

static enum vp_code decode(const struct vp_buf *text, struct tokens_config *ret_config, struct vp_error *err)
{
    struct tokens_config config = { 0 };
    enum vp_code code = mount_record_decode(&CONFIG_RECORD, text, &config, err);
    if (code == VP_OK && (!vp_text_is_set(config.site.cluster_id) || config.admin_token == NULL))
        code = vp_fail(err, VP_REASON_CONFIG_UNREADABLE,
                       "the stored config has no cluster_id or no admin_token; delete it and write it again");
    if (code != VP_OK) {
        tokens_config_clear(&config);
        return code;
    }
    *ret_config = config;
    return VP_OK;
}

enum vp_code tokens_config_load(const struct logical_call *call, struct tokens_config *ret_config,
                                struct vp_buf *ret_text, bool *ret_found, struct vp_error *err)
{
    struct vp_buf own = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    struct vp_buf *text = ret_text == NULL ? &own : ret_text;
    enum vp_code code = call->storage->get(call->storage->self, TOKENS_CONFIG_KEY, call->cancel, text, ret_found, err);
    if (code == VP_OK && *ret_found)
        code = decode(text, ret_config, err);
    vp_buf_clear(&own);
    return code;
}

/* ---- rules ---- */

static bool is_accessor(const char *text)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t len = strlen(text);
    return len <= ACCESSOR_MAX && strspn(text, ALLOWED) == len;
}

static enum vp_code check_admin_token(const struct tokens_config *config, struct vp_error *err)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    struct arv_token_text parts;
    if (config->admin_token == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"admin_token\" is required");
    enum vp_code code = arv_token_parse(config->admin_token, &token, &parts, err);
    if (code == VP_ERR_INPUT)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"admin_token\": not a v2 token (v2/<uuid>/<secret>)");
    VP_TRY(code);
    if (parts.container_uuid[0] != '\0')
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"admin_token\": a container's token, which expires with the container");
    if (vp_text_is_set(config->site.cluster_id) && !arv_same_cluster(parts.uuid, config->site.cluster_id))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"admin_token\": a token of cluster %.5s, not of %s",
                       parts.uuid, config->site.cluster_id);
    return VP_OK;
}

enum vp_code tokens_config_check(const struct tokens_config *config, struct vp_error *err)
{
    VP_TRY(mount_site_check(&config->site, err));
    VP_TRY(check_admin_token(config, err));
    if (config->ttl_s > 0 && config->max_ttl_s > 0 && config->ttl_s > config->max_ttl_s)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"ttl\": must not exceed \"max_ttl\"");
    if (vp_text_is_set(config->auth_accessor) && !is_accessor(config->auth_accessor))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"auth_accessor\": not a mount accessor (as in auth_arvados_1a2b3c4d)");
    return VP_OK;
}

/* ---- sites ---- */

void tokens_site_id(const struct mount_site *site, char ret_id[TOKENS_SITE_ID_LEN + 1])
{
    const char *const parts[] = { site->arvados_api_host, site->arvados_ca_cert, site->tls_server_name,
                                  site->cluster_id };
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a: a name, no proof */
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (const char *at = parts[i] == NULL ? "" : parts[i]; *at != '\0'; at++)
            hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
        hash = (hash ^ 0xff) * UINT64_C(1099511628211);
    }
    (void)snprintf(ret_id, TOKENS_SITE_ID_LEN + 1, "%016llx", (unsigned long long)hash);
}

static enum vp_code site_key(const char *id, struct vp_buf *key, struct vp_error *err)
{
    vp_buf_add_format(key, "site/%.16s", id);
    return vp_buf_check(key, "a storage key", err);
}

enum vp_code tokens_site_load(const struct logical_call *call, const char *id, struct mount_site *ret_site,
                              struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(64);
    struct stored_site stored = { 0 };
    bool found = false;
    enum vp_code code = site_key(id, &key, err);
    if (code == VP_OK)
        code = mount_record_load(&SITE_RECORD, call, vp_buf_text(&key), &stored, &found, err);
    if (code == VP_OK && !found)
        code = vp_fail(err, VP_REASON_CONFIG_UNREADABLE, "the Arvados site of this lease is not stored");
    vp_buf_clear(&key);
    if (code != VP_OK) {
        logical_fields_clear(SITE_FIELDS, &stored);
        return code;
    }
    *ret_site = stored.site;
    return VP_OK;
}

void tokens_site_clear(struct mount_site *site)
{
    struct stored_site stored = { *site };
    logical_fields_clear(SITE_FIELDS, &stored);
    *site = (struct mount_site){ 0 };
}

static enum vp_code store_site(const struct logical_call *call, const struct mount_site *site, struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(64);
    const struct stored_site stored = { *site };
    char id[TOKENS_SITE_ID_LEN + 1];
    tokens_site_id(site, id);
    enum vp_code code = site_key(id, &key, err);
    if (code == VP_OK)
        code = mount_record_store(&SITE_RECORD, call, vp_buf_text(&key), &stored, err);
    vp_buf_clear(&key);
    return code;
}

/* ---- storing ---- */

static enum vp_code check_unchanged(const struct logical_call *call, const struct vp_buf *expected,
                                    struct vp_error *err)
{
    struct vp_buf stored = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    bool found = false;
    enum vp_code code = call->storage->get(call->storage->self, TOKENS_CONFIG_KEY, call->cancel, &stored, &found, err);
    if (code == VP_OK &&
        (stored.len != expected->len || memcmp(vp_buf_text(&stored), vp_buf_text(expected), stored.len) != 0))
        code = vp_fail(err, VP_REASON_BAD_REQUEST,
                       "the config was changed by another write at the same time; read it and write again");
    vp_buf_clear(&stored);
    return code;
}

enum vp_code tokens_config_store(const struct logical_call *call, const struct tokens_config *config,
                                 const struct vp_buf *expected, struct vp_error *err)
{
    struct mount_core *core = call->mount;
    /* Held over the host's storage on purpose: comparing and writing must be one step. Mints never take it. */
    pthread_mutex_lock(&core->write_lock);
    enum vp_code code = check_unchanged(call, expected, err);
    if (code == VP_OK)
        code = store_site(call, &config->site, err);
    if (code == VP_OK)
        code = mount_record_store(&CONFIG_RECORD, call, TOKENS_CONFIG_KEY, config, err);
    pthread_mutex_unlock(&core->write_lock);
    return code;
}
