#include "handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vp/buf.h"
#include "vp/io.h"

/* The same in OpenBao and Vault; no secret, only a mark that a host started us (go-plugin's handshake config). */
static const char COOKIE_NAME[] = "VAULT_BACKEND_PLUGIN";
static const char COOKIE[] = "6669da05-b1c8-4f49-97d9-c8e5bed98e20";

enum { LINE_MAX_BYTES = 4096 };

bool plugin_handshake_has_cookie(void)
{
    const char *value = getenv(COOKIE_NAME);
    return value != NULL && strcmp(value, COOKIE) == 0;
}

/* The comma list has just the item "5". Whatever follows it is not ours to understand. */
static bool offers_protocol_5(const char *versions)
{
    while (versions != NULL) {
        if (versions[0] == '5' && (versions[1] == ',' || versions[1] == '\0'))
            return true;
        const char *comma = strchr(versions, ',');
        versions = comma == NULL ? NULL : comma + 1;
    }
    return false;
}

static const char *host_variable(const char *bao_name, const char *vault_name)
{
    const char *value = getenv(bao_name);
    return value != NULL ? value : getenv(vault_name);
}

/* Go's strconv.ParseBool, as far as hosts write it. */
static bool is_true(const char *value)
{
    static const char *const WORDS[] = { "1", "t", "T", "true", "TRUE", "True" };

    for (size_t i = 0; value != NULL && i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (strcmp(value, WORDS[i]) == 0)
            return true;
    return false;
}

/* A copy of a variable; NULL when it is missing or empty. */
static bool copy_variable(const char *name, char **ret_copy)
{
    const char *value = getenv(name);

    *ret_copy = value == NULL || *value == '\0' ? NULL : strdup(value);
    return *ret_copy != NULL || value == NULL || *value == '\0';
}

enum vp_code plugin_handshake_read(struct plugin_handshake *ret_handshake, struct vp_error *err)
{
    struct plugin_handshake read = {
        .multiplex_field = getenv("PLUGIN_MULTIPLEX_GRPC") != NULL,
        .metadata_mode = is_true(host_variable("BAO_PLUGIN_METADATA_MODE", "VAULT_PLUGIN_METADATA_MODE")),
        .on_vault = getenv("BAO_VERSION") == NULL && getenv("VAULT_VERSION") != NULL,
        .lock_memory = is_true(host_variable("BAO_PLUGIN_MLOCK_ENABLED", "VAULT_PLUGIN_MLOCK_ENABLED")),
    };

    if (!offers_protocol_5(getenv("PLUGIN_PROTOCOL_VERSIONS")))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "the host does not offer plugin protocol 5, and no other is spoken. "
                       "A host that knows 5 asks so after a start with it failed: the error before this one says why");
    if (!copy_variable("PLUGIN_CLIENT_CERT", &read.host_cert_pem) ||
        !copy_variable("PLUGIN_UNIX_SOCKET_DIR", &read.socket_dir) ||
        !copy_variable("PLUGIN_UNIX_SOCKET_GROUP", &read.socket_group)) {
        plugin_handshake_clear(&read);
        return vp_fail_no_memory(err);
    }
    if (read.host_cert_pem == NULL) {
        plugin_handshake_clear(&read);
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "PLUGIN_CLIENT_CERT is missing: the host does not offer mutual TLS (AutoMTLS)");
    }
    *ret_handshake = read;
    return VP_OK;
}

void plugin_handshake_clear(struct plugin_handshake *handshake)
{
    free(handshake->host_cert_pem);
    free(handshake->socket_dir);
    free(handshake->socket_group);
    *handshake = (struct plugin_handshake){ 0 };
}

enum vp_code plugin_handshake_answer(int fd, const struct plugin_handshake *handshake, const char *socket_path,
                                     const char *certificate, struct vp_error *err)
{
    struct vp_buf line = VP_BUF_INIT(LINE_MAX_BYTES);

    /* core protocol 1, plugin protocol 5 */
    vp_buf_add_format(&line, "1|5|unix|%s|grpc|%s%s\n", socket_path, certificate,
                      handshake->multiplex_field ? "|true" : "");
    enum vp_code code = vp_buf_check(&line, "the handshake line", err);
    if (code == VP_OK && !vp_write_all(fd, line.data, line.len))
        code = vp_fail(err, VP_REASON_INTERNAL, "cannot write the handshake: %s", strerror(errno));
    vp_buf_clear(&line);
    return code;
}
