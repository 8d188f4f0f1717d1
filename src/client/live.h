/* A session that lasts: it logs in when it is first needed, renews its token and the leases of what was read, and logs in
 * again when the token has ended. For `serve`. Used by one thread. */
#pragma once

#include "session.h"

struct cli_live_lease {
    char *id;
    int64_t ttl_s;
    int64_t due_ms; /* monotonic: half of the TTL has passed */
};

struct cli_live {
    struct cli_session *session;
    bool authorised;
    int64_t token_ttl_s;  /* at its begin; 0: unknown, or it never expires */
    int64_t token_due_ms; /* monotonic, of the next renewal; 0: none */
    struct cli_live_lease *leases;
    size_t n_leases;
};

/* The session is connected and has no token yet; it outlives *ret_live. */
void cli_live_init(struct cli_live *ret_live, struct cli_session *session);
void cli_live_clear(struct cli_live *live);

/* Runs `work`, with a login before the first one that needs a token. A work that is denied with a token that has ended is run
 * again after another login: so it must be safe to repeat after a denial. The time limit of the settings is for each call. */
VP_MUST_USE enum vp_code cli_live_run(struct cli_live *live, cli_session_work work, void *context, bool needs_token,
                                      struct vp_error *err);

/* Keeps the lease of this secret, if it has one. */
VP_MUST_USE enum vp_code cli_live_add_lease(struct cli_live *live, const struct vault_secret *secret,
                                            struct vp_error *err);

/* Milliseconds until something is to be renewed, at least 0; -1: never. */
int64_t cli_live_wait_ms(const struct cli_live *live);

/* Renews what is due. A token that can't be renewed is replaced by another login. Failures are no error here: what fails for
 * want of a token says so itself. */
void cli_live_renew(struct cli_live *live);
