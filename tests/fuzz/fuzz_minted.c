/* Arvados' responses to create, claim and extend a token. Accepted only with the requested expiry,
 * and errors never hold the token. */
#include "vp/arvados.h"

#include "fuzz_cluster.h"

#define OWNER "zzzzz-tpzed-aliceaaaaaaaaaa"
#define TOKEN_UUID "zzzzz-gj3su-000000000000001"
#define SECRET "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"

enum { EXPIRES_AT_S = 2000000000 };

static void check_quiet(const struct vp_error *err)
{
    assert(err->reason != VP_REASON_NONE);
    assert(strstr(err->message, SECRET) == NULL && strstr(err->detail, SECRET) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vp_secret *secret;
    char *scope[] = { (char *)(uintptr_t) "all" };
    const struct vp_texts scopes = { scope, 1 };
    struct fuzz_input input = { data, size };
    struct arv_client *client = fuzz_client(&input);
    const struct arv_credentials credentials = fuzz_credentials(true);
    struct arv_minted minted = { 0 };
    struct vp_error err = { 0 };
    int64_t expires_at_s = 0;
    bool taken = false;
    if (secret == NULL)
        secret = vp_secret_new(SECRET, strlen(SECRET));
    const struct arv_new_token wanted = { OWNER, &scopes, EXPIRES_AT_S, secret };
    if (arv_token_create(client, &credentials, &wanted, &minted, &err) == VP_OK)
        assert(arv_is_uuid(minted.uuid, "gj3su") && minted.expires_at_s <= EXPIRES_AT_S);
    else
        check_quiet(&err);
    if (arv_token_claim(client, &credentials, OWNER, secret, &taken, &err) != VP_OK)
        check_quiet(&err);
    if (arv_token_extend(client, &credentials, TOKEN_UUID, EXPIRES_AT_S, &expires_at_s, &err) == VP_OK)
        assert(expires_at_s <= EXPIRES_AT_S);
    else
        check_quiet(&err);
    assert(arv_token_log_out(client, &credentials, &err) != VP_OK); /* no answer here is a redirect */
    return 0;
}
