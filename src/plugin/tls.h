/* The two mutual-TLS links with the host, each pinned to one certificate.
 *
 * The host accepts only the certificate of the handshake line, as client of our socket and as server of its own. We
 * accept only the certificate in PLUGIN_CLIENT_CERT: it is a root to gRPC, and since it says CA:TRUE, something signed
 * by it would pass too, so the leaf itself is compared besides. */
#pragma once

#include <grpc/grpc_security.h>
#include <stdbool.h>

#include "vp/error.h"

struct plugin_tls;

/* Makes a key and a self-signed certificate. VP_REASON_BAD_REQUEST: `host_cert_pem` is no certificate. */
VP_MUST_USE enum vp_code plugin_tls_new(const char *host_cert_pem, struct plugin_tls **ret_tls, struct vp_error *err);
void plugin_tls_free(struct plugin_tls *tls); /* after all that uses its credentials; wipes the key */

/* Can keys and certificates be made here? */
VP_MUST_USE enum vp_code plugin_tls_check(struct vp_error *err);

/* Our certificate as the handshake line wants it: DER in base64 without padding. Borrowed. */
const char *plugin_tls_certificate(const struct plugin_tls *tls);

/* The same as PEM. Borrowed. */
const char *plugin_tls_certificate_pem(const struct plugin_tls *tls);

/* For our server and for channels to the host's sockets. NULL when gRPC refuses. Released by the caller. */
grpc_server_credentials *plugin_tls_server_credentials(const struct plugin_tls *tls);
grpc_channel_credentials *plugin_tls_channel_credentials(struct plugin_tls *tls);

/* Is this PEM text just the host's certificate? */
bool plugin_tls_is_host(const struct plugin_tls *tls, const char *pem, size_t len);

/* Does this inbound call come over a connection of the host's? */
bool plugin_tls_call_is_hosts(const struct plugin_tls *tls, grpc_call *call);
