#include "vp/error.h"

#include <stdio.h>
#include <string.h>

#include "vp/texts.h"

static const struct {
    const char *word;
    enum vp_code code;
} REASONS[VP_REASON_N] = { [VP_REASON_NONE] = { "", VP_OK },
#define X(name, word, code) [VP_REASON_##name] = { word, code },
                           VP_REASONS(X)
#undef X
};

const char *vp_reason_word(enum vp_reason reason)
{
    return REASONS[reason].word;
}

enum vp_code vp_reason_code(enum vp_reason reason)
{
    return REASONS[reason].code;
}

/* Cuts an unfinished UTF-8 character at the end and makes the text one line of UTF-8: formats such as %.64s cut
 * characters in the middle too, and the host takes no message whose texts are not UTF-8. */
static void tidy(char *text)
{
    size_t len = strlen(text);
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0) {
        unsigned char lead = (unsigned char)text[start - 1];
        size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
        if (len - start + 1 < want)
            text[start - 1] = '\0';
    }
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\t' || *at == '\n' || *at == '\r')
            *at = ' '; /* servers' messages have several lines */
    vp_text_make_visible(text);
}

enum vp_code vp_fail(struct vp_error *err, enum vp_reason reason, const char *format, ...)
{
    va_list arguments;
    err->reason = reason;
    err->detail[0] = '\0';
    va_start(arguments, format);
    (void)vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    tidy(err->message);
    return vp_reason_code(reason);
}

void vp_error_add_detail(struct vp_error *err, const char *format, ...)
{
    size_t used = strlen(err->detail);
    if (used > 0 && used + 2 < sizeof err->detail) {
        memcpy(err->detail + used, "; ", 3);
        used += 2;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err->detail + used, sizeof err->detail - used, format, arguments);
    va_end(arguments);
    tidy(err->detail);
}

enum vp_code vp_fail_no_memory(struct vp_error *err)
{
    return vp_fail(err, VP_REASON_INTERNAL, "out of memory");
}
