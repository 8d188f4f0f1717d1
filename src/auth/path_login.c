/* One running Arvados container, or on a mount for people one user, gets one token. */
#include <string.h>

#include "issue.h"
#include "mount.h"
#include "paths.h"
#include "roles.h"

#define AT(member) offsetof(struct auth_login_args, member)

const struct logical_field AUTH_LOGIN_FIELDS[] = {
    { "token", LOGICAL_SECRET, AT(token), LOGICAL_REQUIRED, NULL, 0, 0,
      "The container's ARVADOS_API_TOKEN: v2/<uuid>/<secret>/<container uuid>. On a mount for people, a user's own." },
    { "jwt", LOGICAL_SECRET, AT(jwt), 0, NULL, 0, 0,
      "The same as token, for clients that only know the Kubernetes method." },
    { "role", LOGICAL_TEXT, AT(role), 0, NULL, 0, 0,
      "Role to log in against. Left out: the mount's default_role, or the defaults while the mount has no role." },
    { 0 },
};

static enum vp_code pick_token(const struct auth_login_args *args, const struct vp_secret **ret_token,
                               struct vp_error *err)
{
    if (args->token != NULL && args->jwt != NULL && !vp_secret_equal(args->token, args->jwt))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "fields \"token\" and \"jwt\" are both given and differ; give one");
    *ret_token = args->token != NULL ? args->token : args->jwt;
    if (*ret_token == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"token\" is missing: give the container's ARVADOS_API_TOKEN (token=- reads standard "
                       "input)");
    return VP_OK;
}

static enum vp_code decide(const struct logical_call *call, const struct auth_request *request,
                           const struct auth_token *token, struct vp_error *err)
{
    struct arv_identity identity = { 0 };
    struct auth_grants grants = { 0 };
    VP_TRY(auth_identify(request, token, &identity, err));
    const struct auth_grantee grantee = auth_grantee_of(request, &identity);
    enum vp_code code = VP_OK;
    if (identity.has_container)
        code = auth_check_window(request->role, &identity.container, grantee.now_s, err);
    if (code == VP_OK)
        code = auth_grants_of(request, AUTH_REMEMBERED, token->secret, &grantee, &grants, err);
    /* The host counts the token's life from its own clock, later than this: so no time that passed while Arvados was asked may
     * be given away. */
    if (code == VP_OK)
        code = auth_issue(request, token, &identity, &grants, auth_now_s(request), call->remote_addr, call->reply, err);
    auth_grants_clear(&grants);
    arv_identity_clear(&identity);
    return code;
}

static enum vp_code login_by(const struct logical_call *call, const struct auth_login_args *args,
                             const struct auth_snapshot *snapshot, const struct auth_role *role, struct vp_error *err)
{
    const struct vp_secret *given = NULL;
    struct auth_token token = { 0 };
    const struct auth_request request = auth_request_of(call, snapshot, role);
    VP_TRY(pick_token(args, &given, err));
    VP_TRY(auth_token_check(snapshot, given, &token, err));
    enum vp_code code = auth_check_address(role, call->remote_addr, err);
    if (code == VP_OK)
        code = decide(call, &request, &token, err);
    auth_token_clear(&token);
    return code;
}

static enum vp_code login(const struct logical_call *call, const struct auth_login_args *args,
                          const struct auth_snapshot *snapshot, struct vp_error *err)
{
    const struct auth_role *role = NULL;
    const char *name = vp_text_is_set(args->role) ? args->role : snapshot->config.default_role;
    enum vp_code code = auth_role_for(call, snapshot, name, &role, err);
    /* A standby can't store a service token: the host would run the login here and again on the active node. */
    if (call->standby && (code != VP_OK || auth_role_token_type(role) != LOGICAL_TOKEN_BATCH))
        code = logical_forward(err);
    else if (code == VP_OK)
        code = login_by(call, args, snapshot, role, err);
    return code;
}

enum vp_code auth_login(const struct logical_call *call, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    struct auth_snapshot *snapshot = NULL;
    enum vp_code code = auth_snapshot_get(call, &snapshot, err);
    /* What a standby does not find may be on its way here. */
    if (code != VP_OK && call->standby)
        code = logical_forward(err);
    if (code == VP_OK)
        code = login(call, call->args, snapshot, err);
    auth_snapshot_release(&snapshot);
    auth_outcomes_count(&mount->counters.logins, code, err);
    return code;
}

/* For the server's quotas: the role of a login. Sends nothing to Arvados. */
enum vp_code auth_login_role(const struct logical_call *call, struct vp_error *err)
{
    const struct auth_login_args *args = call->args;
    struct vp_json_writer writer;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "role", args->role == NULL ? "" : args->role);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the role", err);
}
