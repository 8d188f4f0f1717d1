/* The path explain: the same decision as a login's, told instead of taken. Issues nothing. */
#include <string.h>

#include "issue.h"
#include "mount.h"
#include "paths.h"
#include "roles.h"

#define AT(member) offsetof(struct auth_explain_args, member)

const struct logical_field AUTH_EXPLAIN_FIELDS[] = {
    { "token", LOGICAL_SECRET, AT(token), 0, NULL, 0, 0, "A container's run token." },
    { "user_uuid", LOGICAL_TEXT, AT(user_uuid), 0, NULL, 0, 0, "An Arvados user: what is granted to him?" },
    { "container_uuid", LOGICAL_TEXT, AT(container_uuid), 0, NULL, 0, 0, "A container: could it log in?" },
    { "role", LOGICAL_TEXT, AT(role), 0, NULL, 0, 0, "As a login would name it." },
    { 0 },
};

/* What was found out, as far as it came. */
struct told {
    struct arv_identity identity; /* records that were not asked for are empty */
    struct auth_grants grants;
    struct arv_links others; /* links to the user or his roles that nobody trusted owns */
    struct vp_texts policies;
    struct auth_terms terms;
};

static void told_clear(struct told *told)
{
    arv_identity_clear(&told->identity);
    auth_grants_clear(&told->grants);
    arv_links_clear(&told->others);
    vp_texts_clear(&told->policies);
}

/* ---- who ---- */

static enum vp_code find_by_token(const struct auth_request *request, const struct vp_secret *given, struct told *told,
                                  struct vp_error *err)
{
    struct auth_token token = { 0 };
    VP_TRY(auth_token_check(request->snapshot, given, &token, err));
    enum vp_code code = auth_identify(request, &token, &told->identity, err);
    auth_token_clear(&token);
    return code;
}

static enum vp_code find_user(const struct auth_request *request, const char *uuid, struct told *told,
                              struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(request, NULL);
    VP_TRY(arv_find_user(request->snapshot->arvados, &credentials, uuid, &told->identity.user, err));
    return auth_check_user(&told->identity.user, &request->snapshot->config, request->role, err);
}

static enum vp_code find_by_container(const struct auth_request *request, const char *uuid, struct told *told,
                                      struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(request, NULL);
    struct arv_container *container = &told->identity.container;
    VP_TRY(arv_find_container(request->snapshot->arvados, &credentials, uuid, container, err));
    told->identity.has_container = true;
    if (container->runtime_user_uuid == NULL)
        return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING, "container %s is %.16s and has no runtime user", uuid,
                       container->state);
    VP_TRY(auth_check_container(container, container->runtime_user_uuid, request->role, err));
    VP_TRY(
        auth_check_own_token(container, container->auth_uuid == NULL ? "" : container->auth_uuid, request->role, err));
    return find_user(request, container->runtime_user_uuid, told, err);
}

/* ---- what ---- */

static enum vp_code tails_of(const struct told *told, struct vp_texts *tails, struct vp_error *err)
{
    VP_TRY(vp_texts_add(tails, told->identity.user.uuid, err));
    return vp_texts_add_all(tails, &told->grants.user->memberships.roles, err);
}

/* A login never asks for links of others than the trusted owners. Here they are shown, since "I made the grant, why does it
 * not count?" most often means that it has the wrong owner. They can't be more than a page: anybody may make such links. */
static enum vp_code find_others(const struct logical_call *call, const struct auth_request *request,
                                const struct vp_secret *token, struct told *told, struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(request, token);
    struct arv_link_query query = auth_link_query(&request->snapshot->config);
    struct vp_texts tails = { 0 };
    bool more = false;
    query.tail_uuids = &tails;
    enum vp_code code = tails_of(told, &tails, err);
    if (code == VP_OK)
        code = arv_links_of_others(request->snapshot->arvados, &credentials, &query, &told->others, &more, err);
    vp_texts_clear(&tails);
    if (code != VP_OK)
        return vp_texts_add(&call->reply->warnings, "links of untrusted owners could not be read, so none is shown",
                            err);
    return more ? vp_texts_add(&call->reply->warnings, "more links of untrusted owners are not shown", err) : VP_OK;
}

static enum vp_code decide(const struct logical_call *call, const struct auth_request *request,
                           const struct auth_explain_args *args, struct told *told, struct vp_error *err)
{
    struct arv_identity *identity = &told->identity;
    if (args->token != NULL)
        VP_TRY(find_by_token(request, args->token, told, err));
    else if (vp_text_is_set(args->container_uuid))
        VP_TRY(find_by_container(request, args->container_uuid, told, err));
    else
        VP_TRY(find_user(request, args->user_uuid, told, err));
    const struct auth_grantee grantee = auth_grantee_of(request, identity);
    VP_TRY(auth_grants_of(request, AUTH_FRESH, args->token, &grantee, &told->grants, err));
    VP_TRY(find_others(call, request, args->token, told, err));
    if (identity->has_container)
        VP_TRY(auth_check_window(request->role, &identity->container, grantee.now_s, err));
    VP_TRY(auth_policies(request, &told->grants, &told->policies, &call->reply->warnings, err));
    return auth_lifetime(request->role, auth_token_end_s(identity), told->grants.result.expires_at_s, grantee.now_s,
                         &told->terms, err);
}

/* ---- telling ---- */

static void write_grant(const struct arv_link *link, enum policy_drop drop, struct vp_json_writer *writer)
{
    vp_json_open_object(writer);
    auth_grants_tell(link, drop, writer);
    vp_json_close_object(writer);
}

static void write_grants(const struct told *told, struct vp_json_writer *writer)
{
    vp_json_put_key(writer, "grants");
    vp_json_open_array(writer);
    for (size_t i = 0; i < told->grants.result.n_verdicts; i++)
        write_grant(told->grants.links[i], told->grants.result.verdicts[i], writer);
    for (size_t i = 0; i < told->others.n; i++)
        write_grant(&told->others.items[i], POLICY_UNTRUSTED_OWNER, writer);
    vp_json_close_array(writer);
}

static int status_of(enum vp_code code)
{
    return code == VP_OK ? 200 : code == VP_ERR_DENIED ? 403 : 400;
}

static enum vp_code answer(const struct logical_call *call, const struct auth_role *role, const struct told *told,
                           enum vp_code code, const struct vp_error *refusal, struct vp_error *err)
{
    struct vp_json_writer writer;
    bool granted = code == VP_OK;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "outcome", granted ? "granted" : "refused");
    vp_json_add_text(&writer, "reason", granted ? NULL : vp_reason_word(refusal->reason));
    vp_json_add_text(&writer, "detail", granted ? NULL : refusal->message);
    vp_json_add_int(&writer, "status", status_of(code));
    vp_json_add_text(&writer, "user_uuid", told->identity.user.uuid);
    vp_json_add_text(&writer, "container_uuid", told->identity.container.uuid);
    vp_json_add_text(&writer, "role", role == NULL ? "" : role->name);
    vp_json_put_key(&writer, "policies");
    vp_json_open_array(&writer);
    for (size_t i = 0; granted && i < told->policies.n; i++)
        vp_json_put_text(&writer, told->policies.items[i]);
    vp_json_close_array(&writer);
    vp_json_add_int(&writer, "ttl", granted ? told->terms.ttl_s : 0);
    write_grants(told, &writer);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the explanation", err);
}

/* A refusal that a login would meet is an answer here; what keeps us from knowing is a failure. */
static bool is_outcome(enum vp_code code, const struct vp_error *fault)
{
    return code == VP_OK || code == VP_ERR_DENIED ||
           (code == VP_ERR_INPUT && fault->reason != VP_REASON_BAD_REQUEST &&
            fault->reason != VP_REASON_NOT_CONFIGURED);
}

static enum vp_code explain(const struct logical_call *call, const struct auth_explain_args *args,
                            const struct auth_snapshot *snapshot, struct vp_error *err)
{
    const struct auth_role *role = NULL;
    struct told told = { 0 };
    struct vp_error refusal = { 0 };
    const char *name = vp_text_is_set(args->role) ? args->role : snapshot->config.default_role;
    enum vp_code code = auth_role_for(call, snapshot, name, &role, &refusal);
    if (code == VP_OK) {
        const struct auth_request request = auth_request_of(call, snapshot, role);
        code = decide(call, &request, args, &told, &refusal);
    }
    if (is_outcome(code, &refusal)) {
        code = answer(call, role, &told, code, &refusal, err);
    } else if (err != NULL) {
        *err = refusal;
    }
    told_clear(&told);
    return code;
}

static enum vp_code check_args(const struct auth_explain_args *args, const struct auth_snapshot *snapshot,
                               struct vp_error *err)
{
    bool by_user = vp_text_is_set(args->user_uuid);
    bool by_container = vp_text_is_set(args->container_uuid);
    if ((args->token != NULL) + by_user + by_container != 1)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "give one of the fields \"token\", \"user_uuid\" and \"container_uuid\"");
    if (by_container && auth_config_is_for_users(&snapshot->config))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "field \"container_uuid\": no container logs in at a mount for people");
    if (by_user && !arv_is_uuid(args->user_uuid, "tpzed"))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"user_uuid\" is not the uuid of a user");
    if (by_container && !arv_is_uuid(args->container_uuid, "dz642"))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"container_uuid\" is not the uuid of a container");
    if (args->token == NULL && snapshot->config.service_token == NULL)
        return vp_fail(err, VP_REASON_SERVICE_TOKEN_MISSING,
                       "asking by uuid needs a service token in the config; give a container's token instead");
    return VP_OK;
}

enum vp_code auth_explain(const struct logical_call *call, struct vp_error *err)
{
    struct auth_snapshot *snapshot = NULL;
    VP_TRY(auth_snapshot_get(call, &snapshot, err));
    enum vp_code code = check_args(call->args, snapshot, err);
    if (code == VP_OK)
        code = explain(call, call->args, snapshot, err);
    auth_snapshot_release(&snapshot);
    return code;
}
