/* Where the vault is, whom to trust, and whose tokens: out of options, the environment and files, first wins. */
#pragma once

#include <stdint.h>

#include "vp/arvados.h"
#include "vp/http.h"
#include "vp/secret.h"

#include "args.h"

#define CLI_SETTINGS_TOKEN_FILE "~/.vault-token"

struct cli_settings {
    /* the vault */
    struct http_origin vault;
    char *vault_ca_pem; /* NULL: the first bundle of the system */
    const char *tls_server_name;
    const char *client_cert; /* files; NULL: none */
    const char *client_key;
    const char *name_space;
    unsigned max_retries;
    int64_t timeout_ms;
    int64_t deadline_ms;            /* monotonic, of all there is to do */
    struct vp_secret *vault_token;  /* NULL: log in */
    const char *vault_token_source; /* for messages */

    /* the login */
    char *mount;            /* its name, without slashes at either end */
    const char *role;       /* NULL: none */
    const char *salt_label; /* NULL: as it is */

    /* Arvados */
    char *arvados_host;              /* NULL: not known */
    struct vp_secret *arvados_token; /* NULL: none */
    const char *arvados_token_source;

    bool quiet;
    bool verbose;
};

/* `patient`: a job can wait for a vault that restarts; a person would rather know. VP_REASON_LOCAL_CONFIG with words,
 * VP_REASON_USAGE, VP_REASON_LOCAL_IO. */
VP_MUST_USE enum vp_code cli_settings_read(const struct cli_args *args, unsigned groups, bool patient,
                                           struct cli_settings *ret_settings, struct vp_error *err);
void cli_settings_clear(struct cli_settings *settings);

/* Certificates to trust for Arvados, as its own tools find them: SSL_CERT_FILE, /etc/arvados/ca-certificates.crt, then NULL,
 * which is the system's. */
VP_MUST_USE enum vp_code cli_settings_arvados_ca(char **ret_pem, struct vp_error *err);

/* Keeps of vault_ca_pem what is a certificate and warns of the rest; false if nothing is left. */
bool cli_settings_drop_broken_certificates(struct cli_settings *settings);

/* Go's durations ("1h30m", "500ms"), plain seconds, and "d" for days; false on any other form. */
bool cli_settings_duration_ms(const char *text, int64_t *ret_ms);

/* The same in whole seconds, of which there is at least one. */
bool cli_settings_duration(const char *text, int64_t *ret_seconds);
