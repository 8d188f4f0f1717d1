/* Salting: what a remote cluster gets to see of a token (lib/controller and sdk/go/auth/salt.go of Arvados). */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "vp/arvados.h"

enum { SHA1_BYTES = 20 };

static bool add_hmac(struct vp_buf *text, const char *key, size_t key_len, const char *label)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool made =
        HMAC(EVP_sha1(), key, (int)key_len, (const unsigned char *)label, strlen(label), digest, &len) != NULL &&
        len == SHA1_BYTES;
    for (unsigned i = 0; made && i < len; i++)
        vp_buf_add_format(text, "%02x", digest[i]);
    vp_wipe(digest, sizeof digest);
    return made;
}

enum vp_code arv_token_salt(const struct vp_secret *token, const char *label, struct vp_secret **ret_salted,
                            struct vp_error *err)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *checked = NULL;
    struct arv_token_text parts;
    if (!arv_is_cluster_id(label))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "a salt label has five lower-case letters or digits");
    VP_TRY(arv_token_parse(token, &checked, &parts, err));
    const char *text = vp_secret_reveal(checked);
    const char *secret = text + strlen("v2/") + ARV_UUID_LEN + 1; /* v2/<token uuid>/<secret>[/<container uuid>] */
    size_t secret_len = strcspn(secret, "/");
    VP_AUTO(vp_buf_clear) struct vp_buf salted = VP_BUF_INIT(256);
    vp_buf_add(&salted, text, (size_t)(secret - text));
    if (!add_hmac(&salted, secret, secret_len, label))
        return vp_fail(err, VP_REASON_INTERNAL, "OpenSSL can't compute an HMAC");
    vp_buf_add_text(&salted, secret + secret_len);
    VP_TRY(vp_buf_check(&salted, "the salted token", err));
    *ret_salted = vp_secret_new(vp_buf_text(&salted), salted.len);
    return *ret_salted == NULL ? vp_fail_no_memory(err) : VP_OK;
}
