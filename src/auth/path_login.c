/* One running Arvados container, or on a mount for people one user, gets one token. */
#include <string.h>

#include "issue.h"
#include "paths.h"
#include "refusals.h"

#define AT(member) offsetof(struct auth_login_args, member)

const struct logical_field AUTH_LOGIN_FIELDS[] = {
    { "token", LOGICAL_SECRET, AT(token), LOGICAL_REQUIRED, NULL, 0, 0,
      "ARVADOS_API_TOKEN of the container: v2/<uuid>/<secret>/<container uuid>. On a user mount, the token of a "
      "user." },
    { "jwt", LOGICAL_SECRET, AT(jwt), 0, NULL, 0, 0, "Alias of token, for clients of the Kubernetes method." },
    { "role", LOGICAL_TEXT, AT(role), 0, NULL, 0, 0,
      "Role of the login. Empty: default_role of the mount, or the defaults if the mount has no role." },
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

static enum vp_code login(struct auth_request *request, const struct auth_login_args *args,
                          struct auth_decision *decision, struct vp_error *err)
{
    VP_TRY(pick_token(args, &request->sent_token, err));
    request->role_name = args->role;
    VP_TRY(auth_decide(request, decision, err));
    return auth_issue(request, decision, request->call->reply, err);
}

enum vp_code auth_login(const struct logical_call *call, struct vp_error *err)
{
    VP_AUTO(auth_request_clear) struct auth_request request = { .call = call, .kind = AUTH_LOGIN };
    VP_AUTO(auth_decision_clear) struct auth_decision decision = { 0 };
    enum vp_code code = login(&request, call->args, &decision, err);
    auth_outcome_record(&request, &decision, code, err);
    return code;
}

/* For the server's quotas: the role that a login is counted for, which is the mount's default_role if it names none. Sends
 * nothing to Arvados. */
enum vp_code auth_login_role(const struct logical_call *call, struct vp_error *err)
{
    const struct auth_login_args *args = call->args;
    VP_AUTO(auth_snapshot_release) struct auth_snapshot *snapshot = NULL;
    const char *role = args->role;
    struct vp_json_writer writer;
    if (!vp_text_is_set(role)) {
        VP_TRY(auth_snapshot_get(call, &snapshot, err));
        role = auth_effective_role(&snapshot->config, NULL);
    }
    /* Callers can put anything into the role's name, a token by mistake: only one that a role can have is passed on. */
    bool is_name = vp_text_is_set(role) && mount_is_role_name(role);
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "role", is_name ? role : "");
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the role", err);
}
