/* exec --mask: replaces the delivered values in a command's output by "***", as they are and in base64, URL and JSON-escaped
 * form, wherever the writes of the command cut them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vp/error.h"

enum { CLI_MASK_MIN = 8 }; /* shorter values are not masked: they would be found everywhere */

/* The values. One thread at a time adds some and makes them ready; any others may look for them meanwhile. */
struct cli_mask;
VP_MUST_USE enum vp_code cli_mask_new(struct cli_mask **ret_mask, struct vp_error *err);
void cli_mask_free(struct cli_mask *mask); /* wipes */
void cli_mask_freep(struct cli_mask **mask);

/* Adds a value with its encodings, and each of its lines. */
VP_MUST_USE enum vp_code cli_mask_add(struct cli_mask *mask, const char *value, struct vp_error *err);

/* Those that were added are looked for from now on. To be called at least once. */
VP_MUST_USE enum vp_code cli_mask_ready(struct cli_mask *mask, struct vp_error *err);

/* One stream: what has come and may be the beginning of a value is kept back. */
struct cli_mask_stream {
    char *data;
    size_t len;
    size_t capacity;
};
void cli_mask_stream_clear(struct cli_mask_stream *stream); /* wipes */

/* Room for `len` more bytes at stream->data + stream->len; false without memory. */
bool cli_mask_stream_reserve(struct cli_mask_stream *stream, size_t len);

/* Writes what can be written of the stream; `last`: all of it. False when `write` says so. */
typedef bool (*cli_mask_write)(void *context, const char *bytes, size_t len);
bool cli_mask_flush(struct cli_mask *mask, struct cli_mask_stream *stream, bool last, cli_mask_write write,
                    void *context);
