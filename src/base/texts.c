#include "vp/texts.h"

#include <stdlib.h>
#include <string.h>

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
