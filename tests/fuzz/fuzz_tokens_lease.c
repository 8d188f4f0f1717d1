/* Internal data of a lease of the secrets engine. Decoded in full with valid fields, or refused.
 * Encoded data can be decoded. */
#include "fuzz.h"
#include "lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokens_lease lease = { 0 };
    struct tokens_lease again = { 0 };
    struct vp_error err = { 0 };
    char *text = fuzz_text(data, size);
    if (tokens_lease_decode(text, &lease, &err) == VP_OK) {
        assert(arv_is_uuid(lease.token_uuid, "gj3su") && arv_is_user_uuid(lease.user_uuid) && lease.token != NULL);
        assert(lease.issued_at_s >= 0 && lease.ttl_s >= 0 && lease.max_ttl_s >= 0 && lease.expires_at_s >= 0);
        char *written = tokens_lease_encode(&lease);
        assert(written != NULL && tokens_lease_decode(written, &again, &err) == VP_OK);
        assert(strcmp(lease.token_uuid, again.token_uuid) == 0 && vp_secret_equal(lease.token, again.token));
        assert(lease.scopes.n == again.scopes.n && lease.expires_at_s == again.expires_at_s);
        tokens_lease_clear(&again);
        vp_wipe_text(written);
    } else {
        assert(err.reason == VP_REASON_INTERNAL && lease.token == NULL);
    }
    tokens_lease_clear(&lease);
    free(text);
    return 0;
}
