#include "vp/texts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

enum vp_code vp_texts_add(struct vp_texts *texts, const char *text, struct vp_error *err)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return vp_fail_no_memory(err);
    char **items = reallocarray(texts->items, texts->n + 1, sizeof *items);
    if (items == NULL) {
        free(copy);
        return vp_fail_no_memory(err);
    }
    items[texts->n++] = copy;
    texts->items = items;
    return VP_OK;
}

bool vp_texts_has(const struct vp_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->n; i++)
        if (strcmp(texts->items[i], text) == 0)
            return true;
    return false;
}

enum vp_code vp_texts_add_all(struct vp_texts *texts, const struct vp_texts *more, struct vp_error *err)
{
    for (size_t i = 0; i < more->n; i++)
        VP_TRY(vp_texts_add(texts, more->items[i], err));
    return VP_OK;
}

enum vp_code vp_texts_copy(const struct vp_texts *texts, struct vp_texts *ret_copy, struct vp_error *err)
{
    struct vp_texts copy = { 0 };
    enum vp_code code = vp_texts_add_all(&copy, texts, err);
    if (code != VP_OK) {
        vp_texts_clear(&copy);
        return code;
    }
    *ret_copy = copy;
    return VP_OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void vp_texts_sort(struct vp_texts *texts)
{
    if (texts->n > 1)
        qsort(texts->items, texts->n, sizeof *texts->items, compare);
}

void vp_texts_clear(struct vp_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct vp_texts){ 0 };
}

bool vp_text_is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static const struct {
    uint32_t first, last;
} INVISIBLE[] = {
    { 0, 0x1F },        { 0x7F, 0x9F },     /* C0, DEL, C1 */
    { 0x061C, 0x061C }, { 0x200E, 0x200F }, /* marks of direction */
    { 0x2028, 0x202E },                     /* line and paragraph separators; embeddings and overrides */
    { 0x2066, 0x2069 },                     /* isolates */
};

static bool is_visible(const char *at, size_t width)
{
    uint32_t c = width == 1 ? (unsigned char)*at : (unsigned char)*at & (0xFFU >> (width + 1));
    for (size_t i = 1; i < width; i++)
        c = c << 6 | ((unsigned char)at[i] & 0x3FU);
    for (size_t i = 0; i < sizeof INVISIBLE / sizeof INVISIBLE[0]; i++)
        if (c >= INVISIBLE[i].first && c <= INVISIBLE[i].last)
            return false;
    return true;
}

void vp_text_make_visible(char *text)
{
    size_t left = strlen(text);
    char *to = text;
    for (const char *at = text; left > 0;) {
        size_t width = vp_utf8_len(at, left);
        bool visible = width > 0 && is_visible(at, width);
        if (width == 0)
            width = 1;
        if (visible)
            memmove(to, at, width);
        else
            *to = '?';
        to += visible ? width : 1;
        at += width;
        left -= width;
    }
    *to = '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void vp_trim(const char **text, size_t *len)
{
    while (*len > 0 && is_blank(**text)) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && is_blank((*text)[*len - 1]))
        (*len)--;
}
