/* Private to the module: what a lease keeps in its internal data, and what renewing and revoking it does at Arvados. */
#pragma once

#include "mount.h"

struct tokens_lease {
    char site_id[TOKENS_SITE_ID_LEN + 1];
    char token_uuid[ARV_UUID_LEN + 1];
    char user_uuid[ARV_UUID_LEN + 1];
    char *role; /* NULL: minted without one */
    struct vp_texts scopes;
    struct vp_secret *token; /* v2 */
    struct vp_secret
        *keeper; /* v2; NULL: the token can extend itself. Can widen the token's scopes, so it never leaves here */
    bool admins; /* minted with the role's allow_admins in force */
    int64_t issued_at_s;
    int64_t ttl_s;        /* as chosen at the mint, for renewals that ask for none */
    int64_t max_ttl_s;    /* as of the mint */
    int64_t expires_at_s; /* of the token, as Arvados last said */
};

/* How much longer than its lease a token is valid: for clocks that differ and for requests that take their time. */
enum { TOKENS_EXPIRY_MARGIN_S = 60 };

/* JSON; NULL without memory. */
char *tokens_lease_encode(const struct tokens_lease *lease);
VP_MUST_USE enum vp_code tokens_lease_decode(const char *internal_data, struct tokens_lease *ret_lease,
                                             struct vp_error *err);
void tokens_lease_clear(struct tokens_lease *lease);

/* The lifetimes that hold for a lease: of role (may be NULL), config and the host's mount. */
struct tokens_limits {
    int64_t ttl_s;
    int64_t max_ttl_s; /* from issue */
};
struct tokens_role;
VP_MUST_USE enum vp_code tokens_limits_get(const struct logical_call *call, const struct tokens_config *config,
                                           const struct tokens_role *role, struct tokens_limits *ret_limits,
                                           struct vp_error *err);

/* Ends the tokens at Arvados; they may be gone already. */
VP_MUST_USE enum vp_code tokens_lease_end(const struct logical_call *call, const struct tokens_lease *lease,
                                          struct vp_error *err);

/* Leaves that to the rollbacks to come. */
VP_MUST_USE enum vp_code tokens_lease_hand_over(const struct logical_call *call, const struct tokens_lease *lease,
                                                struct vp_error *err);

enum vp_code tokens_renew(const struct logical_call *call, struct vp_error *err);
enum vp_code tokens_revoke(const struct logical_call *call, struct vp_error *err);
