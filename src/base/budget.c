#include "vp/budget.h"

#include <assert.h>

static bool take_one(struct vp_budget *budget, size_t bytes)
{
    size_t used = atomic_load(&budget->used);
    do {
        if (bytes > budget->max || used > budget->max - bytes)
            return false;
    } while (!atomic_compare_exchange_weak(&budget->used, &used, used + bytes));
    return true;
}

bool vp_budget_take(struct vp_budget *budget, size_t bytes)
{
    if (!take_one(budget, bytes))
        return false;
    if (budget->whole == NULL || vp_budget_take(budget->whole, bytes))
        return true;
    atomic_fetch_sub(&budget->used, bytes);
    return false;
}

void vp_budget_give(struct vp_budget *budget, size_t bytes)
{
    for (; budget != NULL; budget = budget->whole) {
        size_t used = atomic_fetch_sub(&budget->used, bytes);
        assert(used >= bytes);
        (void)used;
    }
}
