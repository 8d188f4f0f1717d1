/* The writing half of vp/json.h. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "vp/json.h"

#include "json_nul.h"
#include "utf8.h"

/* What is read is at most 110 levels deep (links), and written with some around it. */
enum { WRITE_DEPTH_MAX = 128 };

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
    /* What is written may be what somebody else made up, so this is no reason to end the process. */
    if (writer->depth >= WRITE_DEPTH_MAX)
        writer->buf->failed = true;
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
    size_t len = c == '\0' ? 1 : vp_utf8_len(at, left);
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

/* Of characters that stand for themselves: nearly all there are, so they are added as one. */
static size_t plain_len(const char *text)
{
    size_t len = 0;
    while (text[len] >= ' ' && text[len] <= '~' && text[len] != '"' && text[len] != '\\')
        len++;
    return len;
}

static void add_quoted(struct vp_buf *buf, const char *text, size_t left)
{
    vp_buf_add_text(buf, "\"");
    while (left > 0) {
        size_t len = plain_len(text);
        if (len > 0)
            vp_buf_add(buf, text, len);
        else
            len = add_character(buf, text, left);
        text += len;
        left -= len;
    }
    vp_buf_add_text(buf, "\"");
}

void vp_json_put_key(struct vp_json_writer *writer, const char *key)
{
    before_value(writer);
    add_quoted(writer->buf, key, strlen(key));
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
    add_quoted(writer->buf, text, strlen(text));
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

static void put_nul_text(struct vp_json_writer *writer, const struct vp_json *value)
{
    size_t len;
    const char *text = json_nul_text(value, &len);
    before_value(writer);
    add_quoted(writer->buf, text, len);
}

static enum vp_code put_member(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct vp_json_writer *writer = context;
    (void)err;
    vp_json_put_key(writer, key);
    vp_json_put_value(writer, value);
    return VP_OK;
}

/* As deep as the parser let the document be. */
void vp_json_put_value(struct vp_json_writer *writer, const struct vp_json *value) // NOLINT(misc-no-recursion)
{
    switch (vp_json_type(value)) {
    case VP_JSON_NULL:
        vp_json_put_null(writer);
        break;
    case VP_JSON_BOOL:
        vp_json_put_bool(writer, vp_json_bool(value));
        break;
    case VP_JSON_INT:
        vp_json_put_int(writer, vp_json_int(value));
        break;
    case VP_JSON_NUMBER:
        before_value(writer);
        vp_buf_add_text(writer->buf, vp_json_number(value));
        break;
    case VP_JSON_TEXT:
        vp_json_put_text(writer, vp_json_text(value));
        break;
    case VP_JSON_NUL_TEXT:
        put_nul_text(writer, value);
        break;
    case VP_JSON_ARRAY:
        vp_json_open_array(writer);
        for (size_t i = 0; i < vp_json_len(value); i++)
            vp_json_put_value(writer, vp_json_at(value, i));
        vp_json_close_array(writer);
        break;
    case VP_JSON_OBJECT: {
        struct vp_error unused; /* put_member() does not fail */
        vp_json_open_object(writer);
        enum vp_code code = vp_json_each(value, put_member, writer, &unused);
        assert(code == VP_OK);
        (void)code;
        vp_json_close_object(writer);
        break;
    }
    }
}

void vp_json_put_texts(struct vp_json_writer *writer, const struct vp_texts *texts)
{
    vp_json_open_array(writer);
    for (size_t i = 0; i < texts->n; i++)
        vp_json_put_text(writer, texts->items[i]);
    vp_json_close_array(writer);
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
