/* Staying beside the command. */
#pragma once

#include "deliver.h"
#include "session.h"

/* What there is to live by, told by fetch_plan(). */
struct supervise_leases {
    struct supervise_lease {
        char *id;
        int64_t ttl_s;
    } * items;
    size_t n;
};
enum vp_code supervise_note_lease(void *context, const struct vault_secret *secret, struct vp_error *err);
void supervise_leases_clear(struct supervise_leases *leases);

/* Runs `argv` with `environment` as a child: passes signals on, renews token and leases at half their life, logs in again
 * and writes the files anew when they can't be renewed, and ends with the child. *ret_status is the child's, or 128 and
 * its signal. */
VP_MUST_USE enum vp_code supervise_run(struct session *session, struct plan *plan, struct supervise_leases *leases,
                                       char *const *argv, char *const *environment, int *ret_status,
                                       struct vp_error *err);
