/* A PEM bundle. Accepted only if it holds a certificate, and the second check returns the same
 * result. */
#include "vp/http.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vp_error err = { 0 };
    char *text = fuzz_text(data, size);
    enum vp_code code = http_check_ca_pem(text, &err);
    assert(code == http_check_ca_pem(text, &(struct vp_error){ 0 }));
    assert(code != VP_OK || strstr(text, "-----BEGIN ") != NULL);
    assert(code == VP_OK || err.reason == VP_REASON_BAD_REQUEST);
    free(text);
    return 0;
}
