/* Certificates to trust. */
#pragma once

#include <openssl/x509_vfy.h>

#include "vp/error.h"

/* The first of the usual system bundles that exists, as a heap string. VP_REASON_INTERNAL: none, or unreadable. */
VP_MUST_USE enum vp_code http_ca_system(char **ret_pem, struct vp_error *err);

/* The certificates of a PEM text as OpenSSL verifies with them. VP_REASON_BAD_REQUEST as http_check_ca_pem() has it. */
VP_MUST_USE enum vp_code http_ca_store(const char *pem, X509_STORE **ret_store, struct vp_error *err);
