/* Shared by the targets: input in parts, and a cluster whose answers are those parts. */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

enum { FUZZ_END_OF_PART = 0xFF }; /* no byte of UTF-8 */

/* The next part as bytes of its own, so that reading over its end is noticed; NUL-terminated. Freed by the caller. */
static inline char *fuzz_part(struct fuzz_input *input, size_t *ret_len)
{
    const uint8_t *end = input->left == 0 ? NULL : memchr(input->at, FUZZ_END_OF_PART, input->left);
    size_t len = end == NULL ? input->left : (size_t)(end - input->at);
    char *part = malloc(len + 1);
    assert(part != NULL);
    if (len > 0)
        memcpy(part, input->at, len);
    part[len] = '\0';
    input->at += len + (end != NULL);
    input->left -= len + (end != NULL);
    if (ret_len != NULL)
        *ret_len = len;
    return part;
}

/* All that is left, as text. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    assert(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}
