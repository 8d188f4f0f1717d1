/* Takes the place of the http room's client at link time: no network, every answer is the test's. Link it before vp_http.
 *
 * What the real client promises is kept: a redirect or a body beyond the caller's bound is upstream_bad_answer. Nothing is
 * tried twice. One thread. */
#pragma once

#include "vp/http.h"

/* What came of one request: an HTTP answer, or `failure` (NONE: an answer). `body` is empty when called. */
struct fake_answer {
    enum vp_reason failure;
    int status;
    struct vp_buf body;
};

enum { FAKE_BODY_MAX = 16 * 1024 * 1024 };

typedef void (*fake_http_answer)(void *self, const struct http_exchange *exchange, struct fake_answer *answer);

/* Whoever answers from now on; NULL: nobody (upstream_unreachable). */
void fake_http_set(fake_http_answer answer, void *self);
