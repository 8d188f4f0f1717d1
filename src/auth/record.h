/* Private to the room: stored records, {"record_version": 1, "<name>": {fields}}. */
#pragma once

#include "vp/logical.h"

struct auth_record {
    const char *what; /* for messages: "the stored config" */
    const char *name; /* member that holds the fields */
    const struct logical_field *fields;
    bool seal_wrap;
};

/* Presets first, then what the text says. VP_REASON_CONFIG_UNREADABLE: damaged, or written by a newer version. On failure
 * the target is to be cleared. */
VP_MUST_USE enum vp_code auth_record_decode(const struct auth_record *record, const struct vp_buf *text, void *target,
                                            struct vp_error *err);

/* Writes and forgets the mount's snapshot, whatever became of it. VP_REASON_BAD_REQUEST: too much to be read again.
 * A key that is not there is removed all the same. */
VP_MUST_USE enum vp_code auth_record_store(const struct auth_record *record, const struct logical_call *call,
                                           const char *key, const void *source, struct vp_error *err);
VP_MUST_USE enum vp_code auth_record_remove(const struct logical_call *call, const char *key, struct vp_error *err);

/* Each item of a list field must be `good`. VP_REASON_BAD_REQUEST naming field and item. */
VP_MUST_USE enum vp_code auth_check_each(const struct vp_texts *texts, bool (*good)(const char *text),
                                         const char *field, const char *wanted, struct vp_error *err);

/* For lists of roles' uuids: a group of Arvados that a user can be in or not. */
bool auth_is_role_uuid(const char *text);

/* Starts with one of the wider prefixes, or is one. */
bool auth_is_narrower(const char *prefix, const struct vp_texts *wider);

/* What may stand in an answer and a log: the text, or "..." for one that could be a token in the wrong field. */
const char *auth_quotable(const char *text);
