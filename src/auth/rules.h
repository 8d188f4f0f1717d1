/* Private to the module: rules that fields of the config and of roles share. */
#pragma once

#include "vp/logical.h"

/* Each item of a list field must be `good`. VP_REASON_BAD_REQUEST naming field and item. */
VP_MUST_USE enum vp_code auth_check_each(const struct vp_texts *texts, bool (*good)(const char *text),
                                         const char *field, const char *wanted, struct vp_error *err);

/* For lists of roles' uuids: a group of Arvados that a user can be in or not. */
bool auth_is_role_uuid(const char *text);

/* Starts with one of the wider prefixes, or is one. */
bool auth_is_narrower(const char *prefix, const struct vp_texts *wider);
