/* The server's one-time certificate from the environment. Parsed and pinned, or refused with an
 * error. */
#include "fuzz.h"
#include "tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plugin_tls *tls = NULL;
    struct vp_error err = { 0 };
    char *text = fuzz_text(data, size);
    if (plugin_tls_new(text, &tls, &err) == VP_OK)
        assert(strstr(text, "-----BEGIN ") != NULL && *plugin_tls_certificate(tls) != '\0');
    else
        assert(tls == NULL && err.reason != VP_REASON_NONE);
    plugin_tls_free(tls);
    free(text);
    return 0;
}
