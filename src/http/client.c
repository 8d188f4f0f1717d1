/* The process-wide part: libcurl's own set-up, checked once. */
#include "client.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "easy.h"

struct http_client {
    atomic_uint_least64_t n_sites;
};

uint64_t http_client_number_site(struct http_client *client)
{
    return atomic_fetch_add(&client->n_sites, 1);
}

enum vp_code http_client_new(struct http_client **ret_client, struct vp_error *err)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return vp_fail_no_memory(err);
    /* libcurl would write the session keys of every connection into that file, and has no option
     * against it. */
    (void)unsetenv("SSLKEYLOGFILE");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return vp_fail(err, VP_REASON_INTERNAL, "libcurl can't be initialised");
    }
    enum vp_code code = http_easy_check(err);
    if (code != VP_OK) {
        http_client_free(client);
        return code;
    }
    *ret_client = client;
    return VP_OK;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_global_cleanup();
    free(client);
}
