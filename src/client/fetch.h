/* Reads what references name: each path once. */
#pragma once

#include "plan.h"
#include "session.h"

/* Fills `content` or sets `absent` of every sink. VP_REASON_SECRET_MISSING names the first one that is missing and not
 * optional. Secrets with a lease keep the session's token alive; `on_lease`, if given, is told of each. */
typedef enum vp_code (*fetch_lease)(void *context, const struct vault_secret *secret, struct vp_error *err);
VP_MUST_USE enum vp_code fetch_plan(struct session *session, struct plan *plan, fetch_lease on_lease, void *context,
                                    struct vp_error *err);

/* One reference. *ret_absent: it is optional and missing. */
VP_MUST_USE enum vp_code fetch_ref(struct session *session, const struct ref *ref, struct vp_buf *content,
                                   bool *ret_absent, struct vp_error *err);
