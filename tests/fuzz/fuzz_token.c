/* A token. An accepted token cannot end a header line or a path, and its uuids have the documented
 * form. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "vp/arvados.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vp_secret *given = vp_secret_new(data, size);
    struct vp_secret *token = NULL;
    struct arv_token_text parts;
    assert(given != NULL);
    if (arv_token_parse(given, &token, &parts, &(struct vp_error){ 0 }) == VP_OK) {
        const char *text = vp_secret_reveal(token);
        assert(strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-/") == vp_secret_len(token));
        assert(arv_is_uuid(parts.uuid, "gj3su"));
        assert(parts.container_uuid[0] == '\0' || arv_is_uuid(parts.container_uuid, "dz642"));
        vp_secret_free(token);
    }
    vp_secret_free(given);
    return 0;
}
