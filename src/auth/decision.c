/* The checks of a login, a renewal and an explanation, in the order in which they are made. */
#include "decision.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "vp/clock.h"
#include "vp/policy.h"

#include "cidr.h"
#include "lease.h"

enum { WARNING_MAX = 160 };

void auth_decision_clear(struct auth_decision *decision)
{
    auth_token_clear(&decision->token);
    auth_identity_clear(&decision->identity);
    auth_grants_clear(&decision->grants);
    vp_texts_clear(&decision->policies);
    vp_texts_clear(&decision->warnings);
    *decision = (struct auth_decision){ 0 };
}

/* NULL: there is no container behind this request. */
static const struct arv_container *container_of(const struct auth_decision *decision)
{
    return decision->identity.records.has_container ? &decision->identity.records.container : NULL;
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static enum vp_code contradiction(const char *what, struct vp_error *err)
{
    (void)vp_fail(err, VP_REASON_UPSTREAM_BAD_ANSWER, "Arvados' answers about this token contradict each other");
    vp_error_add_detail(err, "%s", what);
    return vp_reason_code(VP_REASON_UPSTREAM_BAD_ANSWER);
}

/* ---- without facts from Arvados ---- */

static enum vp_code check_logins(const struct auth_request *request, struct auth_decision *decision,
                                 struct vp_error *err)
{
    const char *logins = auth_request_config(request)->logins;
    (void)decision;
    if (strcmp(logins, AUTH_LOGINS_ON) == 0)
        return VP_OK;
    if (request->kind == AUTH_RENEWAL && strcmp(logins, AUTH_LOGINS_OFF) == 0)
        return VP_OK;
    return vp_fail(err, VP_REASON_LOGINS_OFF, "%s are switched off at this mount (logins=%s)",
                   request->kind == AUTH_RENEWAL ? "renewals" : "logins", logins);
}

/* A mount that was changed to the other kind of login renews no token of before. */
static enum vp_code check_lease(const struct auth_request *request, struct auth_decision *decision,
                                struct vp_error *err)
{
    const struct auth_config *config = auth_request_config(request);
    const struct auth_lease *lease = request->lease;
    (void)decision;
    if (strcmp(lease->login_kind, config->login_kind) != 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "this mount no longer serves %.16s logins", lease->login_kind);
    if (lease->container_uuid == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "tokens of a user mount are not renewable; log in again");
    if (!arv_same_cluster(lease->container_uuid, config->site.cluster_id))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "container %s is not of this mount's cluster, %s",
                       lease->container_uuid, config->site.cluster_id);
    if (config->service_token == NULL && lease->run_token == NULL)
        return vp_fail(err, VP_REASON_SERVICE_TOKEN_MISSING,
                       "the mount had a service token at login and has none now, so this token can't be renewed; log "
                       "in again");
    return VP_OK;
}

/* The service token, where there is one, is asked about a login that was made before. */
static enum vp_code check_token_form(const struct auth_request *request, struct auth_decision *decision,
                                     struct vp_error *err)
{
    const struct vp_secret *sent = request->sent_token;
    if (request->lease != NULL && auth_request_config(request)->service_token == NULL)
        sent = request->lease->run_token;
    return sent == NULL ? VP_OK : arv_token_parse(sent, &decision->token.secret, &decision->token.parts, err);
}

static bool is_in_clusters(const char *uuid, const struct vp_texts *clusters)
{
    for (size_t i = 0; i < clusters->n; i++)
        if (arv_same_cluster(uuid, clusters->items[i]))
            return true;
    return false;
}

static enum vp_code check_token_cluster(const struct auth_request *request, const char *token_uuid,
                                        struct vp_error *err)
{
    if (is_in_clusters(token_uuid, &auth_request_config(request)->allowed_token_clusters))
        return VP_OK;
    return vp_fail(err, VP_REASON_CLUSTER_NOT_ALLOWED, "tokens of cluster %.5s may not log in at this mount",
                   token_uuid);
}

static enum vp_code check_cluster(const struct auth_request *request, struct auth_decision *decision,
                                  struct vp_error *err)
{
    if (decision->token.secret != NULL)
        return check_token_cluster(request, decision->token.parts.uuid, err);
    /* Explain by uuid learns the token with the container's record: see check_own_token(). */
    return request->lease == NULL ? VP_OK : check_token_cluster(request, request->lease->token_uuid, err);
}

/* The server enforces at each use of a token what the role said at its login, but not at the login itself, and not what the
 * role says now. */
static enum vp_code check_address(const struct auth_request *request, struct auth_decision *decision,
                                  struct vp_error *err)
{
    const struct auth_role *role = request->role;
    const char *address = request->call->remote_addr;
    (void)decision;
    if (role->token_bound_cidrs.n > 0 && (address == NULL || !auth_cidr_has(&role->token_bound_cidrs, address)))
        return vp_fail(err, VP_REASON_CIDR_MISMATCH, "role %.64s does not accept %.64s", role->name,
                       address == NULL ? "an unknown address" : address);
    if (role->token_strictly_bind_ip && request->kind == AUTH_LOGIN &&
        (address == NULL || !auth_cidr_is_valid(address)))
        return vp_fail(err, VP_REASON_CIDR_MISMATCH,
                       "role %.64s binds tokens to the caller's address, and the server gave none", role->name);
    return VP_OK;
}

/* The service token can't tell how the token of a login was made, so the lease does. A login with a salted token that the role
 * does not accept is refused by Arvados, which takes it for a wrong secret: hence the reason. */
static enum vp_code check_salted_token(const struct auth_request *request, struct auth_decision *decision,
                                       struct vp_error *err)
{
    const char *label = request->lease->salt_label;
    (void)decision;
    if (!vp_text_is_set(label) || (request->role->allow_salted && same(request->role->salt_label, label)))
        return VP_OK;
    return vp_fail(err, VP_REASON_TOKEN_REJECTED,
                   "the login's token was salted with \"%.8s\", which role %.64s no longer accepts; log in again",
                   label, request->role->name);
}

/* ---- the token, the container and the user ---- */

/* Arvados' sharing links hold tokens of narrow scope in public: such a token does not stand for its user. */
static enum vp_code check_sent_token(const struct auth_decision *decision, struct vp_error *err)
{
    const struct auth_identity *identity = &decision->identity;
    if (strcmp(identity->token_uuid, decision->token.parts.uuid) != 0)
        return contradiction("the token's record has another uuid than the token sent", err);
    if (strcmp(identity->token_owner_uuid, identity->records.user.uuid) != 0)
        return contradiction("users/current is not the token's owner", err);
    if (!arv_scopes_are_all(identity->token_scopes))
        return vp_fail(err, VP_REASON_TOKEN_SCOPE, "the token's scopes are not [\"all\"]");
    return VP_OK;
}

/* A runtime token belongs to no container: there the segment behind it is what named one, so it must be this one. A salted
 * token may name its container as well, and then it must be right. */
static enum vp_code check_named_container(const struct auth_decision *decision, struct vp_error *err)
{
    const struct arv_container *container = container_of(decision);
    const char *named = decision->token.parts.container_uuid;
    if (strcmp(named, container->uuid) == 0)
        return VP_OK;
    if (container->auth_uuid == NULL)
        return contradiction("a runtime token's container is another than the token names", err);
    if (decision->identity.salt_label != NULL && named[0] != '\0')
        return vp_fail(err, VP_REASON_NOT_CONTAINER_TOKEN, "the token names another container than its own, %s",
                       container->uuid);
    return VP_OK;
}

/* After Arvados merged two accounts, the tokens of the old user are the new one's, and running containers keep the old uuid. */
static enum vp_code check_runtime_user(const struct auth_decision *decision, struct vp_error *err)
{
    const struct arv_container *container = container_of(decision);
    const char *user_uuid = decision->identity.records.user.uuid;
    const char *token_uuid = decision->identity.token_uuid;
    if (container->runtime_user_uuid == NULL || strcmp(container->runtime_user_uuid, user_uuid) == 0)
        return VP_OK;
    if (token_uuid == NULL || (container->auth_uuid != NULL && strcmp(container->auth_uuid, token_uuid) != 0))
        return contradiction("the container's runtime_user_uuid is another user's", err);
    return vp_fail(err, VP_REASON_USER_MERGED,
                   "container %s was started by user %s, and its token belongs to user %s: Arvados merged the "
                   "accounts; "
                   "run it again",
                   container->uuid, container->runtime_user_uuid, user_uuid);
}

/* The two mounts of a site are apart so that what users may write is not what containers may read. */
static enum vp_code refuse_container_token(struct vp_error *err)
{
    return vp_fail(err, VP_REASON_NOT_USER_TOKEN, "the token is a container's, and this is a user mount");
}

static enum vp_code check_token_kind(const struct auth_request *request, struct auth_decision *decision,
                                     struct vp_error *err)
{
    bool names_container = decision->token.parts.container_uuid[0] != '\0';
    return names_container && auth_config_is_for_users(auth_request_config(request)) ? refuse_container_token(err)
                                                                                     : VP_OK;
}

static enum vp_code check_identity(const struct auth_request *request, struct auth_decision *decision,
                                   struct vp_error *err)
{
    const struct auth_config *config = auth_request_config(request);
    const struct arv_container *container = container_of(decision);
    bool by_token = decision->token.secret != NULL;
    if (container != NULL && auth_config_is_for_users(config))
        return refuse_container_token(err);
    /* Whatever the source of the facts: without a container most checks below have nothing to look at. */
    if (container == NULL && by_token && !auth_config_is_for_users(config))
        return vp_fail(err, VP_REASON_NOT_CONTAINER_TOKEN, "the token is not a container's");
    if (by_token)
        VP_TRY(check_sent_token(decision, err));
    if (container != NULL) {
        /* A renewal or explain would ask that cluster, with this one's service token. */
        if (!arv_same_cluster(container->uuid, config->site.cluster_id))
            return contradiction("the container is of another cluster", err);
        if (by_token)
            VP_TRY(check_named_container(decision, err));
        VP_TRY(check_runtime_user(decision, err));
    }
    if (request->lease != NULL && !(container != NULL && same(request->lease->container_uuid, container->uuid) &&
                                    same(request->lease->user_uuid, decision->identity.records.user.uuid)))
        return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING,
                       "the token belongs to another container or user than at login");
    return VP_OK;
}

/* The token is the container's own. `auth_uuid` is null only for a container that carries a runtime token, which its user
 * brought along and which outlives it. */
static enum vp_code check_own_token(const struct auth_request *request, struct auth_decision *decision,
                                    struct vp_error *err)
{
    const struct arv_container *container = container_of(decision);
    const struct auth_lease *lease = request->lease;
    const char *sent_uuid = decision->identity.token_uuid;
    if (container == NULL)
        return VP_OK;
    const char *own_uuid = container->auth_uuid;
    if (sent_uuid != NULL && own_uuid != NULL && strcmp(own_uuid, sent_uuid) != 0)
        return contradiction("the container's auth_uuid is another token's", err);
    /* After an unlock the container has another token or none: then it is not the one that logged in. */
    if (lease != NULL && (lease->runtime_token ? own_uuid != NULL : !same(own_uuid, lease->token_uuid)))
        return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING,
                       "container %s is %.16s and no longer has the token that logged in", container->uuid,
                       container->state);
    /* Before its start and after its end a container has no token at all: its state refuses it next. */
    bool has_token = strcmp(container->state, "Running") == 0 || strcmp(container->state, "Locked") == 0;
    if (own_uuid == NULL && has_token && !request->role->allow_runtime_token)
        return vp_fail(err, VP_REASON_RUNTIME_TOKEN, "container %s carries a runtime token, which outlives it",
                       container->uuid);
    return sent_uuid == NULL && lease == NULL && own_uuid != NULL ? check_token_cluster(request, own_uuid, err) : VP_OK;
}

static enum vp_code check_container_state(const struct auth_request *request, struct auth_decision *decision,
                                          struct vp_error *err)
{
    const struct arv_container *container = container_of(decision);
    if (container == NULL || vp_texts_has(&request->role->container_states, container->state))
        return VP_OK;
    return vp_fail(err, VP_REASON_CONTAINER_NOT_RUNNING, "container %s is %.16s", container->uuid, container->state);
}

static enum vp_code check_interactive_session(const struct auth_request *request, struct auth_decision *decision,
                                              struct vp_error *err)
{
    const struct arv_container *container = container_of(decision);
    if (container == NULL || !request->role->deny_interactive || !container->interactive_session_started)
        return VP_OK;
    return vp_fail(err, VP_REASON_INTERACTIVE_SESSION, "a shell was opened in container %s", container->uuid);
}

static enum vp_code check_image(const struct auth_request *request, struct auth_decision *decision,
                                struct vp_error *err)
{
    const struct arv_container *container = container_of(decision);
    const struct vp_texts *bound = &request->role->bound_container_images;
    if (container == NULL || bound->n == 0 ||
        (container->container_image != NULL && vp_texts_has(bound, container->container_image)))
        return VP_OK;
    return vp_fail(err, VP_REASON_BOUND_IMAGE, "container %s has another image than role %.64s is bound to",
                   container->uuid, request->role->name);
}

static enum vp_code check_user(const struct auth_request *request, struct auth_decision *decision, struct vp_error *err)
{
    const struct arv_user *user = &decision->identity.records.user;
    const struct auth_role *role = request->role;
    if (arv_is_system_user(user->uuid) || arv_is_anonymous_user(user->uuid))
        return vp_fail(err, VP_REASON_USER_FORBIDDEN, "user %s is the system or anonymous user", user->uuid);
    if (!is_in_clusters(user->uuid, &auth_request_config(request)->allowed_user_clusters))
        return vp_fail(err, VP_REASON_CLUSTER_NOT_ALLOWED, "users of cluster %.5s may not log in at this mount",
                       user->uuid);
    if (!user->is_active)
        return vp_fail(err, VP_REASON_USER_INACTIVE, "user %s is not active", user->uuid);
    if (user->is_admin && !role->allow_admins)
        return vp_fail(err, VP_REASON_USER_FORBIDDEN, "user %s is an Arvados admin", user->uuid);
    if (role->bound_user_uuids.n > 0 && !vp_texts_has(&role->bound_user_uuids, user->uuid))
        return vp_fail(err, VP_REASON_BOUND_USER, "user %s is not one that role %.64s is bound to", user->uuid,
                       role->name);
    return VP_OK;
}

/* ---- grants ---- */

static enum vp_code check_groups(const struct auth_request *request, struct auth_decision *decision,
                                 struct vp_error *err)
{
    const struct auth_role *role = request->role;
    if (auth_grants_in_bound_groups(request, &decision->grants))
        return VP_OK;
    if (auth_request_config(request)->service_token == NULL)
        return vp_fail(err, VP_REASON_SERVICE_TOKEN_MISSING,
                       "role %.64s is bound to groups, and only a service token can read who is in them", role->name);
    return vp_fail(err, VP_REASON_BOUND_GROUP, "user %s is in none of the groups that role %.64s is bound to%s",
                   decision->identity.records.user.uuid, role->name,
                   decision->grants.memberships.unknown ? "; this Arvados is too old to tell" : "");
}

static enum vp_code check_window(const struct auth_request *request, struct auth_decision *decision,
                                 struct vp_error *err)
{
    const struct arv_container *container = container_of(decision);
    int64_t window_s = request->role->login_window_s;
    if (container == NULL || window_s == 0 ||
        (container->started_at_s != VP_TIME_NONE && auth_now_s(request) - container->started_at_s <= window_s))
        return VP_OK;
    return vp_fail(err, VP_REASON_WINDOW_CLOSED, "container %s did not start within the last %lld seconds",
                   container->uuid, (long long)window_s);
}

static enum vp_code check_grants(const struct auth_request *request, struct auth_decision *decision,
                                 struct vp_error *err)
{
    if (decision->grants.result.policies.n > 0 || !request->role->require_grant)
        return VP_OK;
    (void)vp_fail(err, VP_REASON_NO_GRANT, "no grant of user %s counts at this mount",
                  decision->identity.records.user.uuid);
    auth_grants_add_drops(&decision->grants, err);
    return vp_reason_code(VP_REASON_NO_GRANT);
}

static enum vp_code add_role_policies(const struct auth_request *request, struct auth_decision *decision,
                                      struct vp_error *err)
{
    const struct vp_texts *of_role = &request->role->token_policies;
    for (size_t i = 0; i < of_role->n; i++) {
        const char *name = of_role->items[i];
        char text[WARNING_MAX];
        if (vp_texts_has(&decision->policies, name))
            continue;
        if (auth_config_allows(auth_request_config(request), name)) {
            VP_TRY(vp_texts_add(&decision->policies, name, err));
            continue;
        }
        (void)snprintf(text, sizeof text, "policy %s of the role dropped: the mount no longer allows it", name);
        VP_TRY(vp_texts_add(&decision->warnings, text, err));
    }
    return VP_OK;
}

/* A token's policies can't be changed, so one withdrawn grant ends its renewal. "default" is the server's own addition. */
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

static enum vp_code check_policies(const struct auth_request *request, struct auth_decision *decision,
                                   struct vp_error *err)
{
    struct vp_texts *policies = &decision->policies;
    int64_t max_policies = auth_request_config(request)->max_policies;
    VP_TRY(vp_texts_add_all(policies, &decision->grants.result.policies, err));
    VP_TRY(add_role_policies(request, decision, err));
    /* Nothing goes around the one check, whichever module it came through. */
    for (size_t i = 0; i < policies->n; i++)
        assert(policy_name_check(policies->items[i]) == POLICY_NAME_GOOD);
    if ((int64_t)policies->n > max_policies)
        return vp_fail(err, VP_REASON_TOO_MANY_POLICIES,
                       "the token would get %zu policies, more than max_policies=%lld", policies->n,
                       (long long)max_policies);
    if (request->kind != AUTH_RENEWAL)
        return VP_OK;
    VP_TRY(check_still_granted(&request->call->auth->policies, policies, err));
    return check_still_granted(&request->call->auth->token_policies, policies, err);
}

/* The server counts the token's TTL from its own clock, later than this: so no time that passed while Arvados was asked may be
 * given away. */
static enum vp_code check_lifetime(const struct auth_request *request, struct auth_decision *decision,
                                   struct vp_error *err)
{
    int64_t now_s = auth_now_s(request);
    VP_TRY(auth_lifetime(request->role, decision->identity.token_expires_at_s, decision->grants.result.expires_at_s,
                         now_s, &decision->terms, err));
    if (request->kind != AUTH_RENEWAL)
        return VP_OK;
    int64_t issued_at_s = request->call->auth->issued_at_s;
    return auth_lifetime_renew(request->role, now_s > issued_at_s ? now_s - issued_at_s : 0, &decision->terms, err);
}

/* ---- the table ---- */

enum { ALL = AUTH_LOGIN | AUTH_RENEWAL | AUTH_EXPLAIN };

/* clang-format off */
const struct auth_check AUTH_CHECKS[] = {
    { "logins", AUTH_FACTS_NONE, ALL, "the mount's switch \"logins\"",
      check_logins, { VP_REASON_LOGINS_OFF } },
    { "lease", AUTH_FACTS_NONE, AUTH_RENEWAL, "the token was issued by a mount of this kind, and can be checked again",
      check_lease, { VP_REASON_BAD_REQUEST, VP_REASON_SERVICE_TOKEN_MISSING } },
    { "token form", AUTH_FACTS_NONE, ALL, "the token has the form of a v2 token",
      check_token_form, { VP_REASON_TOKEN_MALFORMED } },
    { "cluster", AUTH_FACTS_NONE, ALL, "the token is of an allowed cluster",
      check_cluster, { VP_REASON_CLUSTER_NOT_ALLOWED } },
    { "address", AUTH_FACTS_NONE, AUTH_LOGIN | AUTH_RENEWAL, "the caller's address is within token_bound_cidrs",
      check_address, { VP_REASON_CIDR_MISMATCH } },
    { "token kind", AUTH_FACTS_NONE, AUTH_LOGIN | AUTH_EXPLAIN, "a token that names a container does not log in at a user mount",
      check_token_kind, { VP_REASON_NOT_USER_TOKEN } },
    { "salted token", AUTH_FACTS_NONE, AUTH_RENEWAL, "the role still accepts a token that was salted as that of the login",
      check_salted_token, { VP_REASON_TOKEN_REJECTED } },
    { "identity", AUTH_FACTS_IDENTITY, ALL, "Arvados knows the token, the container and the user, and its answers agree",
      check_identity, { VP_REASON_TOKEN_REJECTED, VP_REASON_TOKEN_SCOPE, VP_REASON_NOT_CONTAINER_TOKEN,
                        VP_REASON_NOT_USER_TOKEN, VP_REASON_USER_MERGED, VP_REASON_CONTAINER_NOT_RUNNING,
                        VP_REASON_UPSTREAM_BAD_ANSWER } },
    { "own token", AUTH_FACTS_IDENTITY, ALL, "the token is the container's own; a runtime token only where the role allows it",
      check_own_token, { VP_REASON_RUNTIME_TOKEN, VP_REASON_CONTAINER_NOT_RUNNING, VP_REASON_CLUSTER_NOT_ALLOWED,
                         VP_REASON_UPSTREAM_BAD_ANSWER } },
    { "container state", AUTH_FACTS_IDENTITY, ALL, "the container's state is one of container_states",
      check_container_state, { VP_REASON_CONTAINER_NOT_RUNNING } },
    { "interactive session", AUTH_FACTS_IDENTITY, ALL, "no shell was opened in the container",
      check_interactive_session, { VP_REASON_INTERACTIVE_SESSION } },
    { "image", AUTH_FACTS_IDENTITY, ALL, "the container's image is one of bound_container_images",
      check_image, { VP_REASON_BOUND_IMAGE } },
    { "user standing", AUTH_FACTS_IDENTITY, ALL, "the user is active, of an allowed cluster, no admin, and one of bound_user_uuids",
      check_user, { VP_REASON_USER_FORBIDDEN, VP_REASON_CLUSTER_NOT_ALLOWED, VP_REASON_USER_INACTIVE, VP_REASON_BOUND_USER } },
    { "groups", AUTH_FACTS_GRANTS, ALL, "the user is in one of bound_group_uuids",
      check_groups, { VP_REASON_BOUND_GROUP, VP_REASON_SERVICE_TOKEN_MISSING } },
    { "window", AUTH_FACTS_IDENTITY, AUTH_LOGIN | AUTH_EXPLAIN, "the container started within login_window",
      check_window, { VP_REASON_WINDOW_CLOSED } },
    { "grants", AUTH_FACTS_GRANTS, ALL, "at least one grant counts, unless require_grant is false",
      check_grants, { VP_REASON_NO_GRANT } },
    { "policies", AUTH_FACTS_GRANTS, ALL, "no more than max_policies; at a renewal, all that the token holds are still granted",
      check_policies, { VP_REASON_TOO_MANY_POLICIES, VP_REASON_NO_GRANT } },
    { "lifetime", AUTH_FACTS_GRANTS, ALL, "the token can be valid for 30 seconds at least",
      check_lifetime, { VP_REASON_LIFETIME_TOO_SHORT } },
    { 0 },
};
/* clang-format on */

static enum vp_code obtain(const struct auth_request *request, enum auth_facts wanted, struct auth_decision *decision,
                           struct vp_error *err)
{
    if (wanted >= AUTH_FACTS_IDENTITY && decision->facts < AUTH_FACTS_IDENTITY) {
        VP_TRY(auth_identity_obtain(request, &decision->token, &decision->identity, err));
        decision->facts = AUTH_FACTS_IDENTITY;
    }
    if (wanted >= AUTH_FACTS_GRANTS && decision->facts < AUTH_FACTS_GRANTS) {
        VP_TRY(auth_grants_obtain(request, &decision->token, &decision->identity, &decision->grants, err));
        decision->facts = AUTH_FACTS_GRANTS;
    }
    return VP_OK;
}

static enum vp_code walk(const struct auth_request *request, struct auth_decision *decision, struct vp_error *err)
{
    for (const struct auth_check *check = AUTH_CHECKS; check->name != NULL; check++) {
        if ((check->kinds & request->kind) == 0)
            continue;
        VP_TRY(obtain(request, check->needs, decision, err));
        VP_TRY(check->run(request, decision, err));
    }
    return VP_OK;
}

enum vp_code auth_decide(struct auth_request *request, struct auth_decision *decision, struct vp_error *err)
{
    for (;;) {
        auth_decision_clear(decision);
        VP_TRY(auth_request_open(request, err));
        VP_TRY(walk(request, decision, err));
        if (auth_request_is_current(request))
            return VP_OK;
        if (auth_now_ms(request) >= request->deadline_ms)
            return vp_fail(err, VP_REASON_UPSTREAM_TIMEOUT,
                           "the mount's configuration changed again and again until the request's time was up");
    }
}
