/* Memberships: a user is only ever a member of what was asked for, and of each once. */
#include "fuzz_cluster.h"

static char first[] = "zzzzz-j7d0g-000000000000001", second[] = "zzzzz-j7d0g-000000000000002";
static char *uuids[] = { first, second };

static void check(const struct vp_texts *found, const struct vp_texts *others, const struct vp_texts *asked)
{
    for (size_t i = 0; i < found->n; i++) {
        assert(vp_texts_has(asked, found->items[i]) && !vp_texts_has(others, found->items[i]));
        assert(i == 0 || strcmp(found->items[i - 1], found->items[i]) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    struct arv_memberships memberships = { 0 };
    struct vp_error err = { 0 };
    const struct vp_texts asked = { uuids, 2 };
    const struct arv_credentials credentials = fuzz_credentials(true);
    enum vp_code code = arv_memberships_among(fuzz_client(&input), &credentials, "zzzzz-tpzed-000000000000001", &asked,
                                              &memberships, &err);
    assert(code == VP_OK || (err.reason != VP_REASON_NONE && memberships.roles.n == 0));
    check(&memberships.roles, &memberships.trashed, &asked);
    check(&memberships.trashed, &memberships.roles, &asked);
    arv_memberships_clear(&memberships);
    return 0;
}
