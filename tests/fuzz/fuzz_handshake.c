/* The handshake variables that the server sets. Parsed in full, or refused. */
#include "fuzz.h"
#include "handshake.h"

static const char *const NAMES[] = { "PLUGIN_PROTOCOL_VERSIONS",   "PLUGIN_CLIENT_CERT",    "PLUGIN_UNIX_SOCKET_DIR",
                                     "PLUGIN_UNIX_SOCKET_GROUP",   "PLUGIN_MULTIPLEX_GRPC", "BAO_PLUGIN_METADATA_MODE",
                                     "VAULT_PLUGIN_METADATA_MODE", "BAO_BACKEND_PLUGIN",    "VAULT_BACKEND_PLUGIN",
                                     "VAULT_MLOCK_ENABLED" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    struct plugin_handshake handshake = { 0 };
    struct vp_error err = { 0 };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char *value = fuzz_part(&input, NULL);
        if (*value == '\0')
            unsetenv(NAMES[i]);
        else
            assert(setenv(NAMES[i], value, 1) == 0);
        free(value);
    }
    (void)plugin_handshake_has_cookie();
    if (plugin_handshake_read(&handshake, &err) == VP_OK)
        assert(handshake.host_cert_pem != NULL && *handshake.host_cert_pem != '\0');
    else
        assert(err.reason != VP_REASON_NONE);
    plugin_handshake_clear(&handshake);
    return 0;
}
