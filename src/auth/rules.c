#include "rules.h"

#include "vp/arvados.h"
#include "vp/mount.h"
#include "vp/policy.h"

enum vp_code auth_check_each(const struct vp_texts *texts, bool (*good)(const char *text), const char *field,
                             const char *wanted, struct vp_error *err)
{
    for (size_t i = 0; i < texts->n; i++)
        if (!good(texts->items[i]))
            return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"%s\": \"%.64s\" is not %s", field,
                           mount_quotable(texts->items[i]), wanted);
    return VP_OK;
}

bool auth_is_role_uuid(const char *text)
{
    return arv_is_uuid(text, "j7d0g") && !arv_is_anonymous_role(text);
}

bool auth_is_narrower(const char *prefix, const struct vp_texts *wider)
{
    return vp_texts_has(wider, prefix) || policy_name_has_prefix(prefix, wider);
}
