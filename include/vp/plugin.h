/* The process: speaks the host's plugin protocol (go-plugin 5 over gRPC) for one logical backend.
 *
 * The only user of gRPC core and protobuf-c. Handshake with protocol 5 and AutoMTLS only; the host's one-time certificate
 * is pinned in both directions. Many mounts share the process; each is one backend mount object. */
#pragma once

#include "vp/logical.h"

/* Runs until the host says stop, goes away or SIGTERM comes; returns the exit status of the process.
 * Also answers -version, -selfcheck and -help, and being run by hand (1). Call once, first thing in main. */
int plugin_serve(const struct logical_backend *backend, int argc, char **argv);
