/* go-plugin's handshake: what the host says in the environment, and the one line that answers it. */
#pragma once

#include <stdbool.h>

#include "vp/error.h"

struct plugin_handshake {
    char *host_cert_pem;  /* the host's one-time certificate */
    char *socket_dir;     /* NULL: $TMPDIR, else /tmp */
    char *socket_group;   /* NULL: only our own user */
    bool multiplex_field; /* the host wants a seventh field in the line */
    bool metadata_mode;   /* only asked what we are: requests are refused */
    bool on_vault;        /* the host is HashiCorp Vault, not OpenBao */
    bool lock_memory;
};

/* Was the process started by a host that looks for an auth or secrets plugin? */
bool plugin_handshake_has_cookie(void);

/* Reads the variables and copies them; OpenBao's names go before Vault's. VP_REASON_BAD_REQUEST: protocol 5 is not
 * among the versions offered (never answer another: a host that is answered 4 hangs without a time limit), or there is
 * no certificate. Freed by plugin_handshake_clear(). */
VP_MUST_USE enum vp_code plugin_handshake_read(struct plugin_handshake *ret_handshake, struct vp_error *err);
void plugin_handshake_clear(struct plugin_handshake *handshake);

/* The line, with its newline, in one write: the very first bytes on stdout. */
VP_MUST_USE enum vp_code plugin_handshake_answer(int fd, const struct plugin_handshake *handshake,
                                                 const char *socket_path, const char *certificate,
                                                 struct vp_error *err);
