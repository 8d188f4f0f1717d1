/* Internal data of an auth lease. Decoded in full with valid fields, or refused. */
#include "vp/arvados.h"

#include "fuzz.h"
#include "lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct auth_lease lease = { 0 };
    struct vp_error err = { 0 };
    char *text = fuzz_text(data, size);
    if (auth_lease_parse(text, &lease, &err) == VP_OK) {
        assert(arv_is_uuid(lease.user_uuid, "tpzed") && arv_is_uuid(lease.token_uuid, "gj3su"));
        assert((lease.container_uuid == NULL) == (strcmp(lease.login_kind, "user") == 0));
        assert(lease.container_uuid == NULL || arv_is_uuid(lease.container_uuid, "dz642"));
    } else {
        assert(err.reason == VP_REASON_BAD_REQUEST && lease.user_uuid == NULL);
    }
    auth_lease_clear(&lease);
    free(text);
    return 0;
}
