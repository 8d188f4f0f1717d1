/* The system's own libraries follow the system's settings: a crypto policy, FIPS, name services. Nothing to tell them. */
#include "vp/libraries.h"

enum vp_code vp_libraries_settle(struct vp_error *err)
{
    (void)err;
    return VP_OK;
}
