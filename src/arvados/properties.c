/* What a grant's properties say: the known keys, each of its own form; others are the admin's notes. */
#include "vp/clock.h"

#include "api.h"

static bool read_time(const struct vp_json *value, int64_t *ret_seconds)
{
    return vp_json_type(value) == VP_JSON_TEXT && vp_time_parse(vp_json_text(value), ret_seconds);
}

static bool read_expires_at(const struct vp_json *value, struct arv_properties *properties)
{
    return read_time(value, &properties->expires_at_s);
}

static bool read_not_before(const struct vp_json *value, struct arv_properties *properties)
{
    return read_time(value, &properties->not_before_s);
}

static bool read_container_image(const struct vp_json *value, struct arv_properties *properties)
{
    if (vp_json_type(value) != VP_JSON_TEXT || !arv_is_portable_data_hash(vp_json_text(value)))
        return false;
    properties->container_image = vp_json_text(value);
    return true;
}

static bool read_reason(const struct vp_json *value, struct arv_properties *properties)
{
    (void)properties;
    return vp_json_type(value) == VP_JSON_TEXT;
}

#define KEY_EXPIRES_AT "expires_at"
#define KEY_NOT_BEFORE "not_before"
#define KEY_CONTAINER_IMAGE "container_image"
#define KEY_REASON "reason"

const char *const ARV_PROPERTIES[] = { KEY_EXPIRES_AT, KEY_NOT_BEFORE, KEY_CONTAINER_IMAGE, KEY_REASON, NULL };

static const struct {
    const char *key;
    bool (*read)(const struct vp_json *value, struct arv_properties *properties);
} KNOWN[] = {
    { KEY_EXPIRES_AT, read_expires_at },
    { KEY_NOT_BEFORE, read_not_before },
    { KEY_CONTAINER_IMAGE, read_container_image },
    { KEY_REASON, read_reason },
};

struct arv_properties arv_properties_read(const struct vp_json *properties)
{
    struct arv_properties read = { .good = properties != NULL, .expires_at_s = VP_TIME_NONE };
    for (size_t i = 0; i < VP_LEN(KNOWN); i++) {
        const struct vp_json *value = vp_json_get(properties, KNOWN[i].key);
        if (value != NULL && !KNOWN[i].read(value, &read))
            read.good = false;
    }
    return read;
}
