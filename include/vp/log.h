/* Log lines for the host: one JSON object a line on stderr, in the form that hclog reads.
 *
 * Only this room builds such lines: a JSON object on stderr whose @message, @level or @timestamp is no string ends the
 * whole OpenBao or Vault server (uncaught panic in go-plugin 1.8.0 and 1.6.3). Values are texts or whole numbers; a
 * secret has no way in. A line is one write of at most PIPE_BUF bytes, over-long values are cut; when the pipe is full
 * the line is dropped and counted instead of holding up a login. Any thread may log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vp/error.h"

enum vp_log_level { VP_LOG_TRACE, VP_LOG_DEBUG, VP_LOG_INFO, VP_LOG_WARN, VP_LOG_ERROR };

/* One key and its value: text when not NULL, else number. The end of a list has key NULL. Key names starting with '@'
 * are the host's; asserted. */
struct vp_log_field {
    const char *key;
    const char *text;
    int64_t number;
};

/* `fields` may be NULL. */
void vp_log(enum vp_log_level level, const char *message, const struct vp_log_field *fields);

/* Lines below are not written. Default VP_LOG_DEBUG: the host filters by its own level. */
void vp_log_set_level(enum vp_log_level level);

/* Where lines go; for tests. Default 2. */
void vp_log_set_fd(int fd);

/* Lines dropped since start because the pipe was full or closed. */
uint64_t vp_log_dropped(void);
