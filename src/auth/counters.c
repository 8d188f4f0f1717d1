#include "counters.h"

void auth_outcomes_count(struct auth_outcomes *outcomes, enum vp_code code, const struct vp_error *err)
{
    enum vp_reason reason = code == VP_OK ? VP_REASON_NONE : err->reason;
    if (reason != VP_REASON_HOST)
        atomic_fetch_add(&outcomes->by_reason[reason], 1);
}
