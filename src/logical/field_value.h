/* Private to the room: one value of a request into one field. */
#pragma once

#include "vp/logical.h"

/* Replaces what the field holds. VP_REASON_BAD_REQUEST naming the field. */
VP_MUST_USE enum vp_code logical_field_read(const struct logical_field *field, const struct vp_json *value,
                                            void *target, struct vp_error *err);

/* The same from the text that one would type; for presets. */
VP_MUST_USE enum vp_code logical_field_read_text(const struct logical_field *field, const char *text, void *target,
                                                 struct vp_error *err);

/* The field's value in `target`, secrets included, as one JSON value. */
void logical_field_write(const struct logical_field *field, const void *target, struct vp_json_writer *writer);
