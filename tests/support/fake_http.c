#include "fake_http.h"

#include <stdlib.h>
#include <string.h>

static fake_http_answer answerer;
static void *answerer_self;

void fake_http_set(fake_http_answer answer, void *self)
{
    answerer = answer;
    answerer_self = self;
}

struct http_client {
    char unused;
};

struct http_site {
    char unused;
};

enum vp_code http_client_new(struct http_client **ret_client, struct vp_error *err)
{
    *ret_client = calloc(1, sizeof **ret_client);
    return *ret_client == NULL ? vp_fail_no_memory(err) : VP_OK;
}

void http_client_free(struct http_client *client)
{
    free(client);
}

enum vp_code http_site_new(struct http_client *client, const struct http_site_options *options,
                           struct http_site **ret_site, struct vp_error *err)
{
    (void)client;
    (void)options;
    *ret_site = calloc(1, sizeof **ret_site);
    return *ret_site == NULL ? vp_fail_no_memory(err) : VP_OK;
}

void http_site_free(struct http_site *site)
{
    free(site);
}

void http_exchange_clear(struct http_exchange *exchange)
{
    vp_buf_clear(&exchange->body);
    exchange->error = (struct vp_error){ 0 };
    exchange->status = 0;
}

static enum vp_code run(struct http_exchange *exchange)
{
    struct fake_answer answer = { .failure = VP_REASON_UPSTREAM_UNREACHABLE, .body = VP_BUF_INIT(FAKE_BODY_MAX) };
    if (answerer != NULL) {
        answer.failure = VP_REASON_NONE;
        answerer(answerer_self, exchange, &answer);
    }
    bool redirected = answer.status >= 300 && answer.status < 400 && !exchange->may_redirect;
    if (answer.failure == VP_REASON_NONE && (redirected || answer.body.len > exchange->body_max || answer.body.failed))
        answer.failure = VP_REASON_UPSTREAM_BAD_ANSWER;
    if (answer.failure != VP_REASON_NONE) {
        vp_buf_clear(&answer.body);
        return vp_fail(&exchange->error, answer.failure, "a failure of the test's own");
    }
    exchange->status = answer.status;
    exchange->body = answer.body;
    exchange->tries = 1;
    return VP_OK;
}

enum vp_code http_round(struct http_site *site, struct http_exchange *exchanges, size_t n,
                        const struct http_terms *terms, struct vp_error *err)
{
    enum vp_code first = VP_OK;
    (void)site;
    (void)terms;
    for (size_t i = 0; i < n; i++) {
        http_exchange_clear(&exchanges[i]);
        enum vp_code code = run(&exchanges[i]);
        if (code == VP_OK || first != VP_OK)
            continue;
        first = code;
        *err = exchanges[i].error;
    }
    return first;
}
