#include "role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vp/policy.h"

#include "cidr.h"
#include "rules.h"

#define AT(member) offsetof(struct auth_role, member)

/* clang-format off */
const struct logical_field AUTH_ROLE_FIELDS[] = {
    { "container_states", LOGICAL_TEXTS, AT(container_states), 0, "Running", 0, 0,
      "Container states that may log in. Add Locked for a program that runs next to crunch-run." },
    { "allow_runtime_token", LOGICAL_BOOL, AT(allow_runtime_token), 0, "false", 0, 0,
      "Accept containers that carry a runtime_token of a user, which outlives the container." },
    { "allow_salted", LOGICAL_BOOL, AT(allow_salted), 0, "false", 0, 0,
      "Accept a run token salted with salt_label: HMAC-SHA1 of the label, keyed with the token's secret. Arvados "
      "accepts a salted token for nothing else. Requires service_token on the mount." },
    { "salt_label", LOGICAL_TEXT, AT(salt_label), 0, NULL, 0, 0,
      "Label of salted tokens: 5 lower-case letters or digits. Use a different label for each mount." },
    { "allow_admins", LOGICAL_BOOL, AT(allow_admins), 0, "false", 0, 0,
      "Accept containers of Arvados administrators." },
    { "bound_user_uuids", LOGICAL_TEXTS, AT(bound_user_uuids), 0, NULL, 0, 0, "If set, only these users may log in." },
    { "bound_group_uuids", LOGICAL_TEXTS, AT(bound_group_uuids), 0, NULL, 0, 0,
      "If set, only members of one of these Arvados roles (groups) may log in. Requires service_token on the mount." },
    { "bound_container_images", LOGICAL_TEXTS, AT(bound_container_images), 0, NULL, 0, 0,
      "If set, only containers of these images (portable data hashes) may log in." },
    { "deny_interactive", LOGICAL_BOOL, AT(deny_interactive), 0, "true", 0, 0,
      "Refuse a container in which a shell was opened." },
    { "login_window", LOGICAL_DURATION, AT(login_window_s), 0, "0", 0, 0,
      "Time after the start of the container during which a login is accepted. 0: any time." },
    { "require_grant", LOGICAL_BOOL, AT(require_grant), 0, "true", 0, 0,
      "Refuse a login that has no policy from a grant." },
    { "allowed_policy_prefixes", LOGICAL_TEXTS, AT(allowed_policy_prefixes), 0, NULL, 0, 0,
      "Prefixes that are narrower than those of the mount. Empty: the mount's." },
    { "token_ttl", LOGICAL_DURATION, AT(token_ttl_s), 0, "0", 0, 0, "TTL of a token. 0: 15 minutes." },
    { "token_max_ttl", LOGICAL_DURATION, AT(token_max_ttl_s), 0, "0", 0, 0,
      "Maximum TTL including renewals. 0: the mount's maximum." },
    { "token_explicit_max_ttl", LOGICAL_DURATION, AT(token_explicit_max_ttl_s), 0, "0", 0, 0,
      "Hard limit of the TTL, which no renewal exceeds. 0: 24 hours." },
    { "token_period", LOGICAL_DURATION, AT(token_period_s), 0, "0", 0, 0,
      "Period of a periodic token, which can be renewed without a maximum." },
    { "token_policies", LOGICAL_TEXTS, AT(token_policies), 0, NULL, 0, 0,
      "Policies in addition to the granted ones. The same prefixes and checks apply." },
    { "token_no_default_policy", LOGICAL_BOOL, AT(token_no_default_policy), 0, "false", 0, 0,
      "Do not add the policy \"default\"." },
    { "token_num_uses", LOGICAL_INT, AT(token_num_uses), 0, "0", 0, 0,
      "Maximum number of uses of a token. 0: unlimited." },
    { "token_type", LOGICAL_TEXT, AT(token_type), 0, "default", 0, 0, "default, service or batch." },
    { "token_bound_cidrs", LOGICAL_TEXTS, AT(token_bound_cidrs), 0, NULL, 0, 0,
      "Addresses and networks from which a login is accepted and the token can be used." },
    { "token_strictly_bind_ip", LOGICAL_BOOL, AT(token_strictly_bind_ip), 0, "false", 0, 0,
      "Bind the token to the address of the login." },
    { 0 },
};
/* clang-format on */

static const struct mount_record ROLE_RECORD = { "the stored role", "role", AUTH_ROLE_FIELDS, false };

void auth_role_clear(struct auth_role *role)
{
    free(role->name);
    role->name = NULL;
    logical_fields_clear(AUTH_ROLE_FIELDS, role);
}

/* ---- rules ---- */

static bool is_state(const char *text)
{
    return strcmp(text, "Running") == 0 || strcmp(text, "Locked") == 0;
}

static enum vp_code check_salt(const struct auth_role *role, struct vp_error *err)
{
    bool set = role->salt_label != NULL && role->salt_label[0] != '\0';
    if (set && !arv_is_cluster_id(role->salt_label))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"salt_label\" must be five lower-case letters or digits");
    if (role->allow_salted && !set)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"salt_label\" is required by allow_salted");
    return VP_OK;
}

static enum vp_code check_bindings(const struct auth_role *role, struct vp_error *err)
{
    if (role->container_states.n == 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"container_states\" must name Running, Locked or both");
    VP_TRY(auth_check_each(&role->container_states, is_state, "container_states", "Running or Locked", err));
    VP_TRY(auth_check_each(&role->bound_user_uuids, arv_is_user_uuid, "bound_user_uuids", "the uuid of a user", err));
    VP_TRY(auth_check_each(&role->bound_group_uuids, auth_is_role_uuid, "bound_group_uuids",
                           "the uuid of a role (and not the anonymous one, which all the world is in)", err));
    VP_TRY(auth_check_each(&role->bound_container_images, arv_is_portable_data_hash, "bound_container_images",
                           "a portable data hash (<32 hex>+<size>)", err));
    VP_TRY(auth_check_each(&role->token_bound_cidrs, auth_cidr_is_valid, "token_bound_cidrs", "an address or a network",
                           err));
    return auth_check_each(&role->allowed_policy_prefixes, policy_is_prefix, "allowed_policy_prefixes",
                           "a prefix: lower-case letters, digits, - and _, ending in - or _", err);
}

static const struct {
    const char *word;
    enum logical_token_type type;
} TOKEN_TYPES[] = {
    { "", LOGICAL_TOKEN_DEFAULT },
    { "default", LOGICAL_TOKEN_DEFAULT },
    { "default-service", LOGICAL_TOKEN_DEFAULT_SERVICE },
    { "service", LOGICAL_TOKEN_SERVICE },
    { "default-batch", LOGICAL_TOKEN_DEFAULT_BATCH },
    { "batch", LOGICAL_TOKEN_BATCH },
};

static bool find_token_type(const char *word, enum logical_token_type *ret_type)
{
    for (size_t i = 0; i < sizeof TOKEN_TYPES / sizeof TOKEN_TYPES[0]; i++) {
        if (strcmp(word, TOKEN_TYPES[i].word) == 0) {
            *ret_type = TOKEN_TYPES[i].type;
            return true;
        }
    }
    return false;
}

static const char *type_word(const struct auth_role *role)
{
    return role->token_type == NULL ? "" : role->token_type;
}

enum logical_token_type auth_role_token_type(const struct auth_role *role)
{
    enum logical_token_type type = LOGICAL_TOKEN_DEFAULT;
    (void)find_token_type(type_word(role), &type);
    return type;
}

/* The rules and the wording that all of the host's auth methods share (sdk/helper/tokenutil), so that tools know them. */
static enum vp_code check_token(const struct auth_role *role, struct vp_error *err)
{
    enum logical_token_type type = LOGICAL_TOKEN_DEFAULT;
    if (!find_token_type(type_word(role), &type))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "invalid 'token_type' value \"%.32s\"",
                       mount_quotable(type_word(role)));
    bool batch = type == LOGICAL_TOKEN_BATCH || type == LOGICAL_TOKEN_DEFAULT_BATCH;
    if (batch && role->token_period_s != 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens");
    if (batch && role->token_num_uses != 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use "
                       "count");
    if (role->token_ttl_s > 0 && role->token_max_ttl_s > 0 && role->token_ttl_s > role->token_max_ttl_s)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "'token_ttl' cannot be greater than 'token_max_ttl'");
    if (role->token_strictly_bind_ip && role->token_bound_cidrs.n > 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "'token_strictly_bind_ip' and 'token_bound_cidrs' exclude each other");
    return VP_OK;
}

static enum vp_code check_against_mount(const struct auth_role *role, const struct auth_config *config,
                                        struct vp_error *err)
{
    for (size_t i = 0; i < role->allowed_policy_prefixes.n; i++)
        if (!auth_is_narrower(role->allowed_policy_prefixes.items[i], &config->allowed_policy_prefixes))
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"allowed_policy_prefixes\": \"%.64s\" is not under the mount's prefixes",
                           mount_quotable(role->allowed_policy_prefixes.items[i]));
    /* Arvados takes a secret salted for its own cluster everywhere, so it would be a usable token. */
    if (role->allow_salted && strcmp(role->salt_label, config->site.cluster_id) == 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"salt_label\" must not be the cluster's own id");
    for (size_t i = 0; i < role->bound_group_uuids.n; i++)
        if (!arv_same_cluster(role->bound_group_uuids.items[i], config->site.cluster_id))
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"bound_group_uuids\": %s is of another cluster, and only %s is asked",
                           role->bound_group_uuids.items[i], config->site.cluster_id);
    for (size_t i = 0; i < role->token_policies.n; i++)
        if (!auth_config_allows(config, role->token_policies.items[i]))
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"token_policies\": \"%.64s\" is not a policy that this mount allows",
                           mount_quotable(role->token_policies.items[i]));
    return VP_OK;
}

static bool is_good_name(const char *text)
{
    return policy_name_check(text) == POLICY_NAME_GOOD;
}

enum vp_code auth_role_check(const struct auth_role *role, const struct auth_config *config, struct vp_error *err)
{
    VP_TRY(check_salt(role, err));
    VP_TRY(check_bindings(role, err));
    VP_TRY(check_token(role, err));
    for (size_t i = 0; i < role->token_policies.n; i++)
        if (policy_name_check(role->token_policies.items[i]) == POLICY_NAME_RESERVED)
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"token_policies\": \"%s\" is a reserved name and is never granted",
                           role->token_policies.items[i]);
    VP_TRY(auth_check_each(&role->token_policies, is_good_name, "token_policies", "a policy name", err));
    return config == NULL ? VP_OK : check_against_mount(role, config, err);
}

bool auth_role_is_bound(const struct auth_role *role)
{
    return role->bound_user_uuids.n + role->bound_group_uuids.n + role->bound_container_images.n +
               role->token_bound_cidrs.n >
           0;
}

/* ---- storage ---- */

static enum vp_code key_of(const char *name, struct vp_buf *key, struct vp_error *err)
{
    vp_buf_add_format(key, AUTH_ROLE_PREFIX "%s", name);
    return vp_buf_check(key, "the role's name", err);
}

static enum vp_code decode(const char *name, const struct vp_buf *record, struct auth_role *role, struct vp_error *err)
{
    role->name = strdup(name);
    if (role->name == NULL)
        return vp_fail_no_memory(err);
    VP_TRY(mount_record_decode(&ROLE_RECORD, record, role, err));
    struct vp_error fault = { 0 };
    if (auth_role_check(role, NULL, &fault) == VP_OK)
        return VP_OK;
    (void)vp_fail(err, VP_REASON_CONFIG_UNREADABLE,
                  "the stored role does not pass this version's checks; write it again");
    vp_error_add_detail(err, "%s", fault.message);
    return vp_reason_code(VP_REASON_CONFIG_UNREADABLE);
}

enum vp_code auth_role_load(const struct logical_call *call, const char *name, struct auth_role *ret_role,
                            bool *ret_found, struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(256);
    struct vp_buf record = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    struct auth_role role = { 0 };
    enum vp_code code = key_of(name, &key, err);
    if (code == VP_OK)
        code = call->storage->get(call->storage->self, vp_buf_text(&key), call->cancel, &record, ret_found, err);
    if (code == VP_OK && *ret_found)
        code = decode(name, &record, &role, err);
    vp_buf_clear(&key);
    vp_buf_clear(&record);
    if (code != VP_OK || !*ret_found) {
        auth_role_clear(&role);
        return code;
    }
    *ret_role = role;
    return VP_OK;
}

enum vp_code auth_role_store(const struct logical_call *call, const struct auth_role *role, struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(256);
    enum vp_code code = key_of(role->name, &key, err);
    if (code == VP_OK)
        code = mount_record_store(&ROLE_RECORD, call, vp_buf_text(&key), role, err);
    vp_buf_clear(&key);
    return code;
}

/* ---- without a record ---- */

enum vp_code auth_role_defaults(struct auth_role *role, struct vp_error *err)
{
    role->name = strdup("");
    return role->name == NULL ? vp_fail_no_memory(err) : logical_fields_init(AUTH_ROLE_FIELDS, role, err);
}
