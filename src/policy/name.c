/* The one check that every policy name passes before it can be answered. Nothing goes around it. */
#include <string.h>

#include "vp/policy.h"

/* Written out: isalnum() asks the locale, and the host folds Unicode onto ASCII after us. */
static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_joiner(char c)
{
    return c == '-' || c == '_';
}

/* Length of the grammar [a-z0-9][a-z0-9_-]* at the start of `text`; 0: does not begin like a name. */
static size_t name_len(const char *text)
{
    if (!is_alnum(text[0]))
        return 0;
    size_t len = 1;
    while (is_alnum(text[len]) || is_joiner(text[len]))
        len++;
    return len;
}

enum policy_name_verdict policy_name_check(const char *name)
{
    static const char *const RESERVED[] = { "root", "default", "response-wrapping", "control-group" };
    size_t len = name_len(name);
    if (len == 0 || len > POLICY_NAME_MAX || name[len] != '\0')
        return POLICY_NAME_BAD;
    for (size_t i = 0; i < VP_LEN(RESERVED); i++)
        if (strcmp(name, RESERVED[i]) == 0)
            return POLICY_NAME_RESERVED;
    return POLICY_NAME_GOOD;
}

bool policy_is_prefix(const char *text)
{
    size_t len = name_len(text);
    /* Two at least: a name's first character, and the joiner that keeps "arv" from matching "arvados-admin". */
    return len >= 2 && len < POLICY_NAME_MAX && text[len] == '\0' && is_joiner(text[len - 1]);
}

bool policy_name_starts(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 && name[len] != '\0';
}

bool policy_name_has_prefix(const char *name, const struct vp_texts *prefixes)
{
    for (size_t i = 0; i < prefixes->n; i++)
        if (policy_name_starts(name, prefixes->items[i]))
            return true;
    return false;
}
