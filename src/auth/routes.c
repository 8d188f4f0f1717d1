/* Every path of the mount, one row each. */
#include "config.h"
#include "paths.h"
#include "role.h"

const struct logical_route AUTH_ROUTES[] = {
    {
        .path = "login",
        .summary = "Log in with the run token of an Arvados container.",
        .help = "Checks with Arvados that the token belongs to a running container, and returns a token with the "
                "policies granted to the container's user. The token is the value of ARVADOS_API_TOKEN in the "
                "container: v2/<uuid>/<secret>/<container uuid>. A denial returns \"permission denied\" and a request "
                "id only. An administrator reads the reason with explain request_id=...",
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
        .summary = "Configure the Arvados endpoint, trust and policy limits.",
        .help = "A write first checks that Arvados answers, is the expected cluster and accepts the service token, "
                "unless verify_connection is false. A field that an update leaves out keeps its value. An unknown "
                "field is refused. If a service token is set, a change of arvados_api_host, arvados_ca_cert or "
                "tls_server_name requires service_token in the same write.",
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
        .summary = "Check the configuration against Arvados.",
        .help = "Returns one result for each check: reach, tls, cluster, version, service_token, scopes, "
                "service_token_expiry, trusted_owners, group_grants, everybody, roles, logins. A failed check says "
                "what to do. Changes nothing.",
        .on = { [LOGICAL_READ] = auth_config_check_read },
    },
    {
        .path = "explain",
        .summary = "Explain the result of a login without issuing a token.",
        .help = "Pass one of token, user_uuid, container_uuid and request_id, and the role of the login. Returns the "
                "outcome, the reason of a denial, and every grant of the user with the reason if it does not count. "
                "With user_uuid only the user and the grants are checked. The uuid fields require a service token. The "
                "address of the caller is not checked. request_id returns an earlier refusal of this node.",
        .fields = AUTH_EXPLAIN_FIELDS,
        .args_size = sizeof(struct auth_explain_args),
        .on = { [LOGICAL_CREATE] = auth_explain, [LOGICAL_UPDATE] = auth_explain },
    },
    {
        .path = "role",
        .summary = "List the roles.",
        .help = "Returns sorted names; use after and limit for pages.",
        .fields = AUTH_ROLE_LIST_FIELDS,
        .args_size = sizeof(struct auth_role_list_args),
        .ignores_unknown = true,
        .on = { [LOGICAL_LIST] = auth_role_list },
    },
    {
        .path = "role/+",
        .parameter = "name",
        .summary = "Configure a role: who may log in, and the properties of the token.",
        .help = "Each binding that is set must hold at the login and at every renewal. If the mount has a role, each "
                "login must name one or the mount must have a default_role. Grants belong to the user, not to the "
                "role: a caller may use the weaker of two roles. A name has lower-case letters, digits and . _ -",
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
        .summary = "List the users and groups that have grants.",
        .help = "Returns their uuids and the number of policies that count. Reads from Arvados, without the cache. "
                "Requires a service token.",
        .on = { [LOGICAL_LIST] = auth_grants_list },
    },
    {
        .path = "grants/+",
        .parameter = "uuid",
        .summary = "Read the grants of one user or group.",
        .help = "Returns each link, its properties, and the reason if it does not count. For a user, only direct "
                "grants: explain adds those of the user's groups. Image bindings and roles are not checked. Reads from "
                "Arvados, without the cache. Requires a service token.",
        .on = { [LOGICAL_READ] = auth_grants_read },
    },
    {
        .path = "refusals",
        .summary = "List the last refused logins and renewals of this node.",
        .help = "Returns request ids, newest first, each with time, reason, detail, role, address, container and user. "
                "At most 256, in memory only. To read one, pass its id to explain as request_id.",
        .fields = AUTH_REFUSALS_FIELDS,
        .args_size = sizeof(struct auth_refusals_args),
        .ignores_unknown = true,
        .on = { [LOGICAL_LIST] = auth_refusals_list },
    },
    {
        .path = "status",
        .summary = "Read the counters of this mount on this node since the plugin started.",
        .help = "Returns logins and renewals by outcome, calls to Arvados by status, queue length, latency, cache, "
                "dropped grants, and the expiry of the service token. latency_buckets_ms counts answered calls up to "
                "each number of milliseconds; latency_sum_ms is their total time.",
        .on = { [LOGICAL_READ] = auth_status },
    },
    {
        .path = "version",
        .summary = "Read the versions of the plugin and of Arvados.",
        .help = "Reads the discovery document of Arvados.",
        .on = { [LOGICAL_READ] = auth_version },
    },
    {
        .path = "version/client-only",
        .summary = "Read the version of the plugin without asking Arvados.",
        .help = "Works on a mount without a config.",
        .on = { [LOGICAL_READ] = auth_version_client_only },
    },
    { 0 },
};
