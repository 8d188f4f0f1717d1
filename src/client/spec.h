/* The --spec file: JSON, docs/reference/arv-vault-spec.schema.json. Keys that it does not know are refused. */
#pragma once

#include "plan.h"

/* Adds what the file asks for. VP_REASON_LOCAL_CONFIG with words, VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_spec_read(const char *file, struct cli_plan *plan, struct vp_error *err);
