#include "vp/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vp/secret.h"

enum { FIRST_CAPACITY = 256 };

/* Room for `more` bytes and the terminator, moving by copy so that the old block can be wiped (realloc would leave it). */
static bool reserve(struct vp_buf *buf, size_t more)
{
    if (buf->failed || more > buf->max || buf->len > buf->max - more)
        return false;
    size_t needed = buf->len + more + 1;
    if (needed <= buf->capacity)
        return true;
    size_t capacity = buf->capacity == 0 ? FIRST_CAPACITY : buf->capacity;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    if (capacity > buf->max + 1)
        capacity = buf->max + 1;
    char *data = malloc(capacity);
    if (data == NULL)
        return false;
    if (buf->len > 0)
        memcpy(data, buf->data, buf->len);
    if (buf->data != NULL)
        vp_wipe(buf->data, buf->capacity);
    free(buf->data);
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void vp_buf_add(struct vp_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len)) {
        buf->failed = true;
        return;
    }
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void vp_buf_add_text(struct vp_buf *buf, const char *text)
{
    vp_buf_add(buf, text, strlen(text));
}

void vp_buf_add_format(struct vp_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0 || !reserve(buf, (size_t)len)) {
        buf->failed = true;
    } else {
        (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

const char *vp_buf_text(const struct vp_buf *buf)
{
    return buf->data == NULL ? "" : buf->data;
}

enum vp_code vp_buf_check(const struct vp_buf *buf, const char *what, struct vp_error *err)
{
    if (!buf->failed)
        return VP_OK;
    return vp_fail(err, VP_REASON_INTERNAL, "%s is larger than %zu bytes or there is no memory for it", what, buf->max);
}

char *vp_buf_take(struct vp_buf *buf)
{
    if (buf->data == NULL)
        vp_buf_add(buf, "", 0);
    char *text = buf->failed ? NULL : VP_TAKE(buf->data);
    vp_buf_clear(buf);
    return text;
}

void vp_buf_clear(struct vp_buf *buf)
{
    if (buf->data != NULL)
        vp_wipe(buf->data, buf->capacity);
    free(buf->data);
    *buf = (struct vp_buf)VP_BUF_INIT(buf->max);
}
