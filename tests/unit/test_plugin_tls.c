#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "tls.h"

/* A certificate as hosts make theirs; the caller frees the text. */
static char *make_host_pem(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-521");
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha512());
    PEM_write_bio_X509(bio, certificate);
    long len = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t)len);
    BIO_free(bio);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return pem;
}

static X509 *read_certificate(const struct plugin_tls *tls)
{
    BIO *bio = BIO_new_mem_buf(plugin_tls_certificate_pem(tls), -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return certificate;
}

static struct plugin_tls *make_tls(void)
{
    char *pem = make_host_pem();
    struct plugin_tls *tls = NULL;
    struct vp_error err = { 0 };

    EXPECT_OK(plugin_tls_new(pem, &tls, &err), &err);
    free(pem);
    return tls;
}

TEST(the_certificate_has_what_the_host_needs_of_it)
{
    struct plugin_tls *tls = make_tls();
    X509 *certificate = read_certificate(tls);

    EXPECT_INT(1, X509_check_host(certificate, "localhost", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL));
    EXPECT_INT(XKU_SSL_SERVER | XKU_SSL_CLIENT, X509_get_extended_key_usage(certificate));
    EXPECT_INT(KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT | KU_KEY_CERT_SIGN, X509_get_key_usage(certificate));
    EXPECT(X509_check_ca(certificate) == 1);
    EXPECT_INT(1, X509_verify(certificate, X509_get0_pubkey(certificate)));
    EXPECT_INT(256, EVP_PKEY_get_bits(X509_get0_pubkey(certificate)));
    EXPECT_INT(-1, X509_cmp_current_time(X509_get0_notBefore(certificate)));
    EXPECT_INT(1, X509_cmp_current_time(X509_get0_notAfter(certificate)));

    X509_free(certificate);
    plugin_tls_free(tls);
}

TEST(the_line_holds_the_same_certificate_without_padding)
{
    struct plugin_tls *tls = make_tls();
    X509 *certificate = read_certificate(tls);
    const char *line = plugin_tls_certificate(tls);
    char padded[4096] = "";
    unsigned char der[4096];

    EXPECT_LACKS("=", line);
    EXPECT_LACKS("\n", line);
    snprintf(padded, sizeof padded, "%s%.*s", line, (int)((4 - strlen(line) % 4) % 4), "===");
    EXPECT(EVP_DecodeBlock(der, (const unsigned char *)padded, (int)strlen(padded)) > 0);
    const unsigned char *at = der;
    X509 *sent = d2i_X509(NULL, &at, sizeof der);
    EXPECT_INT(0, X509_cmp(sent, certificate));

    X509_free(sent);
    X509_free(certificate);
    plugin_tls_free(tls);
}

TEST(two_processes_have_two_certificates)
{
    struct plugin_tls *one = make_tls(), *two = make_tls();

    EXPECT(strcmp(plugin_tls_certificate(one), plugin_tls_certificate(two)) != 0);

    plugin_tls_free(one);
    plugin_tls_free(two);
}

TEST(only_the_hosts_own_certificate_is_the_hosts)
{
    char *pem = make_host_pem(), *other = make_host_pem();
    struct plugin_tls *tls = NULL;
    struct vp_error err = { 0 };
    EXPECT_OK(plugin_tls_new(pem, &tls, &err), &err);

    EXPECT(plugin_tls_is_host(tls, pem, strlen(pem)));
    EXPECT(!plugin_tls_is_host(tls, other, strlen(other)));
    EXPECT(!plugin_tls_is_host(tls, pem, strlen(pem) - 1));
    EXPECT(!plugin_tls_is_host(tls, "", 0));

    plugin_tls_free(tls);
    free(pem);
    free(other);
}

TEST(a_host_certificate_that_is_none_is_refused)
{
    static const char *const TEXTS[] = { "", "rubbish",
                                         "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };

    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct plugin_tls *tls = NULL;
        struct vp_error err = { 0 };
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, plugin_tls_new(TEXTS[i], &tls, &err), &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_certificate_has_what_the_host_needs_of_it), CASE(the_line_holds_the_same_certificate_without_padding),
        CASE(two_processes_have_two_certificates),           CASE(only_the_hosts_own_certificate_is_the_hosts),
        CASE(a_host_certificate_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
