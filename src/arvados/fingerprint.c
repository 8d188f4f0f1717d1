/* Fingerprints of tokens: they tell tokens apart, and nobody without the key can compute one or find the token of one. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vp/arvados.h"

bool arv_fingerprint_key_new(uint8_t ret_key[ARV_FINGERPRINT_KEY_LEN])
{
    return getrandom(ret_key, ARV_FINGERPRINT_KEY_LEN, 0) == ARV_FINGERPRINT_KEY_LEN;
}

bool arv_token_fingerprint(const struct vp_secret *token, const char *salt_label,
                           const uint8_t key[ARV_FINGERPRINT_KEY_LEN], uint8_t ret_fingerprint[ARV_FINGERPRINT_LEN])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct vp_buf text = VP_BUF_INIT(ARV_SECRET_MAX + 256);
    vp_buf_add(&text, vp_secret_reveal(token), vp_secret_len(token));
    vp_buf_add_text(&text, salt_label == NULL ? "" : " ");
    vp_buf_add_text(&text, salt_label == NULL ? "" : salt_label);
    bool made = !text.failed && HMAC(EVP_sha256(), key, ARV_FINGERPRINT_KEY_LEN,
                                     (const unsigned char *)vp_buf_text(&text), text.len, digest, &len) != NULL;
    if (made)
        memcpy(ret_fingerprint, digest, ARV_FINGERPRINT_LEN);
    vp_buf_clear(&text);
    vp_wipe(digest, sizeof digest);
    return made;
}
