#include "site.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ca.h"
#include "client.h"
#include "origin.h"

enum { HTTPS_PORT = 443, HTTP_PORT = 80, LINE_MAX_BYTES = 1024, CA_MAX = 8 * 1024 * 1024 + 64 };

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

/* libcurl uses a pooled connection again only for a transfer with the very same trust, compared byte by byte. The mark
 * behind the certificates makes that "the same site": a mount never rides on a connection that another mount, or an
 * older configuration, has verified. Text outside the PEM blocks means nothing to OpenSSL. */
static enum vp_code set_trust(struct http_site *site, const char *given, struct vp_error *err)
{
    char *read = NULL;
    if (given == NULL && strcmp(site->protocol, "https") == 0)
        VP_TRY(http_ca_system(&read, err));
    struct vp_buf pem = VP_BUF_INIT(CA_MAX);
    vp_buf_add_text(&pem, given != NULL ? given : read != NULL ? read : "");
    vp_buf_add_format(&pem, "\n# site %" PRIu64 "\n", http_client_number_site(site->client));
    free(read);
    enum vp_code code = VP_OK;
    site->ca_pem = format_taken(&pem, &code, err);
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
    if (options->ca_pem != NULL)
        VP_TRY(http_check_ca_pem(options->ca_pem, err));
    VP_AUTO(free_sitep) struct http_site *site = calloc(1, sizeof *site);
    if (site == NULL)
        return vp_fail_no_memory(err);
    site->client = client;
    site->max_concurrent = options->max_concurrent;
    site->max_queued = options->max_queued;
    site->max_retries = options->max_retries;
    site->stats = options->stats;
    site->protocol = options->origin.plain ? "http" : "https";
    site->user_agent = options->user_agent == NULL ? "vault-plugin-auth-arvados" : options->user_agent;
    VP_TRY(set_trust(site, options->ca_pem, err));
    VP_TRY(set_address(site, &options->origin, name, err));
    VP_TRY(set_detour(site, &options->origin, name, err));
    *ret_site = VP_TAKE(site);
    return VP_OK;
}

void http_site_free(struct http_site *site)
{
    if (site == NULL)
        return;
    free(site->base_url);
    free(site->host_header);
    free(site->host_and_port);
    curl_slist_free_all(site->connect_to);
    free(site->ca_pem);
    free(site);
}
