#include "selfcheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "socket_dir.h"
#include "tls.h"

enum { DESCRIPTORS_NEEDED = 256 };

static enum vp_code check_socket_dir(const struct logical_backend *backend, struct vp_error *err)
{
    struct plugin_socket_dir dir = { 0 };

    (void)backend;
    VP_TRY(plugin_socket_dir_make(NULL, &dir, err));
    plugin_socket_dir_clear(&dir);
    return VP_OK;
}

static enum vp_code check_certificate(const struct logical_backend *backend, struct vp_error *err)
{
    (void)backend;
    return plugin_tls_check(err);
}

static enum vp_code check_backend(const struct logical_backend *backend, struct vp_error *err)
{
    void *shared = NULL;

    VP_TRY(backend->shared_new(&shared, err));
    backend->shared_free(shared);
    return VP_OK;
}

static enum vp_code check_descriptors(const struct logical_backend *backend, struct vp_error *err)
{
    struct rlimit limit = { 0 };

    (void)backend;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < DESCRIPTORS_NEEDED)
        return vp_fail(err, VP_REASON_INTERNAL, "only %llu file descriptors are allowed",
                       (unsigned long long)limit.rlim_max);
    return VP_OK;
}

static const struct {
    const char *what;
    enum vp_code (*check)(const struct logical_backend *backend, struct vp_error *err);
    const char *mend;
} CHECKS[] = {
    { "a socket can be made in the temporary directory", check_socket_dir,
      "set TMPDIR in the host's environment to a short path of a directory that the host's user can write to" },
    { "keys and certificates can be made", check_certificate, "look at the installation of OpenSSL 3" },
    { "the backend starts", check_backend, "see the reason; limits on memory and threads are the usual ones" },
    { "enough file descriptors are allowed", check_descriptors, "raise LimitNOFILE of the host's service to 65536" },
};

int plugin_selfcheck(const struct logical_backend *backend)
{
    int status = EXIT_SUCCESS;

    for (size_t i = 0; i < sizeof CHECKS / sizeof CHECKS[0]; i++) {
        struct vp_error err = { 0 };
        if (CHECKS[i].check(backend, &err) == VP_OK) {
            printf("ok    %s\n", CHECKS[i].what);
            continue;
        }
        printf("FAIL  %s: %s%s%s. Mend: %s\n", CHECKS[i].what, err.message, *err.detail == '\0' ? "" : "; ", err.detail,
               CHECKS[i].mend);
        status = EXIT_FAILURE;
    }
    return status;
}
