/* The renewal of a token: Arvados is asked again, and the whole decision is made again. */
#include "lease.h"
#include "paths.h"
#include "refusals.h"

static enum vp_code renew(struct auth_request *request, struct auth_lease *lease, struct auth_decision *decision,
                          struct vp_error *err)
{
    const struct logical_call *call = request->call;
    struct logical_reply *reply = call->reply;
    VP_TRY(auth_lease_parse(call->auth->internal_data, lease, err));
    request->lease = lease;
    request->role_name = lease->role;
    VP_TRY(auth_decide(request, decision, err));
    VP_TRY(auth_grants_aliases(request, &decision->grants, &reply->group_aliases, err));
    VP_TRY(vp_texts_add_all(&reply->warnings, &decision->warnings, err));
    reply->renewed = true;
    reply->ttl_s = decision->terms.ttl_s;
    reply->max_ttl_s = decision->terms.max_ttl_s;
    reply->period_s = decision->terms.period_s;
    return VP_OK;
}

enum vp_code auth_renew(const struct logical_call *call, struct vp_error *err)
{
    VP_AUTO(auth_lease_clear) struct auth_lease lease = { 0 };
    VP_AUTO(auth_request_clear) struct auth_request request = { .call = call, .kind = AUTH_RENEWAL };
    VP_AUTO(auth_decision_clear) struct auth_decision decision = { 0 };
    if (call->standby)
        return logical_forward(err);
    if (call->auth == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "a renewal without the token's data");
    enum vp_code code = renew(&request, &lease, &decision, err);
    auth_outcome_record(&request, &decision, code, err);
    return code;
}
