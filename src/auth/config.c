#include "config.h"

#include <string.h>

#include "vp/arvados.h"
#include "vp/http.h"
#include "vp/policy.h"

#include "role.h"
#include "rules.h"

#define AT(member) offsetof(struct auth_config, member)

/* clang-format off */
const struct logical_field AUTH_CONFIG_FIELDS[] = {
    MOUNT_SITE_PLACE_FIELDS(struct auth_config),
    { "service_token", LOGICAL_SECRET, AT(service_token), 0, NULL, 0, 0,
      "Arvados v2 token of an administrator, limited by scopes. The plugin reads grants with it and checks "
      "renewals. Write-only: a read returns service_token_set and service_token_uuid. Required again in a write "
      "that changes where it is sent." },
    { "login_kind", LOGICAL_TEXT, AT(login_kind), 0, "container", 0, 0,
      "Tokens accepted by login: container (run tokens) or user (tokens of users). Use a separate mount for user. "
      "A container can create a token of its user, so grant nothing on a user mount that a container must not have." },
    { "allowed_token_clusters", LOGICAL_TEXTS, AT(allowed_token_clusters), 0, NULL, 0, 0,
      "Clusters whose tokens may log in. Empty: the mount's own cluster." },
    { "allowed_user_clusters", LOGICAL_TEXTS, AT(allowed_user_clusters), 0, NULL, 0, 0,
      "Clusters whose users may log in. On a satellite, add the login cluster. Empty: the mount's own cluster." },
    { "link_class", LOGICAL_TEXT, AT(link_class), 0, "vault_policy", 0, 0,
      "Class of the Arvados links that are grants." },
    { "trusted_link_owners", LOGICAL_TEXTS, AT(trusted_link_owners), 0, NULL, 0, 0,
      "A link counts only if one of these owns it: the system user, or projects that ordinary users cannot write "
      "to. Empty: the system user of the cluster." },
    { "trusted_link_modifiers", LOGICAL_TEXTS, AT(trusted_link_modifiers), 0, NULL, 0, 0,
      "If set, a link counts only if one of these users modified it last." },
    { "allowed_policy_prefixes", LOGICAL_TEXTS, AT(allowed_policy_prefixes), LOGICAL_REQUIRED, NULL, 0, 0,
      "A grant counts only if the policy name is longer than one of these prefixes and starts with it. Each ends "
      "in '-' or '_'." },
    { "allowed_policies", LOGICAL_TEXTS, AT(allowed_policies), 0, NULL, 0, 0,
      "If set, a grant counts only if the policy is in this list." },
    { "max_policies", LOGICAL_INT, AT(max_policies), 0, "64", 1, 1024,
      "A login with more distinct policies is refused." },
    MOUNT_SITE_LIMIT_FIELDS(struct auth_config),
    { "default_role", LOGICAL_TEXT, AT(default_role), 0, NULL, 0, 0, "Role of a login that names none." },
    { "prefixes_by_owner", LOGICAL_MAP, AT(prefixes_by_owner), 0, NULL, 0, 0,
      "Map of owner uuid to policy prefix. Links of that owner count only under this narrower prefix." },
    { "group_alias_uuids", LOGICAL_TEXTS, AT(group_alias_uuids), 0, NULL, 0, 0,
      "Arvados roles (groups) that are external groups in Vault. A login adds the user to the groups whose alias "
      "at this mount is the role's uuid. Requires service_token." },
    { "cache_ttl", LOGICAL_DURATION, AT(cache_ttl_s), 0, "10s", 0, 3600,
      "How long grants, memberships and user records are cached. 0: no cache. The validity of a token or container "
      "is never cached." },
    { "logins", LOGICAL_TEXT, AT(logins), 0, AUTH_LOGINS_ON, 0, 0,
      "on, off (refuse every login) or off-and-renewals (refuse renewals as well). A switch for incidents: tokens "
      "that were issued before stay valid until their TTL ends." },
    { 0 },
};
/* clang-format on */

void auth_config_clear(struct auth_config *config)
{
    logical_fields_clear(AUTH_CONFIG_FIELDS, config);
}

static const struct mount_record CONFIG_RECORD = { "the stored config", "config", AUTH_CONFIG_FIELDS, true };

enum vp_code auth_config_decode(const struct vp_buf *record, struct auth_config *ret_config, struct vp_error *err)
{
    struct auth_config config = { 0 };
    enum vp_code code = mount_record_decode(&CONFIG_RECORD, record, &config, err);
    /* No version writes it without; all that reads a config counts on it. */
    if (code == VP_OK && (config.site.cluster_id == NULL || !arv_is_cluster_id(config.site.cluster_id)))
        code = vp_fail(err, VP_REASON_CONFIG_UNREADABLE,
                       "the stored config has no cluster_id; delete it and write it again");
    if (code != VP_OK) {
        auth_config_clear(&config);
        return code;
    }
    *ret_config = config;
    return VP_OK;
}

enum vp_code auth_config_load(const struct logical_call *call, struct auth_config *ret_config,
                              struct vp_buf *ret_record, bool *ret_found, struct vp_error *err)
{
    VP_TRY(call->storage->get(call->storage->self, AUTH_CONFIG_KEY, call->cancel, ret_record, ret_found, err));
    return *ret_found ? auth_config_decode(ret_record, ret_config, err) : VP_OK;
}

static bool same_bytes(const struct vp_buf *a, const struct vp_buf *b)
{
    return a->len == b->len && memcmp(vp_buf_text(a), vp_buf_text(b), a->len) == 0;
}

static enum vp_code check_unchanged(const struct logical_call *call, const struct vp_buf *expected,
                                    struct vp_error *err)
{
    struct vp_buf stored = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    bool found = false;
    enum vp_code code = call->storage->get(call->storage->self, AUTH_CONFIG_KEY, call->cancel, &stored, &found, err);
    if (code == VP_OK && !same_bytes(&stored, expected))
        code = vp_fail(err, VP_REASON_BAD_REQUEST,
                       "the config was changed by another write at the same time; read it and write again");
    vp_buf_clear(&stored);
    return code;
}

enum vp_code auth_config_store(const struct logical_call *call, const struct auth_config *config,
                               const struct vp_buf *expected, struct vp_error *err)
{
    VP_TRY(check_unchanged(call, expected, err));
    return mount_record_store(&CONFIG_RECORD, call, AUTH_CONFIG_KEY, config, err);
}

/* ---- rules ---- */

static enum vp_code check_service_token(const struct auth_config *config, struct vp_error *err)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *token = NULL;
    struct arv_token_text parts;
    if (config->service_token == NULL)
        return VP_OK;
    enum vp_code code = arv_token_parse(config->service_token, &token, &parts, err);
    if (code == VP_ERR_INPUT)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"service_token\" is not a v2 token (v2/<uuid>/<secret>)");
    VP_TRY(code);
    if (parts.container_uuid[0] != '\0')
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"service_token\" is a container's token; it would end with the container");
    return VP_OK;
}

static bool is_trusted_owner(const char *text)
{
    return arv_is_uuid(text, "j7d0g") || (arv_is_uuid(text, "tpzed") && arv_is_system_user(text));
}

/* On a user mount the 404 of containers/current tells a user's token from a container's. For a token of another cluster, that
 * cluster would answer. */
static enum vp_code check_token_clusters(const struct auth_config *config, struct vp_error *err)
{
    VP_TRY(auth_check_each(&config->allowed_token_clusters, arv_is_cluster_id, "allowed_token_clusters", "a cluster id",
                           err));
    if (!auth_config_is_for_users(config) || !vp_text_is_set(config->site.cluster_id))
        return VP_OK;
    for (size_t i = 0; i < config->allowed_token_clusters.n; i++)
        if (strcmp(config->allowed_token_clusters.items[i], config->site.cluster_id) != 0)
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"allowed_token_clusters\": \"%s\": only tokens of cluster %s can log in at a user "
                           "mount",
                           config->allowed_token_clusters.items[i], config->site.cluster_id);
    return VP_OK;
}

static enum vp_code check_links(const struct auth_config *config, struct vp_error *err)
{
    static const char *const RESERVED[] = { "permission", "name", "signature", "star", "tag", "published_port" };
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";
    const char *link_class = config->link_class;
    if (!vp_text_is_set(link_class) || strlen(link_class) > 64 || strspn(link_class, ALLOWED) != strlen(link_class))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"link_class\" must be 1 to 64 letters, digits and _ . : -");
    for (size_t i = 0; i < sizeof RESERVED / sizeof RESERVED[0]; i++)
        if (strcmp(link_class, RESERVED[i]) == 0)
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"link_class\": \"%s\" has a meaning of its own in Arvados and can't be a grant",
                           link_class);
    VP_TRY(auth_check_each(&config->trusted_link_owners, is_trusted_owner, "trusted_link_owners",
                           "the system user (<cluster>-tpzed-000000000000000) or a project (<cluster>-j7d0g-...); a "
                           "link owned "
                           "by any other user proves nothing",
                           err));
    return auth_check_each(&config->trusted_link_modifiers, arv_is_user_uuid, "trusted_link_modifiers",
                           "the uuid of a user", err);
}

/* The owner must be one whose links count; an empty list of owners means the cluster's system user. */
static bool is_owner(const struct auth_config *config, const char *uuid)
{
    if (config->trusted_link_owners.n > 0)
        return vp_texts_has(&config->trusted_link_owners, uuid);
    return arv_is_uuid(uuid, "tpzed") && arv_is_system_user(uuid) &&
           (!vp_text_is_set(config->site.cluster_id) || arv_same_cluster(uuid, config->site.cluster_id));
}

static enum vp_code check_owner_prefixes(const struct auth_config *config, struct vp_error *err)
{
    for (size_t i = 0; i < config->prefixes_by_owner.n; i++) {
        const struct logical_pair *pair = &config->prefixes_by_owner.items[i];
        if (!is_owner(config, pair->key))
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"prefixes_by_owner\": \"%.64s\" is none of the trusted_link_owners",
                           mount_quotable(pair->key));
        if (!policy_is_prefix(pair->value) || !auth_is_narrower(pair->value, &config->allowed_policy_prefixes))
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"prefixes_by_owner\": \"%.64s\" is not a prefix under allowed_policy_prefixes",
                           mount_quotable(pair->value));
    }
    return VP_OK;
}

static enum vp_code check_group_aliases(const struct auth_config *config, struct vp_error *err)
{
    VP_TRY(auth_check_each(&config->group_alias_uuids, auth_is_role_uuid, "group_alias_uuids",
                           "the uuid of a role (and not the anonymous one, which all the world is in)", err));
    for (size_t i = 0; vp_text_is_set(config->site.cluster_id) && i < config->group_alias_uuids.n; i++)
        if (!arv_same_cluster(config->group_alias_uuids.items[i], config->site.cluster_id))
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"group_alias_uuids\": %s is of another cluster, and only %s is asked",
                           config->group_alias_uuids.items[i], config->site.cluster_id);
    if (config->group_alias_uuids.n > 0 && config->service_token == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"group_alias_uuids\" needs service_token: only an admin can ask who is in a role");
    return VP_OK;
}

static enum vp_code check_policies(const struct auth_config *config, struct vp_error *err)
{
    if (config->allowed_policy_prefixes.n == 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"allowed_policy_prefixes\" is required: without it no grant could count");
    VP_TRY(auth_check_each(&config->allowed_policy_prefixes, policy_is_prefix, "allowed_policy_prefixes",
                           "a prefix: lower-case letters, digits, - and _, ending in - or _ (as in \"arvados-\")",
                           err));
    for (size_t i = 0; i < config->allowed_policies.n; i++) {
        const char *name = config->allowed_policies.items[i];
        if (policy_name_check(name) != POLICY_NAME_GOOD ||
            !policy_name_has_prefix(name, &config->allowed_policy_prefixes))
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"allowed_policies\": \"%.64s\" is not a policy name under allowed_policy_prefixes",
                           mount_quotable(name));
    }
    return VP_OK;
}

bool auth_config_allows(const struct auth_config *config, const char *policy)
{
    return policy_name_check(policy) == POLICY_NAME_GOOD &&
           policy_name_has_prefix(policy, &config->allowed_policy_prefixes) &&
           (config->allowed_policies.n == 0 || vp_texts_has(&config->allowed_policies, policy));
}

enum vp_code auth_config_check(const struct auth_config *config, struct vp_error *err)
{
    if (vp_text_is_set(config->default_role) && !mount_is_role_name(config->default_role))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"default_role\" is no role's name");
    if (!vp_text_is_set(config->login_kind) ||
        (strcmp(config->login_kind, "container") != 0 && strcmp(config->login_kind, "user") != 0))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"login_kind\" must be container or user");
    if (!vp_text_is_set(config->logins) ||
        (strcmp(config->logins, AUTH_LOGINS_ON) != 0 && strcmp(config->logins, AUTH_LOGINS_OFF) != 0 &&
         strcmp(config->logins, AUTH_LOGINS_OFF_AND_RENEWALS) != 0))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"logins\" must be on, off or off-and-renewals");
    VP_TRY(mount_site_check(&config->site, err));
    VP_TRY(check_service_token(config, err));
    VP_TRY(check_token_clusters(config, err));
    VP_TRY(auth_check_each(&config->allowed_user_clusters, arv_is_cluster_id, "allowed_user_clusters", "a cluster id",
                           err));
    VP_TRY(check_links(config, err));
    VP_TRY(check_policies(config, err));
    VP_TRY(check_owner_prefixes(config, err));
    return check_group_aliases(config, err);
}

bool auth_config_is_for_users(const struct auth_config *config)
{
    return strcmp(config->login_kind, "user") == 0;
}

static enum vp_code fill_list(struct vp_texts *texts, const char *preset, struct vp_error *err)
{
    return texts->n > 0 ? VP_OK : vp_texts_add(texts, preset, err);
}

enum vp_code auth_config_fill(struct auth_config *config, struct vp_error *err)
{
    char system_user[ARV_UUID_LEN + 1];
    arv_uuid_of(config->site.cluster_id, ARV_SYSTEM_USER, system_user);
    VP_TRY(fill_list(&config->allowed_token_clusters, config->site.cluster_id, err));
    VP_TRY(fill_list(&config->allowed_user_clusters, config->site.cluster_id, err));
    return fill_list(&config->trusted_link_owners, system_user, err);
}
