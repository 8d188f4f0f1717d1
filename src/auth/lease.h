/* Private to the module: what a login stores with its token, so that a renewal can decide again. */
#pragma once

#include "decision.h"

/* What a renewal needs to find its login again. Stored with the lease, which the server encrypts. Owned strings. */
struct auth_lease {
    char *login_kind;
    char *role; /* "" for the defaults of a mount without roles */
    char *user_uuid;
    char *container_uuid; /* NULL: of a user mount */
    char *token_uuid;
    bool runtime_token;          /* the container does not own the token that logged in */
    char *salt_label;            /* the token that logged in was salted with it; NULL or "": it was not */
    struct vp_secret *run_token; /* only from a mount without a service token */
};
void auth_lease_clear(struct auth_lease *lease);

/* VP_REASON_BAD_REQUEST for internal data of another form. */
VP_MUST_USE enum vp_code auth_lease_parse(const char *internal_data, struct auth_lease *ret_lease,
                                          struct vp_error *err);

/* The lease of a login that was granted. The token goes into it only when the mount has no service token. */
VP_MUST_USE enum vp_code auth_lease_write(const struct auth_request *request, const struct auth_decision *decision,
                                          char **ret_text, struct vp_error *err);
