/* What people and programs read on standard output. */
#pragma once

#include <stdbool.h>

#include "vp/buf.h"
#include "vp/error.h"

enum { CLI_OUTPUT_MAX = 8 * 1024 * 1024 };

enum cli_output_format { CLI_OUTPUT_TABLE, CLI_OUTPUT_JSON };

/* "json" or "table"; NULL is a table. VP_REASON_USAGE. */
VP_MUST_USE enum vp_code cli_output_format_parse(const char *text, enum cli_output_format *ret_format,
                                                 struct vp_error *err);

/* The bytes as they are; on a terminal a line end behind them. VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_output_raw(const struct vp_buf *text, struct vp_error *err);

/* One JSON value: as JSON, or an object as lines of key and value, an array of objects as a table with a head. */
VP_MUST_USE enum vp_code cli_output_show(const struct vp_buf *json, enum cli_output_format format,
                                         struct vp_error *err);

/* Colours, where standard output is a terminal and NO_COLOR is not set; else "". */
const char *cli_output_bold(void);
const char *cli_output_red(void);
const char *cli_output_green(void);
const char *cli_output_plain(void);
