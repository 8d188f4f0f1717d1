/* An Arvados whose answers are the parts of the input, one after the other: 200, or the status that a leading byte picks. */
#pragma once

#include "vp/arvados.h"

#include "fake_http.h"
#include "fuzz.h"

static void fuzz_answer(void *self, const struct http_exchange *exchange, struct fake_answer *answer)
{
    static const int STATUSES[] = { 200, 401, 403, 404, 422, 429, 500, 503 };
    struct fuzz_input *input = self;
    size_t len = 0;
    (void)exchange;
    answer->status = 200;
    if (input->left > 0 && *input->at < sizeof STATUSES / sizeof STATUSES[0])
        answer->status = STATUSES[fuzz_byte(input)];
    char *part = fuzz_part(input, &len);
    vp_buf_add(&answer->body, part, len);
    free(part);
}

/* One client for the life of the target. */
static struct arv_client *fuzz_client(struct fuzz_input *input)
{
    static struct arv_client *client;
    const struct http_site_options options = { .max_concurrent = 1 };
    fake_http_set(fuzz_answer, input);
    if (client == NULL)
        assert(arv_client_new(NULL, &options, &client, &(struct vp_error){ 0 }) == VP_OK);
    return client;
}

static struct arv_credentials fuzz_credentials(bool service)
{
    static struct vp_secret *token;
    if (token == NULL)
        token = vp_secret_new("v2/token", 8);
    return (struct arv_credentials){ .token = token, .service = service, .request_id = "r" };
}
