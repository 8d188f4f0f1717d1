/* Private to the room: what easy.c, answer.c and outcome.c know of one try. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vp/http.h"

#include "site.h"

struct http_try {
    CURL *easy;
    struct curl_slist *headers; /* holds the bearer token */
    struct http_site *site;
    struct http_bundle *bundle;
    struct http_exchange *exchange;
    int64_t started_ms;
    size_t header_bytes;
    bool has_length;
    bool chunked;
    const char *refusal; /* why we ended it ourselves; NULL: we did not */
    int64_t retry_after_s;
    char curl_text[CURL_ERROR_SIZE];
    struct http_try *next; /* in the bundle's list of idle ones */
};

/* libcurl's WRITEFUNCTION and HEADERFUNCTION; `context` is the try. Less than what came ends the transfer, and `refusal` says why. */
size_t http_answer_take_body(char *bytes, size_t size, size_t n, void *context);
size_t http_answer_take_header(char *bytes, size_t size, size_t n, void *context);
