/* Pages of links. An accepted list is sorted by uuid, has no duplicates and matches the announced
 * count. */
#include "fuzz_cluster.h"

static char owner[] = "zzzzz-tpzed-000000000000000";
static char *owners[] = { owner };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    struct arv_links links = { 0 };
    struct vp_error err = { 0 };
    const struct vp_texts asked = { owners, 1 };
    const struct arv_credentials credentials = fuzz_credentials(true);
    const struct arv_link_query query = { .link_class = "vault_policy",
                                          .owner_uuids = &asked,
                                          .too_many_is_fine = true };
    enum vp_code code = arv_links_list(fuzz_client(&input), &credentials, &query, &links, &err);
    assert(code == VP_OK || err.reason != VP_REASON_NONE);
    assert((code == VP_OK && !links.too_many) || links.n == 0);
    for (size_t i = 0; i < links.n; i++) {
        assert(arv_is_uuid(links.items[i].uuid, "o0j2j"));
        assert(i == 0 || strcmp(links.items[i - 1].uuid, links.items[i].uuid) < 0);
        assert(links.items[i].name == NULL || *links.items[i].name != '\0');
        assert(links.items[i].properties == NULL || vp_json_type(links.items[i].properties) == VP_JSON_OBJECT);
    }
    arv_links_clear(&links);
    return 0;
}
