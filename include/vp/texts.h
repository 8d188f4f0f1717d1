/* A list of owned strings. Small (tens): searching is linear. Not shared between threads unless nobody changes it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vp/error.h"

struct vp_texts {
    char **items;
    size_t n;
};

/* Copies `text` to the end. VP_REASON_INTERNAL without memory. */
VP_MUST_USE enum vp_code vp_texts_add(struct vp_texts *texts, const char *text, struct vp_error *err);

/* Copies all of `more` to the end; on failure some of them. */
VP_MUST_USE enum vp_code vp_texts_add_all(struct vp_texts *texts, const struct vp_texts *more, struct vp_error *err);

bool vp_texts_has(const struct vp_texts *texts, const char *text);

/* A deep copy; *ret_copy is written only on success. */
VP_MUST_USE enum vp_code vp_texts_copy(const struct vp_texts *texts, struct vp_texts *ret_copy, struct vp_error *err);

void vp_texts_sort(struct vp_texts *texts);

/* Frees everything and leaves an empty list. */
void vp_texts_clear(struct vp_texts *texts);

/* Replaces by '?', in place, what a terminal acts on or shows in another order: control characters (line ends, DEL and the C1
 * set among them), bidirectional marks, and bytes that are not UTF-8. For untrusted strings in messages, tables and logs. */
void vp_text_make_visible(char *text);

/* Leaves blanks (space, tab, line ends) at both ends of text[0..len) out. */
void vp_trim(const char **text, size_t *len);

/* Neither NULL nor empty: whoever leaves a text field out and whoever clears it mean the same. */
bool vp_text_is_set(const char *text);
