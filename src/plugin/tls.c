#include "tls.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "vp/secret.h"

struct plugin_tls {
    char *key_pem;
    char *certificate_pem;
    char *certificate_line;
    char *host_pem; /* written by OpenSSL itself, as gRPC writes a peer's: equal texts are equal certificates */
};

enum {
    SERIAL_BITS = 127,
    SKEW_S = 30,                      /* the host may start the plugin with its clock a little behind */
    LIFETIME_S = 30 * 365 * 24 * 3600 /* the key lives as long as the process, which a host may keep for years */
};

/* ---- third-party handles ---- */

static void x509_freep(X509 **certificate)
{
    X509_free(*certificate);
}

static void key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void bio_freep(BIO **bio)
{
    BIO_free(*bio);
}

static void bn_freep(BIGNUM **number)
{
    BN_free(*number);
}

static void extension_freep(X509_EXTENSION **extension)
{
    X509_EXTENSION_free(*extension);
}

static void tls_freep(struct plugin_tls **tls)
{
    plugin_tls_free(*tls);
}

static enum vp_code fail_openssl(struct vp_error *err, const char *what)
{
    char text[256];

    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    vp_fail(err, VP_REASON_INTERNAL, "cannot %s", what);
    vp_error_add_detail(err, "%s", text);
    return VP_ERR_INTERNAL;
}

/* The content of a memory BIO as text; NULL without memory. */
static char *bio_text(BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    return len <= 0 ? NULL : strndup(data, (size_t)len);
}

/* ---- the certificate ---- */

static bool set_serial(X509 *certificate)
{
    VP_AUTO(bn_freep) BIGNUM *serial = BN_new();

    return serial != NULL && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL;
}

/* What Go's TLS needs of it, each found out by leaving it out: without the SAN the host refuses, with one usage only
 * the other of the two links fails. */
static bool add_extensions(X509 *certificate)
{
    static const struct {
        int nid;
        const char *value;
    } EXTENSIONS[] = {
        { NID_basic_constraints, "critical,CA:TRUE" },
        { NID_key_usage, "critical,digitalSignature,keyAgreement,keyCertSign" },
        { NID_ext_key_usage, "serverAuth,clientAuth" },
        { NID_subject_alt_name, "DNS:localhost" },
    };

    for (size_t i = 0; i < sizeof EXTENSIONS / sizeof EXTENSIONS[0]; i++) {
        VP_AUTO(extension_freep)
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, EXTENSIONS[i].nid, EXTENSIONS[i].value);
        if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
            return false;
    }
    return true;
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -SKEW_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), LIFETIME_S) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
           add_extensions(certificate) && X509_sign(certificate, key, EVP_sha256()) > 0;
}

static char *key_to_pem(EVP_PKEY *key)
{
    VP_AUTO(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());

    if (bio == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return NULL;
    return bio_text(bio);
}

static char *certificate_to_pem(X509 *certificate)
{
    VP_AUTO(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || PEM_write_bio_X509(bio, certificate) != 1)
        return NULL;
    return bio_text(bio);
}

static char *certificate_to_line(X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    if (len <= 0)
        return NULL;
    char *line = malloc((size_t)len / 3 * 4 + 5);
    if (line != NULL) {
        EVP_EncodeBlock((unsigned char *)line, der, len);
        line[strcspn(line, "=")] = '\0'; /* the host decodes without padding */
    }
    OPENSSL_free(der);
    return line;
}

static enum vp_code make_identity(struct plugin_tls *tls, struct vp_error *err)
{
    VP_AUTO(key_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    VP_AUTO(x509_freep) X509 *certificate = X509_new();

    if (key == NULL || certificate == NULL || !fill_certificate(certificate, key))
        return fail_openssl(err, "make a certificate");
    tls->key_pem = key_to_pem(key);
    tls->certificate_pem = certificate_to_pem(certificate);
    tls->certificate_line = certificate_to_line(certificate);
    if (tls->key_pem == NULL || tls->certificate_pem == NULL || tls->certificate_line == NULL)
        return fail_openssl(err, "write the certificate");
    return VP_OK;
}

static enum vp_code read_host_certificate(struct plugin_tls *tls, const char *pem, struct vp_error *err)
{
    VP_AUTO(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
    VP_AUTO(x509_freep) X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

    if (certificate == NULL) {
        ERR_clear_error();
        return vp_fail(err, VP_REASON_BAD_REQUEST, "PLUGIN_CLIENT_CERT is not a PEM certificate");
    }
    tls->host_pem = certificate_to_pem(certificate);
    return tls->host_pem == NULL ? vp_fail_no_memory(err) : VP_OK;
}

enum vp_code plugin_tls_new(const char *host_cert_pem, struct plugin_tls **ret_tls, struct vp_error *err)
{
    VP_AUTO(tls_freep) struct plugin_tls *tls = calloc(1, sizeof *tls);

    if (tls == NULL)
        return vp_fail_no_memory(err);
    VP_TRY(read_host_certificate(tls, host_cert_pem, err));
    VP_TRY(make_identity(tls, err));
    *ret_tls = VP_TAKE(tls);
    return VP_OK;
}

enum vp_code plugin_tls_check(struct vp_error *err)
{
    VP_AUTO(tls_freep) struct plugin_tls *tls = calloc(1, sizeof *tls);

    return tls == NULL ? vp_fail_no_memory(err) : make_identity(tls, err);
}

void plugin_tls_free(struct plugin_tls *tls)
{
    if (tls == NULL)
        return;
    vp_wipe_text(tls->key_pem);
    free(tls->certificate_pem);
    free(tls->certificate_line);
    free(tls->host_pem);
    free(tls);
}

const char *plugin_tls_certificate(const struct plugin_tls *tls)
{
    return tls->certificate_line;
}

const char *plugin_tls_certificate_pem(const struct plugin_tls *tls)
{
    return tls->certificate_pem;
}

/* ---- gRPC ---- */

grpc_server_credentials *plugin_tls_server_credentials(const struct plugin_tls *tls)
{
    grpc_ssl_pem_key_cert_pair pair = { tls->key_pem, tls->certificate_pem };

    return grpc_ssl_server_credentials_create_ex(tls->host_pem, &pair, 1,
                                                 GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, NULL);
}

static int verify_host(const char *target_name, const char *peer_pem, void *userdata)
{
    const struct plugin_tls *tls = userdata;

    (void)target_name;
    return plugin_tls_is_host(tls, peer_pem, strlen(peer_pem)) ? 0 : 1;
}

grpc_channel_credentials *plugin_tls_channel_credentials(struct plugin_tls *tls)
{
    grpc_ssl_pem_key_cert_pair pair = { tls->key_pem, tls->certificate_pem };
    grpc_ssl_verify_peer_options options = { .verify_peer_callback = verify_host,
                                             .verify_peer_callback_userdata = tls };

    return grpc_ssl_credentials_create_ex(tls->host_pem, &pair, &options, NULL);
}

bool plugin_tls_is_host(const struct plugin_tls *tls, const char *pem, size_t len)
{
    return len == strlen(tls->host_pem) && memcmp(pem, tls->host_pem, len) == 0;
}

bool plugin_tls_call_is_hosts(const struct plugin_tls *tls, grpc_call *call)
{
    grpc_auth_context *context = grpc_call_auth_context(call);
    bool same = false;

    if (context == NULL)
        return false;
    grpc_auth_property_iterator properties =
        grpc_auth_context_find_properties_by_name(context, GRPC_X509_PEM_CERT_PROPERTY_NAME);
    const grpc_auth_property *certificate = grpc_auth_property_iterator_next(&properties);
    if (certificate != NULL && grpc_auth_context_peer_is_authenticated(context))
        same = plugin_tls_is_host(tls, certificate->value, certificate->value_length);
    grpc_auth_context_release(context);
    return same;
}
