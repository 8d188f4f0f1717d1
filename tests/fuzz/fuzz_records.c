/* Damaged stored records of config and roles, then a login. Refused, or granted only policies that
 * the record allows. */
#include "vp/auth.h"
#include "vp/policy.h"

#include "fake_arvados.h"
#include "fake_call.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    struct fake_mount mount;
    char *config = fuzz_part(&input, NULL), *role = fuzz_part(&input, NULL);
    fake_http_set(fake_arvados_answer, NULL);
    fake_mount_init(&mount, auth_backend());
    fake_storage_plant(mount.storage, "config", config);
    fake_storage_plant(mount.storage, "role/r", role);
    enum vp_code code =
        fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" FAKE_TOKEN "\",\"role\":\"r\"}");
    assert(code == VP_OK || mount.err.reason != VP_REASON_NONE);
    if (code == VP_OK) {
        assert(mount.reply.auth->ttl_s > 0 && mount.reply.auth->alias_name != NULL);
        for (size_t i = 0; i < mount.reply.auth->policies.n; i++)
            assert(policy_name_check(mount.reply.auth->policies.items[i]) == POLICY_NAME_GOOD);
    }
    (void)fake_mount_call(&mount, LOGICAL_READ, "config", NULL);
    (void)fake_mount_call(&mount, LOGICAL_READ, "role/r", NULL);
    fake_mount_clear(&mount);
    free(config);
    free(role);
    return 0;
}
