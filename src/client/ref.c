#include "ref.h"

#include <stdlib.h>
#include <string.h>

#include "vp/vault.h"

void cli_ref_clear(struct cli_ref *ref)
{
    free(ref->path);
    free(ref->field);
    *ref = (struct cli_ref){ 0 };
}

enum vp_code cli_ref_parse(const char *text, size_t len, struct cli_ref *ret_ref, struct vp_error *err)
{
    struct cli_ref ref = { .optional = len > 0 && text[0] == '?' };
    const char *path = text + ref.optional;
    const char *end = text + len;
    const char *hash = memchr(path, '#', (size_t)(end - path));
    const char *path_end = hash == NULL ? end : hash;
    /* As people copy them. */
    while (path < path_end && *path == '/')
        path++;
    while (path < path_end && path_end[-1] == '/')
        path_end--;
    ref.path = strndup(path, (size_t)(path_end - path));
    ref.field = hash == NULL ? NULL : strndup(hash + 1, (size_t)(end - hash - 1));
    enum vp_code code = ref.path == NULL || (hash != NULL && ref.field == NULL) ? vp_fail_no_memory(err)
                                                                                : vault_check_path(ref.path, err);
    if (code == VP_OK && hash != NULL && *ref.field == '\0')
        code = vp_fail(err, VP_REASON_USAGE, "behind the # of %.200s there is no field", ref.path);
    if (code != VP_OK) {
        cli_ref_clear(&ref);
        return code;
    }
    *ret_ref = ref;
    return VP_OK;
}
