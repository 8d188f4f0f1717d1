/* The three responses about a token, and the two lists of a renewal. Every accepted field has its
 * documented form. */
#include "fuzz_cluster.h"

static void check_container(const struct arv_container *container)
{
    assert(arv_is_uuid(container->uuid, "dz642"));
    assert(*container->state != '\0');
    assert(container->auth_uuid == NULL || arv_is_uuid(container->auth_uuid, "gj3su"));
    assert(container->runtime_user_uuid == NULL || arv_is_uuid(container->runtime_user_uuid, "tpzed"));
    assert(container->container_image == NULL || arv_is_portable_data_hash(container->container_image));
}

static void check(const struct arv_identity *identity)
{
    if (identity->has_container)
        check_container(&identity->container);
    assert(arv_is_uuid(identity->user.uuid, "tpzed"));
    assert(identity->user.username == NULL || *identity->user.username != '\0');
    if (identity->token.document == NULL)
        return;
    assert(arv_is_uuid(identity->token.uuid, "gj3su") && arv_is_uuid(identity->token.owner_uuid, "tpzed"));
    for (size_t i = 0; i < vp_json_len(identity->token.scopes); i++)
        assert(vp_json_type(vp_json_at(identity->token.scopes, i)) == VP_JSON_TEXT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    struct arv_identity identity = { 0 };
    struct vp_error err = { 0 };
    uint8_t how = fuzz_byte(&input) % 4;
    struct arv_client *client = fuzz_client(&input);
    const struct arv_credentials credentials = fuzz_credentials(how == 3);
    enum vp_code code;
    if (how < 2)
        code = arv_identify(client, &credentials, how == 0 ? ARV_CONTAINER_TOKEN : ARV_ANY_TOKEN, &identity, &err);
    else if (how == 2)
        code = arv_identify_salted(client, &credentials, &credentials, "vlt01", "zzzzz-gj3su-000000000000001",
                                   &identity, &err);
    else
        code = arv_look_up(client, &credentials, "zzzzz-dz642-000000000000001", "zzzzz-tpzed-000000000000001",
                           &identity, &err);
    if (code == VP_OK)
        check(&identity);
    else
        assert(err.reason != VP_REASON_NONE);
    if (code == VP_OK && how == 3)
        assert(strcmp(identity.user.uuid, "zzzzz-tpzed-000000000000001") == 0);
    arv_identity_clear(&identity);
    return 0;
}
