#include "vp/secret.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

struct vp_secret {
    size_t len;
    char bytes[]; /* len bytes and a NUL */
};

/* In the arena as long as it has room: a token has some hundred bytes. What does not fit there is on the heap, wiped just the
 * same, since a storm of logins must not be refused for the sake of swap. */
struct vp_secret *vp_secret_new(const void *bytes, size_t len)
{
    struct vp_secret *secret = NULL;

    if (len > SIZE_MAX - sizeof(struct vp_secret) - 1)
        return NULL;
    if (sizeof *secret + len + 1 <= VP_ARENA_SLOT)
        secret = vp_arena_take(sizeof *secret + len + 1);
    if (secret == NULL)
        secret = malloc(sizeof *secret + len + 1);
    if (secret == NULL)
        return NULL;
    secret->len = len;
    if (len > 0)
        memcpy(secret->bytes, bytes, len);
    secret->bytes[len] = '\0';
    return secret;
}

struct vp_secret *vp_secret_copy(const struct vp_secret *secret)
{
    return secret == NULL ? NULL : vp_secret_new(secret->bytes, secret->len);
}

const char *vp_secret_reveal(const struct vp_secret *secret)
{
    return secret->bytes;
}

size_t vp_secret_len(const struct vp_secret *secret)
{
    return secret->len;
}

bool vp_secret_equal(const struct vp_secret *a, const struct vp_secret *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->len == b->len && CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}

void vp_secret_free(struct vp_secret *secret)
{
    if (secret == NULL)
        return;
    if (vp_arena_has(secret)) {
        vp_arena_give_back(secret);
        return;
    }
    vp_wipe(secret, sizeof *secret + secret->len);
    free(secret);
}

void vp_secret_freep(struct vp_secret **secret)
{
    vp_secret_free(*secret);
    *secret = NULL;
}

void vp_wipe(void *memory, size_t len)
{
    if (len > 0)
        OPENSSL_cleanse(memory, len);
}

void vp_wipe_text(char *text)
{
    if (text == NULL)
        return;
    vp_wipe(text, strlen(text));
    free(text);
}
