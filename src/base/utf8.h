/* One UTF-8 character, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stddef.h>

/* Bytes of the character that starts at `at`, at most `left`; 0 when it is not valid. */
size_t vp_utf8_len(const char *at, size_t left);
