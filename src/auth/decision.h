/* Private to the module: may this request have a token, and which one?
 *
 * Login, renewal and explain are decided by one ordered table of checks. They differ only in where the facts come from
 * (identity.c, grants.c) and in how the decision is encoded (issue.c, path_renew.c, path_explain.c). */
#pragma once

#include "grants.h"
#include "identity.h"
#include "lifetime.h"

/* What is known so far; each includes the one before. */
enum auth_facts { AUTH_FACTS_NONE, AUTH_FACTS_IDENTITY, AUTH_FACTS_GRANTS };

struct auth_decision {
    enum auth_facts facts; /* how far the checks came */
    struct auth_token token;
    struct auth_identity identity;
    struct auth_grants grants;
    struct vp_texts policies; /* all that the token gets, distinct */
    struct auth_terms terms;
    struct vp_texts warnings;
};
void auth_decision_clear(struct auth_decision *decision);

/* One row of the table. */
struct auth_check {
    const char *name;
    enum auth_facts needs;
    unsigned kinds; /* of enum auth_kind: requests that the check applies to */
    const char *summary;
    enum vp_code (*run)(const struct auth_request *request, struct auth_decision *decision, struct vp_error *err);
    enum vp_reason reasons[8]; /* what it may refuse with; ends with VP_REASON_NONE */
};
extern const struct auth_check AUTH_CHECKS[]; /* ends with a row without a name */

/* Opens the request and walks the table. The first check that refuses ends it; facts are obtained only when a check needs
 * them. If the mount's configuration changed meanwhile, decides again with the new one, within the same deadline: what was
 * withdrawn while Arvados was asked is not granted. On failure the decision holds what was found until then; it is to be
 * cleared in any case, before the request. */
VP_MUST_USE enum vp_code auth_decide(struct auth_request *request, struct auth_decision *decision,
                                     struct vp_error *err);
