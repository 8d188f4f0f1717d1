/* A policy name. An accepted name has allowed bytes only, is not reserved and is unchanged by the
 * server's normalization. */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vp/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = malloc(size + 1);
    assert(name != NULL);
    memcpy(name, data, size);
    name[size] = '\0';
    if (policy_name_check(name) == POLICY_NAME_GOOD) {
        size_t len = strlen(name);
        assert(len >= 1 && len <= POLICY_NAME_MAX);
        assert(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len);
        assert(name[0] != '-' && name[0] != '_');
        assert(strcmp(name, "root") != 0 && strcmp(name, "default") != 0);
    }
    if (policy_is_prefix(name)) {
        char *items[] = { name };
        struct vp_texts prefixes = { items, 1 };
        assert(!policy_name_has_prefix(name, &prefixes));
        assert(name[strlen(name) - 1] == '-' || name[strlen(name) - 1] == '_');
    }
    free(name);
    return 0;
}
