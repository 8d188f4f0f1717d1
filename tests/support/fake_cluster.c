#include "fake_cluster.h"

#include <string.h>

#include "vp/clock.h"

enum { PATIENCE_MS = 60000 };

bool fake_cluster_init(struct fake_cluster *cluster, const char *token)
{
    *cluster = (struct fake_cluster){ 0 };
    if (http_client_new(&cluster->http, &(struct vp_error){ 0 }) != VP_OK)
        return false;
    cluster->server = fake_server_new(FAKE_GOOD);
    cluster->client = fake_cluster_client(cluster, 0);
    cluster->token = vp_secret_new(token, strlen(token));
    return cluster->client != NULL && cluster->token != NULL;
}

void fake_cluster_clear(struct fake_cluster *cluster)
{
    vp_secret_free(cluster->token);
    arv_client_free(cluster->client);
    http_client_free(cluster->http);
    fake_server_free(cluster->server);
    *cluster = (struct fake_cluster){ 0 };
}

struct arv_client *fake_cluster_client(const struct fake_cluster *cluster, unsigned max_retries)
{
    struct arv_client *client = NULL;
    const struct http_site_options options = {
        .origin = { .host = "localhost", .port = fake_server_port(cluster->server) },
        .ca_pem = fake_server_ca_pem(cluster->server),
        .max_concurrent = 16,
        .max_queued = 64,
        .max_retries = max_retries,
    };
    return arv_client_new(cluster->http, &options, &client, &(struct vp_error){ 0 }) == VP_OK ? client : NULL;
}

struct arv_credentials fake_cluster_credentials(const struct fake_cluster *cluster, bool service)
{
    return (struct arv_credentials){
        .token = cluster->token,
        .service = service,
        .request_id = "req-1",
        .deadline_ms = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + PATIENCE_MS,
    };
}
