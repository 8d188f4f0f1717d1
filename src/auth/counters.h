/* Private to the room: what a mount did on this node since its start. Written by any thread. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "vp/error.h"
#include "vp/policy.h"

/* Outcomes of one kind of request; VP_REASON_NONE counts those that were granted. */
struct auth_outcomes {
    atomic_uint_least64_t by_reason[VP_REASON_N];
};

struct auth_counters {
    struct auth_outcomes logins;
    struct auth_outcomes renewals;
    /* Links that were dropped at logins that were granted, at each login anew. Refused logins, renewals and explain add nothing. */
    atomic_uint_least64_t drops[POLICY_N_DROPS];
    atomic_uint_least64_t cache_hits;
    atomic_uint_least64_t cache_misses;
};

/* Counts the end of a request; one that the host sends on to another node is not ended here. */
void auth_outcomes_count(struct auth_outcomes *outcomes, enum vp_code code, const struct vp_error *err);
