/* The forms of Arvados' identifiers and tokens. Hand-written: a wrong character here would be a wrong character in a header. */
#include <stdio.h>
#include <string.h>

#include "vp/arvados.h"
#include "vp/texts.h"

enum { SECRET_MIN = 20, SECRET_MAX = 128, SALTED_LEN = 40, TOKEN_MAX = 256, TAIL_LEN = 15, INFIX_LEN = 5 };

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* How many lower-case letters and digits `text` begins with, at most `max`. */
static size_t alnum_len(const char *text, size_t max)
{
    size_t len = 0;
    while (len < max && is_alnum(text[len]))
        len++;
    return len;
}

/* The same for a uuid that something may follow. */
static bool starts_with_uuid(const char *text, const char *infix)
{
    return alnum_len(text, ARV_CLUSTER_LEN) == ARV_CLUSTER_LEN && text[ARV_CLUSTER_LEN] == '-' &&
           strncmp(text + ARV_CLUSTER_LEN + 1, infix, INFIX_LEN) == 0 && text[ARV_CLUSTER_LEN + 1 + INFIX_LEN] == '-' &&
           alnum_len(text + ARV_UUID_LEN - TAIL_LEN, TAIL_LEN) == TAIL_LEN;
}

bool arv_is_uuid(const char *text, const char *infix)
{
    return starts_with_uuid(text, infix) && text[ARV_UUID_LEN] == '\0';
}

bool arv_is_user_uuid(const char *text)
{
    return arv_is_uuid(text, "tpzed");
}

bool arv_is_cluster_id(const char *text)
{
    return alnum_len(text, ARV_CLUSTER_LEN) == ARV_CLUSTER_LEN && text[ARV_CLUSTER_LEN] == '\0';
}

bool arv_same_cluster(const char *uuid, const char *cluster_id)
{
    return arv_is_cluster_id(cluster_id) && strncmp(uuid, cluster_id, ARV_CLUSTER_LEN) == 0 &&
           uuid[ARV_CLUSTER_LEN] == '-';
}

void arv_uuid_of(const char *cluster_id, const char *rest, char uuid[ARV_UUID_LEN + 1])
{
    (void)snprintf(uuid, ARV_UUID_LEN + 1, "%.5s-%.21s", cluster_id, rest);
}

bool arv_is_portable_data_hash(const char *text)
{
    enum { HASH_LEN = 32, SIZE_DIGITS_MAX = 15 };
    size_t hash_len = strspn(text, "0123456789abcdef");
    if (hash_len != HASH_LEN || text[HASH_LEN] != '+')
        return false;
    const char *size = text + HASH_LEN + 1;
    size_t n_digits = strspn(size, "0123456789");
    return n_digits > 0 && n_digits <= SIZE_DIGITS_MAX && size[n_digits] == '\0';
}

bool arv_is_system_user(const char *user_uuid)
{
    return arv_is_uuid(user_uuid, "tpzed") && strcmp(user_uuid + ARV_UUID_LEN - TAIL_LEN, "000000000000000") == 0;
}

bool arv_is_anonymous_user(const char *user_uuid)
{
    return arv_is_uuid(user_uuid, "tpzed") && strcmp(user_uuid + ARV_UUID_LEN - TAIL_LEN, "anonymouspublic") == 0;
}

bool arv_is_anonymous_role(const char *group_uuid)
{
    return arv_is_uuid(group_uuid, "j7d0g") && strcmp(group_uuid + ARV_UUID_LEN - TAIL_LEN, "anonymouspublic") == 0;
}

static bool parse(const char *text, size_t len, struct arv_token_text *parts)
{
    static const char VERSION[] = "v2/";
    /* The text is NUL-terminated behind its blanks, so looking ahead ends there; `end` is where it must end. */
    const char *end = text + len;
    if (len > TOKEN_MAX || strncmp(text, VERSION, sizeof VERSION - 1) != 0)
        return false;
    const char *at = text + sizeof VERSION - 1;
    if (!starts_with_uuid(at, "gj3su") || at[ARV_UUID_LEN] != '/')
        return false;
    memcpy(parts->uuid, at, ARV_UUID_LEN);
    at += ARV_UUID_LEN + 1;
    size_t secret_len = alnum_len(at, SECRET_MAX + 1);
    if (secret_len < SECRET_MIN || secret_len > SECRET_MAX)
        return false;
    parts->salted_form = secret_len == SALTED_LEN && strspn(at, "0123456789abcdef") >= SALTED_LEN;
    at += secret_len;
    if (at == end)
        return true;
    if (*at != '/' || !starts_with_uuid(at + 1, "dz642"))
        return false;
    memcpy(parts->container_uuid, at + 1, ARV_UUID_LEN);
    return at + 1 + ARV_UUID_LEN == end;
}

enum vp_code arv_token_parse(const struct vp_secret *given, struct vp_secret **ret_token,
                             struct arv_token_text *ret_parts, struct vp_error *err)
{
    struct arv_token_text parts = { 0 };
    const char *text = vp_secret_reveal(given);
    size_t len = vp_secret_len(given);
    vp_trim(&text, &len);
    if (!parse(text, len, &parts))
        return vp_fail(err, VP_REASON_TOKEN_MALFORMED,
                       "the token is not an Arvados v2 token (v2/<token uuid>/<secret>, or with /<container uuid> "
                       "behind)");
    struct vp_secret *token = vp_secret_new(text, len);
    if (token == NULL)
        return vp_fail_no_memory(err);
    *ret_token = token;
    *ret_parts = parts;
    return VP_OK;
}
