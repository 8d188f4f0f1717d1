/* For the self-contained program: no code of the system it happens to run on is loaded into it.
 *
 * The settings of a system may name modules, of name services in nsswitch.conf and of OpenSSL in openssl.cnf. They were
 * built for that system's C library. Loaded into this program they would bring it along as a second one, beside the one
 * inside: they may end the process, or worse, seem to work. */
#include <nss.h>
#include <openssl/crypto.h>
#include <stddef.h>

#include "vp/libraries.h"

/* What is looked up by name, and where: the sources that are built into libc. */
static const struct {
    const char *database;
    const char *sources;
} LOOKUPS[] = {
    { "hosts", "files dns" },
    /* the group that a host shares sockets with */
    { "group", "files" },
    /* nobody asks for these two, but for calls inside libraries that nothing of ours leads to */
    { "passwd", "files" },
    { "services", "files" },
};

enum vp_code vp_libraries_settle(struct vp_error *err)
{
    /* OpenSSL reads its settings at its first use and once; libcurl's own wish to load them comes too late. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return vp_fail(err, VP_REASON_INTERNAL, "OpenSSL can't be initialised");
    for (size_t i = 0; i < VP_LEN(LOOKUPS); i++)
        if (__nss_configure_lookup(LOOKUPS[i].database, LOOKUPS[i].sources) != 0)
            return vp_fail(err, VP_REASON_INTERNAL, "the look-up of %s can't be set", LOOKUPS[i].database);
    return VP_OK;
}
