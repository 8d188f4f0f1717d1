/* Staying beside the command. */
#pragma once

#include "deliver.h"
#include "session.h"
#include "signals.h"

/* What there is to live by, told by fetch_plan(). */
struct supervise_leases {
    struct supervise_lease {
        char *id;
        int64_t ttl_s;       /* from the last renewal on */
        int64_t first_ttl_s; /* 0: the server did not say */
    } * items;
    size_t n;
};
enum vp_code supervise_note_lease(void *context, const struct vault_secret *secret, struct vp_error *err);
void supervise_leases_clear(struct supervise_leases *leases);

struct supervise_command {
    const char *shown; /* its name, for messages */
    char *const *argv;
    char *const *environment;
    const struct signals *signals; /* held by the caller; its mask is as before them */
};

/* Runs the command as a child: passes signals on, renews token and leases at half their life, logs in again and writes the
 * files anew when they can't be renewed, and ends with the child. *ret_status is the child's, or 128 and its signal.
 * The session is not connected at the begin, and may be at the end. */
VP_MUST_USE enum vp_code supervise_run(struct session *session, struct plan *plan, struct supervise_leases *leases,
                                       const struct supervise_command *command, int *ret_status, struct vp_error *err);
