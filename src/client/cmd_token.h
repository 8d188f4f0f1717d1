/* What `whoami` shows, also for `serve`. */
#pragma once

#include "vp/json.h"

#include "session.h"

/* Adds the members to an open object; nothing if it fails. */
VP_MUST_USE enum vp_code cli_cmd_token_add_whoami(struct cli_session *session, struct vp_json_writer *writer,
                                                  struct vp_error *err);
