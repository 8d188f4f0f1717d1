/* The writing half of vp/json.h. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "vp/json.h"

#include "utf8.h"

enum { WRITE_DEPTH_MAX = 32 };

void vp_json_begin(struct vp_json_writer *writer, struct vp_buf *buf)
{
    *writer = (struct vp_json_writer){ .buf = buf };
}

static void before_value(struct vp_json_writer *writer)
{
    if (writer->comma)
        vp_buf_add_text(writer->buf, ",");
    writer->comma = true;
}

static void open_level(struct vp_json_writer *writer, const char *bracket)
{
    before_value(writer);
    vp_buf_add_text(writer->buf, bracket);
    assert(writer->depth < WRITE_DEPTH_MAX);
    writer->depth++;
    writer->comma = false;
}

static void close_level(struct vp_json_writer *writer, const char *bracket)
{
    assert(writer->depth > 0);
    writer->depth--;
    vp_buf_add_text(writer->buf, bracket);
    writer->comma = true;
}

void vp_json_open_object(struct vp_json_writer *writer)
{
    open_level(writer, "{");
}

void vp_json_close_object(struct vp_json_writer *writer)
{
    close_level(writer, "}");
}

void vp_json_open_array(struct vp_json_writer *writer)
{
    open_level(writer, "[");
}

void vp_json_close_array(struct vp_json_writer *writer)
{
    close_level(writer, "]");
}

/* One character of `at`, escaped; returns its length. */
static size_t add_character(struct vp_buf *buf, const char *at, size_t left)
{
    unsigned char c = (unsigned char)*at;
    size_t len = vp_utf8_len(at, left);
    if (len == 0) {
        vp_buf_add_text(buf, "\xEF\xBF\xBD");
        return 1;
    }
    if (c == '"' || c == '\\')
        vp_buf_add_text(buf, "\\");
    if (c < 0x20 || c == 0x7F)
        vp_buf_add_format(buf, "\\u%04x", c);
    else
        vp_buf_add(buf, at, len);
    return len;
}

static void add_quoted(struct vp_buf *buf, const char *text)
{
    vp_buf_add_text(buf, "\"");
    size_t left = strlen(text);
    while (left > 0) {
        size_t len = add_character(buf, text, left);
        text += len;
        left -= len;
    }
    vp_buf_add_text(buf, "\"");
}

void vp_json_put_key(struct vp_json_writer *writer, const char *key)
{
    before_value(writer);
    add_quoted(writer->buf, key);
    vp_buf_add_text(writer->buf, ":");
    writer->comma = false;
}

void vp_json_put_text(struct vp_json_writer *writer, const char *text)
{
    if (text == NULL) {
        vp_json_put_null(writer);
        return;
    }
    before_value(writer);
    add_quoted(writer->buf, text);
}

void vp_json_put_int(struct vp_json_writer *writer, int64_t number)
{
    before_value(writer);
    vp_buf_add_format(writer->buf, "%" PRId64, number);
}

void vp_json_put_bool(struct vp_json_writer *writer, bool boolean)
{
    before_value(writer);
    vp_buf_add_text(writer->buf, boolean ? "true" : "false");
}

void vp_json_put_null(struct vp_json_writer *writer)
{
    before_value(writer);
    vp_buf_add_text(writer->buf, "null");
}

void vp_json_add_text(struct vp_json_writer *writer, const char *key, const char *text)
{
    vp_json_put_key(writer, key);
    vp_json_put_text(writer, text);
}

void vp_json_add_int(struct vp_json_writer *writer, const char *key, int64_t number)
{
    vp_json_put_key(writer, key);
    vp_json_put_int(writer, number);
}

void vp_json_add_bool(struct vp_json_writer *writer, const char *key, bool boolean)
{
    vp_json_put_key(writer, key);
    vp_json_put_bool(writer, boolean);
}
