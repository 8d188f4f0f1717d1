#include "translate_secret.h"

#include <string.h>

#include "translate_auth.h"

static void set_lease(const Wire__Secret *given, const struct logical_secret *secret, int64_t now_s,
                      struct plugin_secret_parts *parts)
{
    wire__timestamp__init(&parts->issued);
    wire__lease_options__init(&parts->lease);
    parts->issued.seconds = now_s;
    if (given != NULL && given->lease_options != NULL) {
        parts->lease = *given->lease_options;
        if (given->lease_options->issue_time != NULL)
            parts->issued = *given->lease_options->issue_time;
    }
    parts->lease.ttl = plugin_translate_ns(secret->ttl_s);
    parts->lease.max_ttl = plugin_translate_ns(secret->max_ttl_s);
    parts->lease.renewable = secret->renewable;
    parts->lease.issue_time = &parts->issued; /* lease options without it are a 500 in the host */
}

enum vp_code plugin_translate_secret_out(const Wire__Secret *given, const struct logical_secret *secret, int64_t now_s,
                                         struct plugin_secret_parts *ret_parts, struct vp_error *err)
{
    if (secret->ttl_s <= 0 || secret->max_ttl_s < 0)
        return vp_fail(err, VP_REASON_INTERNAL, "a secret without a TTL is not returned");
    if (!vp_text_is_set(secret->internal_data))
        return vp_fail(err, VP_REASON_INTERNAL, "a secret without internal data is not returned");
    wire__secret__init(&ret_parts->secret);
    if (given != NULL)
        ret_parts->secret = *given;
    set_lease(given, secret, now_s, ret_parts);
    ret_parts->secret.lease_options = &ret_parts->lease;
    ret_parts->secret.internal_data = secret->internal_data;
    return VP_OK;
}

enum vp_code plugin_translate_secret_in(const Wire__Secret *wire, struct logical_secret *ret_secret,
                                        struct vp_error *err)
{
    const Wire__LeaseOptions *lease = wire->lease_options;

    if (lease != NULL) {
        ret_secret->ttl_s = plugin_translate_s(lease->ttl);
        ret_secret->max_ttl_s = plugin_translate_s(lease->max_ttl);
        ret_secret->renewable = lease->renewable;
        ret_secret->increment_s = plugin_translate_s(lease->increment);
        ret_secret->issued_at_s = lease->issue_time == NULL ? 0 : lease->issue_time->seconds;
    }
    ret_secret->internal_data = strdup(wire->internal_data);
    return ret_secret->internal_data == NULL ? vp_fail_no_memory(err) : VP_OK;
}
