#include "ca.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "vp/buf.h"
#include "vp/http.h"

enum { BUNDLE_MAX = 8 * 1024 * 1024, READ_SIZE = 65536 };

static const char *const BUNDLES[] = {
    "/etc/ssl/certs/ca-certificates.crt",     /* Debian */
    "/etc/pki/tls/certs/ca-bundle.crt",       /* Red Hat */
    "/etc/ssl/ca-bundle.pem",                 /* SUSE */
    "/var/lib/ca-certificates/ca-bundle.pem", /* SUSE */
    "/etc/ssl/cert.pem",                      /* Alpine */
};

static void close_filep(FILE **file)
{
    if (*file != NULL)
        (void)fclose(*file);
}

static void free_biop(BIO **bio)
{
    BIO_free(*bio);
}

static FILE *open_first_bundle(void)
{
    for (size_t i = 0; i < sizeof BUNDLES / sizeof *BUNDLES; i++) {
        FILE *file = fopen(BUNDLES[i], "re");
        if (file != NULL)
            return file;
    }
    return NULL;
}

enum vp_code http_ca_system(char **ret_pem, struct vp_error *err)
{
    VP_AUTO(close_filep) FILE *file = open_first_bundle();
    if (file == NULL)
        return vp_fail(err, VP_REASON_INTERNAL, "this system has no bundle of CA certificates: give one");
    struct vp_buf pem = VP_BUF_INIT(BUNDLE_MAX);
    char piece[READ_SIZE];
    size_t len;
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        vp_buf_add(&pem, piece, len);
    if (ferror(file) != 0 || pem.failed || pem.len == 0) {
        vp_buf_clear(&pem);
        return vp_fail(err, VP_REASON_INTERNAL, "the system's bundle of CA certificates can't be read");
    }
    *ret_pem = vp_buf_take(&pem);
    return *ret_pem == NULL ? vp_fail_no_memory(err) : VP_OK;
}

/* Adds each certificate to the store; NULL: only looks whether they can be read. */
static enum vp_code read_certificates(const char *pem, X509_STORE *store, struct vp_error *err)
{
    VP_AUTO(free_biop) BIO *bio = BIO_new_mem_buf(pem, (int)strlen(pem));
    if (bio == NULL)
        return vp_fail_no_memory(err);
    ERR_clear_error();
    unsigned n = 0;
    bool added = true;
    X509 *certificate;
    while (added && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        added = store == NULL || X509_STORE_add_cert(store, certificate) == 1;
        X509_free(certificate);
        n++;
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!added)
        return vp_fail_no_memory(err);
    if (!at_end)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "CA certificate %u can't be read", n + 1);
    if (n == 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the text holds no CA certificate in PEM form");
    return VP_OK;
}

static enum vp_code check_text(const char *pem, struct vp_error *err)
{
    if (strlen(pem) > BUNDLE_MAX)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the CA certificates are larger than %d bytes", BUNDLE_MAX);
    /* It would be shown to everybody who may read the configuration. */
    if (strstr(pem, "PRIVATE KEY-----") != NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "a private key stands among the CA certificates");
    return VP_OK;
}

enum vp_code http_check_ca_pem(const char *pem, struct vp_error *err)
{
    VP_TRY(check_text(pem, err));
    return read_certificates(pem, NULL, err);
}

static void free_storep(X509_STORE **store)
{
    X509_STORE_free(*store);
}

enum vp_code http_ca_store(const char *pem, X509_STORE **ret_store, struct vp_error *err)
{
    VP_TRY(check_text(pem, err));
    VP_AUTO(free_storep) X509_STORE *store = X509_STORE_new();
    /* A site's own CA may be an intermediate one: trusted as it is, as libcurl has it. */
    if (store == NULL || X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return vp_fail_no_memory(err);
    VP_TRY(read_certificates(pem, store, err));
    *ret_store = VP_TAKE(store);
    return VP_OK;
}
