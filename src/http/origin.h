/* Host names as they may stand in a URL and in a Host header. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A DNS name, a dotted IPv4 address or an IPv6 address in brackets; ASCII, any case. `len` bytes of `text`. */
bool http_is_host(const char *text, size_t len);
