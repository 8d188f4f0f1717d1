/* Every path of the mount, one row each. */
#include "config.h"
#include "paths.h"
#include "role.h"

const struct logical_route TOKENS_ROUTES[] = {
    {
        .path = "config",
        .summary = "The Arvados server, the administrator's token and the lifetimes of leases.",
        .help =
            "A write first checks that Arvados answers, is the expected cluster and lets the admin_token mint, unless "
            "verify_connection is false. A field left out of an update keeps its value; an unknown field is refused. "
            "Leases that were made before a change of the server still end where they were made.",
        .fields = TOKENS_CONFIG_FIELDS,
        .exists = tokens_config_exists,
        .on = { [LOGICAL_CREATE] = tokens_config_write,
                [LOGICAL_UPDATE] = tokens_config_write,
                [LOGICAL_READ] = tokens_config_read,
                [LOGICAL_DELETE] = tokens_config_delete },
    },
    {
        .path = "config/check",
        .summary = "Asks Arvados now whether this mount can mint, one verdict a line.",
        .help =
            "reach, tls, cluster, version, admin_token, may_mint, admin_token_expiry, auth_accessor: each with ok and, "
            "where something is wrong, what to do. Changes nothing.",
        .on = { [LOGICAL_READ] = tokens_check_read },
    },
    {
        .path = "config/rotate-root",
        .summary = "Replaces the administrator's token by a new one with the same scopes and lifetime.",
        .help = "The old token mints the new one, which is checked and stored; then the old one is ended. If a step "
                "fails, the "
                "old one stays in use. From then on only this mount has the token.",
        .on = { [LOGICAL_UPDATE] = tokens_rotate_root },
    },
    {
        .path = "role",
        .summary = "Names of the roles.",
        .help = "Sorted. after and limit give them page by page.",
        .fields = TOKENS_ROLE_LIST_FIELDS,
        .args_size = sizeof(struct tokens_list_args),
        .ignores_unknown = true,
        .on = { [LOGICAL_LIST] = tokens_role_list },
    },
    {
        .path = "role/+",
        .parameter = "name",
        .summary = "For which Arvados user, with what scopes and for how long tokens are minted.",
        .help = "A change of scopes or user ends the renewal of leases that were made before it.",
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
        .summary = "Mints an Arvados token for the role's user, on a lease.",
        .help = "With user=self, for the caller's own Arvados user: the alias that their entity has under "
                "auth_accessor. The "
                "answer has user_token, token_uuid, user_uuid, username, scopes, expires_at and arvados_api_host. "
                "Renewing the "
                "lease extends the token, revoking the lease ends it.",
        .frequent = true,
        .on = { [LOGICAL_READ] = tokens_creds, [LOGICAL_UPDATE] = tokens_creds },
    },
    {
        .path = "login/+",
        .parameter = "user",
        .summary = "Mints an Arvados token for a user named by uuid or username, on a lease.",
        .help = "Who may read this path may have tokens of that user: use it with a templated policy, so that users "
                "get their "
                "own token only. The answer is that of creds.",
        .fields = TOKENS_LOGIN_FIELDS,
        .args_size = sizeof(struct tokens_login_args),
        .frequent = true,
        .on = { [LOGICAL_READ] = tokens_login, [LOGICAL_UPDATE] = tokens_login },
    },
    {
        .path = "revoke",
        .summary = "Ends an Arvados token now.",
        .help = "The token is its own proof; no lease needs to have it. Revoke the lease of one that has a lease: this "
                "path "
                "leaves the lease until it runs out.",
        .fields = TOKENS_REVOKE_FIELDS,
        .args_size = sizeof(struct tokens_revoke_args),
        .frequent = true,
        .on = { [LOGICAL_UPDATE] = tokens_revoke_write },
    },
    {
        .path = "status",
        .summary = "What this mount did on this node since its start.",
        .help = "Mints, renewals, revocations and rollbacks by outcome, requests to Arvados by status, latencies, and "
                "how many "
                "mints are unsettled: under way, or interrupted and to be cleaned up by the next rollback.",
        .on = { [LOGICAL_READ] = tokens_status },
    },
    {
        .path = "version",
        .summary = "Versions of the plugin and of the Arvados cluster.",
        .help = "Asks Arvados for its discovery document. version/client-only does not.",
        .on = { [LOGICAL_READ] = tokens_version },
    },
    {
        .path = "version/client-only",
        .summary = "Version of the plugin, without asking Arvados.",
        .help = "Works on a mount that is not configured.",
        .on = { [LOGICAL_READ] = tokens_version_client_only },
    },
    { 0 },
};
