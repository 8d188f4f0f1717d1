#include "encodings.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vp/buf.h"

/* Of longer values only themselves: nobody prints such a one by mistake in another form. */
enum { LEN_MAX = 65536, FORM_MAX = 12 * LEN_MAX };

struct forms {
    const char *value;
    size_t len;
    cli_encodings_visit visit;
    void *context;
};

static enum vp_code take(const struct forms *forms, struct vp_buf *form, struct vp_error *err)
{
    enum vp_code code = vp_buf_check(form, "an encoded value", err);
    if (code == VP_OK)
        code = forms->visit(forms->context, vp_buf_text(form), form->len, err);
    vp_buf_clear(form);
    return code;
}

/* ---- base64 ---- */

static const char ALPHABETS[][65] = { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" };

/* `before`: so many bytes of something else are in the first group. `end`: nothing comes behind the value. */
static void add_base64(const struct forms *forms, const char *alphabet, size_t before, bool end, struct vp_buf *form)
{
    size_t n_bits = 8 * (before + forms->len);
    size_t n_chars = end ? (n_bits + 5) / 6 : n_bits / 6;
    for (size_t i = before == 0 ? 0 : before + 1; i < n_chars; i++) {
        unsigned bits = 0;
        for (size_t bit = 6 * i; bit < 6 * i + 6; bit++) {
            size_t at = bit / 8 - before;
            unsigned byte = at < forms->len ? (unsigned char)forms->value[at] : 0;
            bits = bits << 1 | (byte >> (7 - bit % 8) & 1U);
        }
        vp_buf_add(form, &alphabet[bits], 1);
    }
}

static enum vp_code each_base64(const struct forms *forms, struct vp_error *err)
{
    for (size_t alphabet = 0; alphabet < sizeof ALPHABETS / sizeof ALPHABETS[0]; alphabet++)
        for (size_t before = 0; before < 3; before++)
            for (int end = 0; end < 2; end++) {
                struct vp_buf form = VP_BUF_INIT(FORM_MAX);
                add_base64(forms, ALPHABETS[alphabet], before, end == 1, &form);
                VP_TRY(take(forms, &form, err));
            }
    return VP_OK;
}

/* ---- URLs ---- */

static bool is_in(const char *set, char c)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* What encoders leave as it is differs; so do the digits, and the blank of forms. */
static enum vp_code each_url(const struct forms *forms, struct vp_error *err)
{
    static const char *const KEPT[] = { "-._~", "-._~/", "-._", "-_.!~*'()", "-_.!~*'();/?:@&=+$,#" };
    static const char *const BLANK[] = { "%20", "+" };
    for (size_t kept = 0; kept < sizeof KEPT / sizeof KEPT[0]; kept++)
        for (int lower = 0; lower < 2; lower++)
            for (int blank = 0; blank < 2; blank++) {
                struct vp_buf form = VP_BUF_INIT(FORM_MAX);
                for (size_t i = 0; i < forms->len; i++) {
                    char c = forms->value[i];
                    if (is_alphanumeric(c) || is_in(KEPT[kept], c))
                        vp_buf_add(&form, &c, 1);
                    else if (c == ' ')
                        vp_buf_add_text(&form, BLANK[blank]);
                    else if (lower == 0)
                        vp_buf_add_format(&form, "%%%02X", (unsigned)(unsigned char)c);
                    else
                        vp_buf_add_format(&form, "%%%02x", (unsigned)(unsigned char)c);
                }
                VP_TRY(take(forms, &form, err));
            }
    return VP_OK;
}

/* ---- JSON ---- */

/* The next character of UTF-8, which the JSON reader has checked; a byte that is none of it stands for itself. */
static uint32_t next_char(const char *value, size_t left, size_t *ret_width)
{
    const unsigned char *bytes = (const unsigned char *)value;
    size_t width = bytes[0] < 0xC0 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    if (width > left)
        width = 1;
    uint32_t c = width == 1 ? bytes[0] : bytes[0] & (0xFFU >> (width + 1));
    for (size_t i = 1; i < width; i++)
        c = c << 6 | (bytes[i] & 0x3FU);
    *ret_width = width;
    return c;
}

struct json_style {
    bool ascii;       /* as Python's */
    bool slash;       /* as PHP's: \/ */
    const char *more; /* as Go's: < > & */
};

static void add_unit(struct vp_buf *form, uint32_t unit)
{
    vp_buf_add_format(form, "\\u%04x", (unsigned)unit);
}

static void add_json(const struct forms *forms, const struct json_style *style, struct vp_buf *form)
{
    static const char SHORT[] = "\b\f\n\r\t\"\\";
    static const char LETTERS[] = "bfnrt\"\\";
    size_t width;
    for (size_t i = 0; i < forms->len; i += width) {
        const char *at = forms->value + i;
        uint32_t c = next_char(at, forms->len - i, &width);
        if (width == 1 && is_in(SHORT, *at)) {
            vp_buf_add_text(form, "\\");
            vp_buf_add(form, &LETTERS[strchr(SHORT, *at) - SHORT], 1);
        } else if (width == 1 && style->slash && *at == '/')
            vp_buf_add_text(form, "\\/");
        else if (c < ' ' || (width == 1 && is_in(style->more, *at)) || (style->ascii && c > '~' && c <= UINT16_MAX))
            add_unit(form, c);
        else if (style->ascii && c > UINT16_MAX) {
            add_unit(form, 0xD800 + ((c - 0x10000) >> 10));
            add_unit(form, 0xDC00 + ((c - 0x10000) & 0x3FF));
        } else
            vp_buf_add(form, at, width);
    }
}

static enum vp_code each_json(const struct forms *forms, struct vp_error *err)
{
    static const struct json_style STYLES[] = {
        { false, false, "" }, { true, false, "" }, { false, true, "" }, { true, true, "" }, { false, false, "<>&" },
    };
    for (size_t i = 0; i < sizeof STYLES / sizeof STYLES[0]; i++) {
        struct vp_buf form = VP_BUF_INIT(FORM_MAX);
        add_json(forms, &STYLES[i], &form);
        VP_TRY(take(forms, &form, err));
    }
    return VP_OK;
}

enum vp_code cli_encodings_each(const char *value, size_t len, cli_encodings_visit visit, void *context,
                                struct vp_error *err)
{
    const struct forms forms = { value, len, visit, context };
    if (len > LEN_MAX)
        return VP_OK;
    VP_TRY(each_base64(&forms, err));
    VP_TRY(each_url(&forms, err));
    return each_json(&forms, err);
}
