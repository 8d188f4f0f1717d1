/* Bytes that may be kept: a budget for each mount inside one for the process.
 *
 * What is kept for later, or waits, is charged before it is allocated and given back when it is
 * freed. What does not fit is not kept: the caller goes on without. Any thread. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct vp_budget {
    struct vp_budget *whole; /* the budget that this one is a part of; NULL: none */
    size_t max;              /* bytes */
    atomic_size_t used;
};

#define VP_BUDGET_INIT(whole_budget, max_bytes)     \
    {                                               \
        .whole = (whole_budget), .max = (max_bytes) \
    }

/* False: it does not fit into this budget or one above it, and nothing was taken. */
bool vp_budget_take(struct vp_budget *budget, size_t bytes);

/* Gives back what was taken, in whatever pieces. */
void vp_budget_give(struct vp_budget *budget, size_t bytes);
