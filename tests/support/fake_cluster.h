/* A client of the arvados room, talking to a fake server over TLS. */
#pragma once

#include "vp/arvados.h"

#include "fake_server.h"

struct fake_cluster {
    struct http_client *http;
    struct fake_server *server;
    struct arv_client *client; /* without retries */
    struct vp_secret *token;
};

/* False when something could not be made. */
bool fake_cluster_init(struct fake_cluster *cluster, const char *token);
void fake_cluster_clear(struct fake_cluster *cluster);

/* A further client of the same server; NULL when it could not be made. Freed by the caller. */
struct arv_client *fake_cluster_client(const struct fake_cluster *cluster, unsigned max_retries);

/* With a minute of time. */
struct arv_credentials fake_cluster_credentials(const struct fake_cluster *cluster, bool service);
