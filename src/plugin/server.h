/* The gRPC server on the plugin's socket.
 *
 * One thread reads all events. It answers quick calls itself and hands the others to worker pools. A call is
 * refused unless its connection carries just the host's certificate. */
#pragma once

#include <stdbool.h>

#include "methods.h"
#include "tls.h"

struct plugin_server;

/* Listens when it returns. All arguments are borrowed for as long as the server lives. */
VP_MUST_USE enum vp_code plugin_server_new(struct plugin_service *service, const struct plugin_tls *tls,
                                           const char *socket_path, struct plugin_server **ret_server,
                                           struct vp_error *err);

/* Takes no more calls, lets those at work end for a moment if `finish`, then cancels them. True when all ended; false
 * when it took too long: then the process can only exit. Call once. */
bool plugin_server_stop(struct plugin_server *server, bool finish);

/* To be called once a second, always by the same thread. Gives memory back when a storm is over. True: some pool has had a request
 * waiting for two minutes and taken up none, so its threads are all lost in something that no budget ends. `context` is the
 * server. */
bool plugin_server_look_after(void *context);

/* After a stop that returned true. NULL is fine. */
void plugin_server_free(struct plugin_server *server);
