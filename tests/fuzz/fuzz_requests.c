/* A sequence of requests by administrators and unauthenticated callers on one mount. A login after
 * them grants only valid policy names, and no response shows a secret. */
#include "vp/auth.h"
#include "vp/policy.h"

#include "fake_arvados.h"
#include "fake_call.h"
#include "fuzz.h"

static void check_reply(const struct fake_mount *mount)
{
    const char *shown = vp_buf_text(&mount->reply.data);
    assert(strstr(shown, "000009/sssssssssss") == NULL && strstr(shown, "000001/aaaaabbbbbccccc") == NULL);
    assert(strstr(mount->err.message, "000009/sssssssssss") == NULL &&
           strstr(mount->err.detail, "000009/sssssssssss") == NULL);
    if (mount->reply.auth == NULL)
        return;
    for (size_t i = 0; i < mount->reply.auth->policies.n; i++)
        assert(policy_name_check(mount->reply.auth->policies.items[i]) == POLICY_NAME_GOOD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum logical_operation OPERATIONS[] = { LOGICAL_UPDATE,       LOGICAL_READ,   LOGICAL_DELETE,
                                                         LOGICAL_LIST,         LOGICAL_HELP,   LOGICAL_CREATE,
                                                         LOGICAL_RESOLVE_ROLE, LOGICAL_UNKNOWN };
    struct fuzz_input input = { data, size };
    struct fake_mount mount;
    fake_http_set(fake_arvados_answer, NULL);
    fake_mount_init(&mount, auth_backend());
    for (int i = 0; i < 6 && input.left > 0; i++) {
        enum logical_operation operation = OPERATIONS[fuzz_byte(&input) % 8];
        char *path = fuzz_part(&input, NULL), *body = fuzz_part(&input, NULL);
        (void)fake_mount_call(&mount, operation, path, *body == '\0' ? NULL : body);
        check_reply(&mount);
        free(path);
        free(body);
    }
    (void)fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" FAKE_TOKEN "\"}");
    check_reply(&mount);
    fake_mount_clear(&mount);
    return 0;
}
