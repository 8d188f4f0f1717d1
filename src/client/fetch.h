/* Reads what references name: each path once. */
#pragma once

#include "plan.h"
#include "session.h"

/* What a path gave. */
struct cli_fetch_read {
    const char *path; /* borrowed from the first reference to it */
    char *words;      /* of a missing one: why */
    struct vault_secret secret;
    int64_t ttl_s;   /* of its lease, from the last renewal on; 0: the server did not say */
    int64_t ends_ms; /* monotonic: when the lease expires; 0: never */
    bool missing;
    bool fixed; /* in a variable or an argument, which can't be replaced while the command runs */
    bool stale; /* not to be used for another delivery: read again */
};
struct cli_fetch_reads {
    struct cli_fetch_read *items;
    size_t n;
    bool only_files; /* variables and arguments have been delivered, and stay as they are */
    bool replaces_all; /* variables too: the command is started again with them */
};
void cli_fetch_read_clear(struct cli_fetch_read *read);
void cli_fetch_reads_clear(struct cli_fetch_reads *reads);
void cli_fetch_set_ttl(struct cli_fetch_read *read, int64_t ttl_s); /* from now on */

/* Fills `content` or sets `absent` of every sink, and `changed` where it differs from before. VP_REASON_SECRET_MISSING names the first one that is missing and not
 * optional. Secrets with a lease keep the session's token alive. Every read of one makes another lease: so those in *leased are
 * not read again, and those that were are added, whatever fails after them. `leased` may be NULL: nobody renews them. */
VP_MUST_USE enum vp_code cli_fetch_plan(struct cli_session *session, struct cli_plan *plan,
                                        struct cli_fetch_reads *leased, struct vp_error *err);

/* One reference; `as_json`: strings in quotes. *ret_absent: it is optional and missing. */
VP_MUST_USE enum vp_code cli_fetch_ref(struct cli_session *session, const struct cli_ref *ref, bool as_json,
                                       struct vp_buf *content, bool *ret_absent, struct vp_error *err);
