/* Identifiers. The parser agrees with a byte-by-byte definition of each form. */
#include <stdbool.h>

#include "vp/arvados.h"

#include "fuzz.h"

static bool fits(const char *text, const char *pattern)
{
    /* x: a lower-case letter or digit; everything else: itself */
    if (strlen(text) != strlen(pattern))
        return false;
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        bool alnum = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9');
        if (pattern[i] == 'X' ? !alnum : text[i] != pattern[i])
            return false;
    }
    return true;
}

static bool is_hash(const char *text)
{
    size_t i = 0;
    while (i < 32 && text[i] != '\0' && strchr("0123456789abcdef", text[i]) != NULL)
        i++;
    if (i != 32 || text[i++] != '+')
        return false;
    size_t first = i;
    while (text[i] >= '0' && text[i] <= '9')
        i++;
    return text[i] == '\0' && i > first && i - first <= 15;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    assert(arv_is_uuid(text, "tpzed") == fits(text, "XXXXX-tpzed-XXXXXXXXXXXXXXX"));
    assert(arv_is_uuid(text, "j7d0g") == fits(text, "XXXXX-j7d0g-XXXXXXXXXXXXXXX"));
    assert(arv_is_cluster_id(text) == fits(text, "XXXXX"));
    assert(arv_is_system_user(text) == fits(text, "XXXXX-tpzed-000000000000000"));
    assert(arv_is_anonymous_user(text) == fits(text, "XXXXX-tpzed-anonymouspublic"));
    assert(arv_is_anonymous_role(text) == fits(text, "XXXXX-j7d0g-anonymouspublic"));
    assert(arv_is_portable_data_hash(text) == is_hash(text));
    free(text);
    return 0;
}
