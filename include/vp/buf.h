/* A growing byte buffer that can't be made without a ceiling.
 *
 * Adding past the ceiling, or without memory, adds nothing from then on and sets `failed`: a row of adds is checked
 * once, at its end. Never truncates silently. Memory is wiped when it is let go or moved. Always NUL-terminated past
 * `len` once something was added. Not shared between threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vp/error.h"

struct vp_buf {
    char *data; /* NULL until the first add */
    size_t len;
    size_t capacity;
    size_t max; /* bytes, without the terminator */
    bool failed;
};

#define VP_BUF_INIT(max_bytes) \
    {                          \
        .max = (max_bytes)     \
    }

void vp_buf_add(struct vp_buf *buf, const void *bytes, size_t len);
void vp_buf_add_text(struct vp_buf *buf, const char *text);
void vp_buf_add_format(struct vp_buf *buf, const char *format, ...) VP_PRINTF(2, 3);

/* The content as text, "" when empty. Borrowed until the next add. */
const char *vp_buf_text(const struct vp_buf *buf);

/* VP_OK, or VP_REASON_INTERNAL when an add failed; `what` names the content. */
VP_MUST_USE enum vp_code vp_buf_check(const struct vp_buf *buf, const char *what, struct vp_error *err);

/* Gives the content away as a NUL-terminated heap string, "" included; NULL without memory. Freed by free(). */
char *vp_buf_take(struct vp_buf *buf);

/* Wipes and empties; `max` stays and the buffer may be used again. */
void vp_buf_clear(struct vp_buf *buf);
