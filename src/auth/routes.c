/* Every path of the mount, one row each. */
#include "config.h"
#include "paths.h"
#include "role.h"

const struct logical_route AUTH_ROUTES[] = {
    {
        .path = "login",
        .summary = "Log in with the run token of an Arvados container.",
        .help =
            "Asks Arvados whose token it is and whether that container is running, and answers with a token that has "
            "the policies granted to the container's user. The token is the whole text of ARVADOS_API_TOKEN in the "
            "container: v2/<uuid>/<secret>/<container uuid>. A refusal says no more than \"permission denied\" and the "
            "request id. An administrator reads the reason with explain request_id=..., or in the server's log.",
        .fields = AUTH_LOGIN_FIELDS,
        .args_size = sizeof(struct auth_login_args),
        .ignores_unknown = true,
        .unauthenticated = true,
        .on = { [LOGICAL_CREATE] = auth_login,
                [LOGICAL_UPDATE] = auth_login,
                [LOGICAL_RESOLVE_ROLE] = auth_login_role },
    },
    {
        .path = "config",
        .summary = "Where Arvados is, whom to trust, and what may be granted.",
        .help =
            "A write proves first that Arvados answers, is the cluster it should be and takes the service token, "
            "unless "
            "verify_connection is false. A field left out of an update keeps its value; an unknown field is refused. "
            "Changing arvados_api_host, arvados_ca_cert or tls_server_name needs service_token in the same write when "
            "one is set: a token is never sent to a new place on the strength of an old write.",
        .fields = AUTH_CONFIG_FIELDS,
        .stores = true,
        .exists = auth_config_exists,
        .on = { [LOGICAL_CREATE] = auth_config_write,
                [LOGICAL_UPDATE] = auth_config_write,
                [LOGICAL_READ] = auth_config_read,
                [LOGICAL_DELETE] = auth_config_delete },
    },
    {
        .path = "config/check",
        .summary = "Asks Arvados now whether this mount is set up well, one verdict a line.",
        .help =
            "reach, tls, cluster, version, service_token, scopes, service_token_expiry, trusted_owners, group_grants, "
            "everybody, logins: each with ok and, where something is wrong, what to do. Changes nothing.",
        .on = { [LOGICAL_READ] = auth_config_check_read },
    },
    {
        .path = "explain",
        .summary = "What would a login give, and why? Issues nothing.",
        .help =
            "Give one of token, user_uuid, container_uuid and request_id, and role if the login would. The answer has "
            "the outcome, the reason of a refusal, and every grant of the user, kept or dropped and why. By "
            "user_uuid only the user and their grants are looked at; by uuid a service token is needed. The caller's "
            "address is not part of it. request_id reads an earlier refusal of this node.",
        .fields = AUTH_EXPLAIN_FIELDS,
        .args_size = sizeof(struct auth_explain_args),
        .on = { [LOGICAL_CREATE] = auth_explain, [LOGICAL_UPDATE] = auth_explain },
    },
    {
        .path = "role",
        .summary = "Names of the roles.",
        .help = "Sorted. after and limit give them page by page.",
        .fields = AUTH_ROLE_LIST_FIELDS,
        .args_size = sizeof(struct auth_role_list_args),
        .ignores_unknown = true,
        .on = { [LOGICAL_LIST] = auth_role_list },
    },
    {
        .path = "role/+",
        .parameter = "name",
        .summary = "Who may log in, and what the token looks like.",
        .help = "Each binding that is set must hold, at the login and at every renewal. As soon as a mount has a role, "
                "a login "
                "must name one (or the mount's default_role does): leaving it out never escapes a binding. Grants "
                "follow the "
                "user, not the role: of two roles a caller may use the weaker. A name is lower-case letters, digits "
                "and . _ -",
        .fields = AUTH_ROLE_FIELDS,
        .stores = true,
        .exists = auth_role_exists,
        .on = { [LOGICAL_CREATE] = auth_role_write,
                [LOGICAL_UPDATE] = auth_role_write,
                [LOGICAL_READ] = auth_role_read,
                [LOGICAL_DELETE] = auth_role_delete },
    },
    {
        .path = "grants",
        .summary = "Users and groups that links grant policies to.",
        .help = "Their uuids, and for each how many policies count. Asks Arvados now and needs a service token.",
        .on = { [LOGICAL_LIST] = auth_grants_list },
    },
    {
        .path = "grants/+",
        .parameter = "uuid",
        .summary = "The links of one user or group, as the plugin sees them.",
        .help = "Kept or dropped and why, with their properties. A user's own links only: explain adds those of his "
                "groups. "
                "Asks Arvados now and needs a service token. What a login decides beside that (image bindings, roles "
                "of the "
                "mount) is not part of it.",
        .on = { [LOGICAL_READ] = auth_grants_read },
    },
    {
        .path = "refusals",
        .summary = "The last refused logins and renewals on this node.",
        .help = "Their request ids, the newest first, and for each time, reason, detail, role, address, container and "
                "user. "
                "At most 256, in memory only. explain with request_id reads one of them.",
        .fields = AUTH_REFUSALS_FIELDS,
        .args_size = sizeof(struct auth_refusals_args),
        .ignores_unknown = true,
        .on = { [LOGICAL_LIST] = auth_refusals_list },
    },
    {
        .path = "status",
        .summary = "What this mount did on this node since its start.",
        .help =
            "Logins and renewals by outcome, calls to Arvados by status, how many wait, how long they take, the cache, "
            "dropped grants, and when the service token ends. In latency_buckets_ms stands how many of the answered "
            "calls took no longer than so many milliseconds, in latency_sum_ms how long all of them took together.",
        .on = { [LOGICAL_READ] = auth_status },
    },
    {
        .path = "version",
        .summary = "Versions of the plugin and of the Arvados cluster.",
        .help = "Asks Arvados for its discovery document. version/client-only does not.",
        .on = { [LOGICAL_READ] = auth_version },
    },
    {
        .path = "version/client-only",
        .summary = "Version of the plugin, without asking Arvados.",
        .help = "Works on a mount that is not configured.",
        .on = { [LOGICAL_READ] = auth_version_client_only },
    },
    { 0 },
};
