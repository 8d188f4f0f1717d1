/* Every path of the mount, one row each. */
#include "config.h"
#include "paths.h"
#include "role.h"

const struct logical_route TOKENS_ROUTES[] = {
    {
        .path = "config",
        .summary = "Configure the Arvados endpoint, the administrator token and the TTLs of leases.",
        .help =
            "A write first checks that Arvados answers, is the expected cluster and accepts admin_token for "
            "creating tokens, unless verify_connection is false. A field that an update leaves out keeps its "
            "value. An unknown field is refused. Leases made before a change of the server are revoked at the "
            "server where they were made.",
        .fields = TOKENS_CONFIG_FIELDS,
        .exists = tokens_config_exists,
        .on = { [LOGICAL_CREATE] = tokens_config_write,
                [LOGICAL_UPDATE] = tokens_config_write,
                [LOGICAL_READ] = tokens_config_read,
                [LOGICAL_DELETE] = tokens_config_delete },
    },
    {
        .path = "config/check",
        .summary = "Check the configuration against Arvados.",
        .help =
            "Returns one result for each check: reach, tls, cluster, version, admin_token, may_mint, "
            "admin_token_expiry, auth_accessor. A failed check says what to do. Changes nothing.",
        .on = { [LOGICAL_READ] = tokens_check_read },
    },
    {
        .path = "config/rotate-root",
        .summary = "Rotate the administrator token.",
        .help =
            "Creates a token with the same scopes and TTL, checks and stores it, then deletes the old one. If a "
            "step fails, the old token stays in use. Afterwards only this mount has the token.",
        .on = { [LOGICAL_UPDATE] = tokens_rotate_root },
    },
    {
        .path = "role",
        .summary = "List the roles.",
        .help = "Returns sorted names; use after and limit for pages.",
        .fields = TOKENS_ROLE_LIST_FIELDS,
        .args_size = sizeof(struct tokens_list_args),
        .ignores_unknown = true,
        .on = { [LOGICAL_LIST] = tokens_role_list },
    },
    {
        .path = "role/+",
        .parameter = "name",
        .summary = "Configure a role: the user, scopes and TTLs of its tokens.",
        .help = "Leases made before a change of scopes or user can no longer be renewed.",
        .fields = TOKENS_ROLE_FIELDS,
        .exists = tokens_role_exists,
        .on = { [LOGICAL_CREATE] = tokens_role_write,
                [LOGICAL_UPDATE] = tokens_role_write,
                [LOGICAL_READ] = tokens_role_read,
                [LOGICAL_DELETE] = tokens_role_delete },
    },
    {
        .path = "creds/+",
        .parameter = "role",
        .summary = "Create an Arvados token for the user of a role, on a lease.",
        .help =
            "With user=self, the token is for the caller's own Arvados user: the alias of their entity under "
            "auth_accessor. Returns user_token, token_uuid, user_uuid, username, scopes, expires_at and "
            "arvados_api_host. Renewing the lease extends the token; revoking the lease ends it.",
        .frequent = true,
        .on = { [LOGICAL_READ] = tokens_creds, [LOGICAL_UPDATE] = tokens_creds },
    },
    {
        .path = "login/+",
        .parameter = "user",
        .summary = "Create an Arvados token for a user named by uuid or username, on a lease.",
        .help =
            "Every client that can read this path gets tokens of that user. Use a templated policy, so that users "
            "get their own tokens only. Returns the same as creds.",
        .fields = TOKENS_LOGIN_FIELDS,
        .args_size = sizeof(struct tokens_login_args),
        .frequent = true,
        .on = { [LOGICAL_READ] = tokens_login, [LOGICAL_UPDATE] = tokens_login },
    },
    {
        .path = "revoke",
        .summary = "Revoke an Arvados token.",
        .help =
            "The token itself is the authorization; it needs no lease. If the token has a lease, revoke the lease "
            "instead: this path keeps the lease until it expires.",
        .fields = TOKENS_REVOKE_FIELDS,
        .args_size = sizeof(struct tokens_revoke_args),
        .frequent = true,
        .on = { [LOGICAL_UPDATE] = tokens_revoke_write },
    },
    {
        .path = "status",
        .summary = "Read the counters of this mount on this node since the plugin started.",
        .help =
            "Returns tokens created, renewed, revoked and rolled back by outcome, requests to Arvados by status, "
            "latency, and the number of unsettled requests: in progress, or interrupted and left to the next "
            "rollback.",
        .on = { [LOGICAL_READ] = tokens_status },
    },
    {
        .path = "version",
        .summary = "Read the versions of the plugin and of Arvados.",
        .help = "Reads the discovery document of Arvados.",
        .on = { [LOGICAL_READ] = tokens_version },
    },
    {
        .path = "version/client-only",
        .summary = "Read the version of the plugin without asking Arvados.",
        .help = "Works on a mount without a config.",
        .on = { [LOGICAL_READ] = tokens_version_client_only },
    },
    { 0 },
};
