#include "site.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"

#include "ca.h"
#include "client.h"
#include "easy.h"
#include "origin.h"

enum {
    HTTPS_PORT = 443,
    HTTP_PORT = 80,
    LINE_MAX_BYTES = 1024,
    IDLE_MAX_MS = 60 * 1000, /* as libcurl does not use a connection again that was idle for longer, see MAXAGE_CONN */
};

static char *format_taken(struct vp_buf *buf, enum vp_code *code, struct vp_error *err)
{
    if (*code == VP_OK)
        *code = vp_buf_check(buf, "a part of a request", err);
    char *text = *code == VP_OK ? vp_buf_take(buf) : NULL;
    if (text == NULL && *code == VP_OK)
        *code = vp_fail_no_memory(err);
    vp_buf_clear(buf);
    return text;
}

/* libcurl uses a pooled connection again only for a transfer with the very same trust, of which the
 * folder of certificates is a part, compared as text. So a folder that can't be makes that "the
 * same site": a mount never rides on a connection that another mount, or an older configuration,
 * has verified. What is trusted stands in `trust` alone. */
static enum vp_code set_mark(struct http_site *site, struct vp_error *err)
{
    struct vp_buf mark = VP_BUF_INIT(LINE_MAX_BYTES);
    enum vp_code code = VP_OK;
    vp_buf_add_format(&mark, "/dev/null/site-%" PRIu64, http_client_number_site(site->client));
    site->mark = format_taken(&mark, &code, err);
    return code;
}

/* Read once a site and not once a connection: a system's bundle holds some 150 certificates. */
static enum vp_code set_trust(struct http_site *site, const char *given, struct vp_error *err)
{
    char *read = NULL;
    if (strcmp(site->protocol, "https") != 0)
        return VP_OK;
    if (given == NULL)
        VP_TRY(http_ca_system(&read, err));
    enum vp_code code = http_ca_store(given != NULL ? given : read, &site->trust, err);
    free(read);
    return code;
}

static enum vp_code set_address(struct http_site *site, const struct http_origin *origin, const char *name,
                                struct vp_error *err)
{
    struct vp_buf url = VP_BUF_INIT(LINE_MAX_BYTES);
    struct vp_buf header = VP_BUF_INIT(LINE_MAX_BYTES);
    struct vp_buf where = VP_BUF_INIT(LINE_MAX_BYTES);
    enum vp_code code = VP_OK;
    vp_buf_add_format(&url, "%s://%s:%u", site->protocol, name, (unsigned)origin->port);
    vp_buf_add_format(&header, "Host: %s", origin->host);
    if (origin->port != (origin->plain ? HTTP_PORT : HTTPS_PORT))
        vp_buf_add_format(&header, ":%u", (unsigned)origin->port);
    vp_buf_add_format(&where, "%s:%u", origin->host, (unsigned)origin->port);
    site->base_url = format_taken(&url, &code, err);
    site->host_header = format_taken(&header, &code, err);
    site->host_and_port = format_taken(&where, &code, err);
    return code;
}

/* The URL carries the name that the certificate must have; this sends it to the real server. */
static enum vp_code set_detour(struct http_site *site, const struct http_origin *origin, const char *name,
                               struct vp_error *err)
{
    if (strcmp(name, origin->host) == 0)
        return VP_OK;
    struct vp_buf line = VP_BUF_INIT(LINE_MAX_BYTES);
    vp_buf_add_format(&line, "%s:%u:%s:%u", name, (unsigned)origin->port, origin->host, (unsigned)origin->port);
    enum vp_code code = vp_buf_check(&line, "the server's address", err);
    if (code == VP_OK)
        site->connect_to = curl_slist_append(NULL, vp_buf_text(&line));
    vp_buf_clear(&line);
    VP_TRY(code);
    return site->connect_to == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code copy_path(const char *path, char **ret_copy, struct vp_error *err)
{
    *ret_copy = path == NULL ? NULL : strdup(path);
    return path != NULL && *ret_copy == NULL ? vp_fail_no_memory(err) : VP_OK;
}

/* ---- the pool ---- */

static void free_bundle(struct http_bundle *bundle)
{
    if (bundle == NULL)
        return;
    http_try_free_idle(bundle);
    (void)curl_multi_cleanup(bundle->multi);
    free(bundle);
}

static enum vp_code make_bundle(struct http_bundle **ret_bundle, struct vp_error *err)
{
    struct http_bundle *bundle = calloc(1, sizeof *bundle);
    if (bundle == NULL)
        return vp_fail_no_memory(err);
    bundle->multi = curl_multi_init();
    if (bundle->multi == NULL) {
        free(bundle);
        return vp_fail_no_memory(err);
    }
    if (curl_multi_setopt(bundle->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) != CURLM_OK ||
        curl_multi_setopt(bundle->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_ROUND_MAX) != CURLM_OK) {
        free_bundle(bundle);
        return vp_fail(err, VP_REASON_INTERNAL, "libcurl does not take an option of the connection pool");
    }
    *ret_bundle = bundle;
    return VP_OK;
}

enum vp_code http_site_borrow(struct http_site *site, struct http_bundle **ret_bundle, struct vp_error *err)
{
    (void)pthread_mutex_lock(&site->lock);
    struct http_bundle *bundle = site->newest;
    if (bundle != NULL) {
        site->newest = bundle->older;
        if (site->newest != NULL)
            site->newest->newer = NULL;
        else
            site->oldest = NULL;
    }
    (void)pthread_mutex_unlock(&site->lock);
    if (bundle == NULL)
        return make_bundle(ret_bundle, err);
    *ret_bundle = bundle;
    return VP_OK;
}

/* The one that nobody used for long; its connections would only wait to be closed by the server.
 * The lock is held. */
static struct http_bundle *take_stale(struct http_site *site, int64_t now)
{
    struct http_bundle *bundle = site->oldest;
    if (bundle == NULL || now - bundle->idle_since_ms < IDLE_MAX_MS)
        return NULL;
    site->oldest = bundle->newer;
    if (site->oldest != NULL)
        site->oldest->older = NULL;
    else
        site->newest = NULL;
    return bundle;
}

void http_site_give_back(struct http_site *site, struct http_bundle *bundle)
{
    int64_t now = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self);
    (void)pthread_mutex_lock(&site->lock);
    struct http_bundle *stale = take_stale(site, now);
    bundle->idle_since_ms = now;
    bundle->newer = NULL;
    bundle->older = site->newest;
    if (site->newest != NULL)
        site->newest->newer = bundle;
    else
        site->oldest = bundle;
    site->newest = bundle;
    (void)pthread_mutex_unlock(&site->lock);
    free_bundle(stale);
}

/* ---- life ---- */

static void free_sitep(struct http_site **site)
{
    http_site_free(*site);
}

enum vp_code http_site_new(struct http_client *client, const struct http_site_options *options,
                           struct http_site **ret_site, struct vp_error *err)
{
    assert(options->max_concurrent > 0);
    const char *name = options->tls_server_name == NULL ? options->origin.host : options->tls_server_name;
    if (!http_is_host(options->origin.host, strlen(options->origin.host)))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the server has no usable host name");
    if (!http_is_host(name, strlen(name)))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the TLS server name is not a host name");
    VP_AUTO(free_sitep) struct http_site *site = calloc(1, sizeof *site);
    if (site == NULL)
        return vp_fail_no_memory(err);
    site->client = client;
    http_limit_init(&site->limit, options->max_concurrent, options->max_queued, options->stats);
    (void)pthread_mutex_init(&site->lock, NULL);
    site->max_retries = options->max_retries;
    site->has_standbys = options->has_standbys;
    site->stats = options->stats;
    site->protocol = options->origin.plain ? "http" : "https";
    site->user_agent = options->user_agent == NULL ? "vault-plugin-auth-arvados" : options->user_agent;
    VP_TRY(set_mark(site, err));
    VP_TRY(set_trust(site, options->ca_pem, err));
    VP_TRY(copy_path(options->client_cert, &site->client_cert, err));
    VP_TRY(copy_path(options->client_key, &site->client_key, err));
    VP_TRY(set_address(site, &options->origin, name, err));
    VP_TRY(set_detour(site, &options->origin, name, err));
    *ret_site = VP_TAKE(site);
    return VP_OK;
}

void http_site_free(struct http_site *site)
{
    if (site == NULL)
        return;
    while (site->newest != NULL) {
        struct http_bundle *bundle = site->newest;
        site->newest = bundle->older;
        free_bundle(bundle);
    }
    (void)pthread_mutex_destroy(&site->lock);
    http_limit_clear(&site->limit);
    free(site->base_url);
    free(site->host_header);
    free(site->host_and_port);
    curl_slist_free_all(site->connect_to);
    X509_STORE_free(site->trust);
    free(site->client_cert);
    free(site->client_key);
    free(site->mark);
    free(site);
}
