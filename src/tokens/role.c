#include "role.h"

#include <string.h>

#define AT(member) offsetof(struct tokens_role, member)

enum { SCOPES_MAX = 64, SCOPE_LEN_MAX = 512, DESCRIPTION_MAX = 1024, LEASE_MAX_S = 10 * 365 * 24 * 3600 };

/* clang-format off */
const struct logical_field TOKENS_ROLE_FIELDS[] = {
    { "user", LOGICAL_TEXT, AT(user), LOGICAL_REQUIRED, NULL, 0, 0,
      "Arvados user of the tokens: a user uuid, or self for the caller's own user (the alias of their entity under "
      "auth_accessor)." },
    { "scopes", LOGICAL_TEXTS, AT(scopes), 0, "all", 0, 0,
      "Scopes of the token: all, or entries such as \"GET /arvados/v1/collections/\". Other scopes than all take a "
      "second request to Arvados." },
    { "ttl", LOGICAL_DURATION, AT(ttl_s), 0, "0", 0, LEASE_MAX_S, "TTL of the lease. 0: the config's." },
    { "max_ttl", LOGICAL_DURATION, AT(max_ttl_s), 0, "0", 0, LEASE_MAX_S,
      "Maximum TTL including renewals. 0: the config's." },
    { "allow_admins", LOGICAL_BOOL, AT(allow_admins), 0, "false", 0, 0,
      "Create tokens for a user who is an Arvados administrator. Such a token can do anything at Arvados." },
    { "description", LOGICAL_TEXT, AT(description), 0, NULL, 0, 0, "A note for administrators; not used." },
    { 0 },
};
/* clang-format on */

static const struct mount_record ROLE_RECORD = { "the stored role", "role", TOKENS_ROLE_FIELDS, false };

void tokens_role_clear(struct tokens_role *role)
{
    logical_fields_clear(TOKENS_ROLE_FIELDS, role);
}

bool tokens_role_is_self(const struct tokens_role *role)
{
    return strcmp(role->user, TOKENS_SELF) == 0;
}

bool tokens_scopes_are_all(const struct vp_texts *scopes)
{
    return scopes->n == 1 && strcmp(scopes->items[0], "all") == 0;
}

/* ---- rules ---- */

static bool is_method(const char *text, size_t len)
{
    static const char *const METHODS[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++)
        if (strlen(METHODS[i]) == len && strncmp(text, METHODS[i], len) == 0)
            return true;
    return false;
}

static bool is_scope(const char *text)
{
    size_t len = strlen(text);
    size_t method_len = strcspn(text, " ");
    if (len > SCOPE_LEN_MAX || !is_method(text, method_len) || text[method_len] != ' ' || text[method_len + 1] != '/')
        return false;
    for (const char *at = text + method_len + 1; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || *at == '?' || *at == '#')
            return false;
    return true;
}

static enum vp_code check_scopes(const struct vp_texts *scopes, struct vp_error *err)
{
    if (scopes->n == 0 || scopes->n > SCOPES_MAX)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"scopes\": must have 1 to %d entries", SCOPES_MAX);
    if (tokens_scopes_are_all(scopes))
        return VP_OK;
    for (size_t i = 0; i < scopes->n; i++)
        if (!is_scope(scopes->items[i]))
            return vp_fail(err, VP_REASON_BAD_REQUEST,
                           "field \"scopes\": \"%.64s\" is neither \"all\" alone nor \"METHOD /path\"",
                           mount_quotable(scopes->items[i]));
    return VP_OK;
}

enum vp_code tokens_role_check(const struct tokens_role *role, struct vp_error *err)
{
    if (!vp_text_is_set(role->user))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"user\" is required");
    if (!tokens_role_is_self(role) && !arv_is_user_uuid(role->user))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"user\": must be a user uuid or self");
    if (!tokens_role_is_self(role) && (arv_is_system_user(role->user) || arv_is_anonymous_user(role->user)))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"user\": the system and anonymous users get no tokens");
    VP_TRY(check_scopes(&role->scopes, err));
    if (role->ttl_s > 0 && role->max_ttl_s > 0 && role->ttl_s > role->max_ttl_s)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"ttl\": must not exceed \"max_ttl\"");
    if (role->description != NULL && strlen(role->description) > DESCRIPTION_MAX)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"description\": must be at most %d bytes", DESCRIPTION_MAX);
    return VP_OK;
}

/* ---- storage ---- */

static enum vp_code key_of(const char *name, struct vp_buf *key, struct vp_error *err)
{
    if (!mount_is_role_name(name))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"name\": 1 to 128 of lower-case letters, digits and . _ -, starting with a letter or "
                       "digit");
    vp_buf_add_format(key, TOKENS_ROLE_PREFIX "%s", name);
    return vp_buf_check(key, "the role's name", err);
}

enum vp_code tokens_role_load(const struct logical_call *call, const char *name, struct tokens_role *ret_role,
                              bool *ret_found, struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(256);
    enum vp_code code = key_of(name, &key, err);
    if (code == VP_OK)
        code = mount_record_load(&ROLE_RECORD, call, vp_buf_text(&key), ret_role, ret_found, err);
    /* No version writes one that does not pass; what does not is not minted by. */
    if (code == VP_OK && *ret_found) {
        struct vp_error fault = { 0 };
        if (tokens_role_check(ret_role, &fault) != VP_OK)
            code = vp_fail(err, VP_REASON_CONFIG_UNREADABLE, "the stored role is invalid: %s", fault.message);
    }
    vp_buf_clear(&key);
    return code;
}

enum vp_code tokens_role_store(const struct logical_call *call, const char *name, const struct tokens_role *role,
                               struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(256);
    enum vp_code code = key_of(name, &key, err);
    if (code == VP_OK)
        code = mount_record_store(&ROLE_RECORD, call, vp_buf_text(&key), role, err);
    vp_buf_clear(&key);
    return code;
}

enum vp_code tokens_role_remove(const struct logical_call *call, const char *name, struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(256);
    enum vp_code code = key_of(name, &key, err);
    if (code == VP_OK)
        code = mount_record_remove(call, vp_buf_text(&key), err);
    vp_buf_clear(&key);
    return code;
}
