/* May this token live on? Arvados is asked again, and the whole decision is made again. */
#include <string.h>

#include "issue.h"
#include "mount.h"
#include "paths.h"
#include "roles.h"

/* The facts of the lease as they are now: by the service token, or by the run token that the lease kept. */
static enum vp_code identify_again(const struct auth_request *request, const struct auth_lease *lease,
                                   struct arv_identity *ret_identity, struct vp_error *err)
{
    struct auth_token token = { 0 };
    if (request->snapshot->config.service_token != NULL)
        return auth_look_up(request, lease->container_uuid, lease->user_uuid, lease->token_uuid, lease->runtime_token,
                            ret_identity, err);
    if (lease->run_token == NULL)
        return vp_fail(err, VP_REASON_SERVICE_TOKEN_MISSING,
                       "the mount had a service token at login and has none now, so this token can't be renewed; log "
                       "in again");
    VP_TRY(auth_token_check(request->snapshot, lease->run_token, &token, err));
    enum vp_code code = auth_identify(request, &token, ret_identity, err);
    auth_token_clear(&token);
    return code;
}

static enum vp_code check_same(const struct auth_lease *lease, const struct arv_identity *identity,
                               struct vp_error *err)
{
    if (strcmp(lease->container_uuid, identity->container.uuid) == 0 &&
        strcmp(lease->user_uuid, identity->user.uuid) == 0)
        return VP_OK;
    return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING,
                   "the token belongs to another container or user than at login");
}

/* A token's policies can't be changed, so one withdrawn grant ends its renewal. "default" is the host's own addition. */
static enum vp_code check_still_granted(const struct vp_texts *held, const struct vp_texts *granted,
                                        struct vp_error *err)
{
    for (size_t i = 0; i < held->n; i++) {
        const char *name = held->items[i];
        if (strcmp(name, "default") != 0 && !vp_texts_has(granted, name))
            return vp_fail(err, VP_REASON_NO_GRANT, "policy %.63s is no longer granted; log in again", name);
    }
    return VP_OK;
}

/* The host lets a caller's "increment" go up to MaxTTL, counted from the issue: so that is where one TTL from now ends. */
static enum vp_code answer(const struct logical_call *call, const struct auth_role *role,
                           const struct arv_identity *identity, const struct auth_grants *grants, int64_t now_s,
                           struct vp_error *err)
{
    struct auth_terms terms = { 0 };
    VP_TRY(auth_lifetime(role, auth_token_end_s(identity), grants->result.expires_at_s, now_s, &terms, err));
    int64_t age_s = now_s > call->auth->issued_at_s ? now_s - call->auth->issued_at_s : 0;
    int64_t end_s = age_s + terms.ttl_s;
    /* The role's maximum counts from the issue, while the bounds of grants count from now. */
    if (role->token_max_ttl_s > 0 && end_s > role->token_max_ttl_s)
        end_s = role->token_max_ttl_s;
    if (end_s <= age_s)
        return vp_fail(err, VP_REASON_LIFETIME_TOO_SHORT,
                       "the token has reached the maximum of its role; log in again");
    call->reply->renewed = true;
    call->reply->ttl_s = end_s - age_s;
    call->reply->max_ttl_s = end_s;
    call->reply->period_s = terms.period_s;
    return VP_OK;
}

static enum vp_code decide(const struct logical_call *call, const struct auth_request *request,
                           const struct auth_lease *lease, const struct arv_identity *identity, struct vp_error *err)
{
    const struct auth_grantee grantee = auth_grantee_of(request, identity);
    struct auth_grants grants = { 0 };
    struct vp_texts policies = { 0 };
    VP_TRY(check_same(lease, identity, err));
    VP_TRY(auth_grants_of(request, AUTH_REMEMBERED, lease->run_token, &grantee, &grants, err));
    enum vp_code code = auth_policies(request, &grants, &policies, &call->reply->warnings, err);
    if (code == VP_OK)
        code = check_still_granted(&call->auth->policies, &policies, err);
    if (code == VP_OK)
        code = check_still_granted(&call->auth->token_policies, &policies, err);
    if (code == VP_OK)
        code = auth_grants_aliases(request, &grants, &call->reply->group_aliases, err);
    if (code == VP_OK)
        code = answer(call, request->role, identity, &grants, grantee.now_s, err);
    vp_texts_clear(&policies);
    auth_grants_clear(&grants);
    return code;
}

static enum vp_code renew_by(const struct logical_call *call, const struct auth_lease *lease,
                             const struct auth_snapshot *snapshot, const struct auth_role *role, struct vp_error *err)
{
    struct arv_identity identity = { 0 };
    const struct auth_request request = auth_request_of(call, snapshot, role);
    VP_TRY(identify_again(&request, lease, &identity, err));
    enum vp_code code = decide(call, &request, lease, &identity, err);
    arv_identity_clear(&identity);
    return code;
}

/* A mount that was turned over to the other kind of login serves no old token. */
static enum vp_code check_kind(const struct auth_lease *lease, const struct auth_snapshot *snapshot,
                               struct vp_error *err)
{
    if (strcmp(lease->login_kind, snapshot->config.login_kind) != 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "this mount no longer serves %.16s logins", lease->login_kind);
    if (lease->container_uuid == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "tokens of a mount for people are not renewable; log in again");
    return VP_OK;
}

/* The role as it is now: a changed one binds at the next renewal, a deleted one refuses it. */
static enum vp_code renew(const struct logical_call *call, const struct auth_lease *lease,
                          const struct auth_snapshot *snapshot, struct vp_error *err)
{
    const struct auth_role *role = NULL;
    VP_TRY(check_kind(lease, snapshot, err));
    VP_TRY(auth_role_for(call, snapshot, lease->role, &role, err));
    VP_TRY(auth_check_address(role, call->remote_addr, err));
    return renew_by(call, lease, snapshot, role, err);
}

enum vp_code auth_renew(const struct logical_call *call, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    struct auth_lease lease = { 0 };
    struct auth_snapshot *snapshot = NULL;
    if (call->standby)
        return logical_forward(err);
    if (call->auth == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "a renewal without the token's data");
    enum vp_code code = auth_lease_parse(call->auth->internal_data, &lease, err);
    if (code == VP_OK)
        code = auth_snapshot_get(call, &snapshot, err);
    if (code == VP_OK)
        code = renew(call, &lease, snapshot, err);
    auth_snapshot_release(&snapshot);
    auth_lease_clear(&lease);
    auth_outcomes_count(&mount->counters.renewals, code, err);
    return code;
}
