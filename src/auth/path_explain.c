/* The path explain: the same decision as a login's, told instead of taken. Issues nothing. */
#include <stdio.h>
#include <string.h>

#include "decision.h"
#include "paths.h"
#include "refusals.h"

#define AT(member) offsetof(struct auth_explain_args, member)

const struct logical_field AUTH_EXPLAIN_FIELDS[] = {
    { "token", LOGICAL_SECRET, AT(token), 0, NULL, 0, 0, "Run token of a container." },
    { "user_uuid", LOGICAL_TEXT, AT(user_uuid), 0, NULL, 0, 0,
      "Uuid of an Arvados user: returns the grants of this user." },
    { "container_uuid", LOGICAL_TEXT, AT(container_uuid), 0, NULL, 0, 0,
      "Uuid of a container: returns the result of a login of this container." },
    { "request_id", LOGICAL_TEXT, AT(request_id), 0, NULL, 0, 0,
      "Request id of a login or renewal that this node refused. See the path refusals." },
    { "role", LOGICAL_TEXT, AT(role), 0, NULL, 0, 0, "Role that the login would name." },
    { 0 },
};

/* ---- links that a login never reads ---- */

/* A login never asks for links of others than the trusted owners. Here they are shown, since "I made the grant, why does it
 * not count?" most often means that it has the wrong owner. At most a page of them: any user may make such links. */
static enum vp_code list_others(const struct auth_request *request, const struct vp_secret *token,
                                const struct auth_decision *decision, struct arv_links *ret_links, bool *ret_more,
                                struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(request, token);
    struct arv_link_query query = auth_link_query(auth_request_config(request));
    VP_AUTO(vp_texts_clear) struct vp_texts tails = { 0 };
    query.tail_uuids = &tails;
    VP_TRY(vp_texts_add(&tails, decision->identity.records.user.uuid, err));
    VP_TRY(vp_texts_add_all(&tails, &decision->grants.memberships.roles, err));
    return arv_links_of_others(request->snapshot->arvados, &credentials, &query, ret_links, ret_more, err);
}

static enum vp_code find_others(const struct auth_request *request, const struct auth_decision *decision,
                                struct arv_links *ret_links, struct vp_error *err)
{
    struct vp_texts *warnings = &request->call->reply->warnings;
    struct vp_error ignored = { 0 };
    bool more = false;
    if (decision->facts < AUTH_FACTS_GRANTS)
        return VP_OK;
    if (list_others(request, decision->token.secret, decision, ret_links, &more, &ignored) != VP_OK)
        return vp_texts_add(warnings, "links of untrusted owners could not be read, so none is shown", err);
    return more ? vp_texts_add(warnings, "more links of untrusted owners are not shown", err) : VP_OK;
}

/* ---- the answer ---- */

static void write_grant(const struct arv_link *link, enum policy_drop drop, struct vp_json_writer *writer)
{
    vp_json_open_object(writer);
    auth_grants_tell(link, drop, writer);
    vp_json_close_object(writer);
}

static void write_grants(const struct auth_grants *grants, const struct arv_links *others,
                         struct vp_json_writer *writer)
{
    vp_json_put_key(writer, "grants");
    vp_json_open_array(writer);
    for (size_t i = 0; i < grants->result.n_verdicts; i++)
        write_grant(grants->links[i], grants->result.verdicts[i], writer);
    for (size_t i = 0; i < others->n; i++)
        write_grant(&others->items[i], POLICY_UNTRUSTED_OWNER, writer);
    vp_json_close_array(writer);
}

/* `refusal` with VP_REASON_NONE: a login would be granted. */
static void write_summary(const struct auth_decision *decision, const struct arv_links *others,
                          const struct vp_error *refusal, struct vp_json_writer *writer)
{
    const struct auth_grants *grants = &decision->grants;
    char text[sizeof refusal->message + 64];
    vp_json_put_key(writer, "summary");
    vp_json_open_array(writer);
    if (refusal->reason == VP_REASON_NONE)
        (void)snprintf(text, sizeof text, "granted: %zu policies for %lld seconds", decision->policies.n,
                       (long long)auth_lifetime_effective_ttl_s(&decision->terms));
    else
        (void)snprintf(text, sizeof text, "refused: %s: %.500s", vp_reason_word(refusal->reason), refusal->message);
    vp_json_put_text(writer, text);
    for (size_t i = 0; i < grants->result.n_verdicts; i++)
        auth_grants_put_line(grants->links[i], grants->result.verdicts[i], writer);
    for (size_t i = 0; i < others->n; i++)
        auth_grants_put_line(&others->items[i], POLICY_UNTRUSTED_OWNER, writer);
    vp_json_close_array(writer);
}

static int status_of(enum vp_reason reason)
{
    static const int STATUSES[] = {
        [VP_OK] = 200,
        [VP_ERR_INPUT] = 400,
        [VP_ERR_DENIED] = 403,
        [VP_ERR_NOT_FOUND] = 404,
        [VP_ERR_OPERATION] = 405,
        [VP_ERR_UPSTREAM] = 502,
        [VP_ERR_UNAVAILABLE] = 503,
    };
    enum vp_code code = vp_reason_code(reason);
    return (size_t)code < sizeof STATUSES / sizeof STATUSES[0] ? STATUSES[code] : 500;
}

/* `refusal` with VP_REASON_NONE: a login would be granted. */
static enum vp_code answer(const struct auth_request *request, const struct auth_decision *decision,
                           const struct arv_links *others, const struct vp_error *refusal, struct vp_error *err)
{
    struct logical_reply *reply = request->call->reply;
    const struct arv_identity *records = &decision->identity.records;
    bool granted = refusal->reason == VP_REASON_NONE;
    struct vp_json_writer writer;
    vp_json_begin(&writer, &reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "outcome", granted ? "granted" : "refused");
    vp_json_add_text(&writer, "reason", granted ? NULL : vp_reason_word(refusal->reason));
    vp_json_add_text(&writer, "detail", granted ? NULL : refusal->message);
    vp_json_add_int(&writer, "status", status_of(refusal->reason));
    vp_json_add_text(&writer, "user_uuid", records->user.uuid);
    vp_json_add_text(&writer, "container_uuid", records->container.uuid);
    vp_json_add_text(&writer, "role", request->role == NULL ? "" : request->role->name);
    vp_json_put_key(&writer, "policies");
    vp_json_put_texts(&writer, granted ? &decision->policies : &(const struct vp_texts){ 0 });
    vp_json_add_int(&writer, "ttl", granted ? auth_lifetime_effective_ttl_s(&decision->terms) : 0);
    write_grants(&decision->grants, others, &writer);
    write_summary(decision, others, refusal, &writer);
    vp_json_close_object(&writer);
    return vp_buf_check(&reply->data, "the explanation", err);
}

/* A refusal that a login would meet is an answer here; what keeps the plugin from knowing is a failure. */
static bool is_outcome(enum vp_code code, const struct vp_error *fault)
{
    return code == VP_OK || code == VP_ERR_DENIED || fault->reason == VP_REASON_LOGINS_OFF ||
           (code == VP_ERR_INPUT && fault->reason != VP_REASON_BAD_REQUEST &&
            fault->reason != VP_REASON_NOT_CONFIGURED);
}

static enum vp_code explain_login(struct auth_request *request, struct vp_error *err)
{
    VP_AUTO(auth_decision_clear) struct auth_decision decision = { 0 };
    VP_AUTO(arv_links_clear) struct arv_links others = { 0 };
    struct vp_error refusal = { 0 };
    enum vp_code code = auth_decide(request, &decision, &refusal);
    if (!is_outcome(code, &refusal)) {
        *err = refusal;
        return code;
    }
    VP_TRY(find_others(request, &decision, &others, err));
    if (code == VP_OK)
        VP_TRY(vp_texts_add_all(&request->call->reply->warnings, &decision.warnings, err));
    return answer(request, &decision, &others, &refusal, err);
}

/* ---- an earlier refusal ---- */

static enum vp_code explain_refusal(const struct logical_call *call, const char *request_id, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    struct auth_refusal refusal;
    struct vp_json_writer writer;
    if (!auth_refusals_find(mount->refusals, request_id, &refusal))
        return vp_fail(err, VP_REASON_NOT_FOUND,
                       "no refusal with this request id: each node keeps the last %d of its own, in memory",
                       AUTH_REFUSALS_MAX);
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "outcome", "refused");
    vp_json_add_int(&writer, "status", status_of(refusal.reason));
    vp_json_add_text(&writer, "request_id", refusal.request_id);
    auth_refusal_write(&refusal, &writer);
    vp_json_put_key(&writer, "policies");
    vp_json_open_array(&writer);
    vp_json_close_array(&writer);
    vp_json_add_int(&writer, "ttl", 0);
    vp_json_put_key(&writer, "grants");
    vp_json_open_array(&writer);
    vp_json_close_array(&writer);
    vp_json_put_key(&writer, "summary");
    vp_json_open_array(&writer);
    vp_json_put_text(&writer, vp_reason_word(refusal.reason));
    vp_json_close_array(&writer);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the explanation", err);
}

/* ---- arguments ---- */

static enum vp_code check_uuids(const struct auth_explain_args *args, const struct auth_config *config,
                                struct vp_error *err)
{
    bool by_container = vp_text_is_set(args->container_uuid);
    if (by_container && auth_config_is_for_users(config))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"container_uuid\": no container logs in at a user mount");
    if (vp_text_is_set(args->user_uuid) && !arv_is_uuid(args->user_uuid, "tpzed"))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"user_uuid\" is not the uuid of a user");
    if (by_container && !arv_is_uuid(args->container_uuid, "dz642"))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"container_uuid\" is not the uuid of a container");
    if (args->token == NULL && config->service_token == NULL)
        return vp_fail(err, VP_REASON_SERVICE_TOKEN_MISSING,
                       "asking by uuid needs a service token in the config; give a container's token instead");
    return VP_OK;
}

enum vp_code auth_explain(const struct logical_call *call, struct vp_error *err)
{
    const struct auth_explain_args *args = call->args;
    VP_AUTO(auth_request_clear) struct auth_request request = { .call = call, .kind = AUTH_EXPLAIN, .age = AUTH_FRESH };
    if ((args->token != NULL) + vp_text_is_set(args->user_uuid) + vp_text_is_set(args->container_uuid) +
            vp_text_is_set(args->request_id) !=
        1)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "give one of the fields \"token\", \"user_uuid\", \"container_uuid\" and \"request_id\"");
    if (vp_text_is_set(args->request_id))
        return explain_refusal(call, args->request_id, err);
    VP_TRY(auth_request_open_without_role(&request, err));
    VP_TRY(check_uuids(args, auth_request_config(&request), err));
    request.role_name = args->role;
    request.sent_token = args->token;
    request.container_uuid = args->container_uuid;
    request.user_uuid = args->user_uuid;
    return explain_login(&request, err);
}
