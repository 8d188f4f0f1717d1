/* Group memberships. Every group returned was requested, and none is returned twice. */
#include "fuzz_cluster.h"

static char first[] = "zzzzz-j7d0g-000000000000001", second[] = "zzzzz-j7d0g-000000000000002";
static char *uuids[] = { first, second };

static void check(const struct vp_texts *found, const struct vp_texts *asked)
{
    for (size_t i = 0; i < found->n; i++) {
        assert(vp_texts_has(asked, found->items[i]));
        assert(i == 0 || strcmp(found->items[i - 1], found->items[i]) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    struct arv_members members = { 0 };
    struct vp_texts roles = { 0 };
    struct vp_error err = { 0 };
    const struct vp_texts asked = { uuids, 2 };
    const struct arv_credentials credentials = fuzz_credentials(true);
    struct arv_client *client = fuzz_client(&input);
    enum vp_code code = arv_members_among(client, &credentials, "zzzzz-tpzed-000000000000001", &asked, &members, &err);
    assert(code == VP_OK || (err.reason != VP_REASON_NONE && members.group_uuids.n == 0));
    check(&members.group_uuids, &asked);
    code = arv_groups_among(client, &credentials, &asked, "role", &roles, &err);
    assert(code == VP_OK || (err.reason != VP_REASON_NONE && roles.n == 0));
    check(&roles, &asked);
    arv_members_clear(&members);
    vp_texts_clear(&roles);
    return 0;
}
