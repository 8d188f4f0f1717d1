/* A connection to the vault with a token in it: given, or got by a login that is undone at the end. */
#pragma once

#include "vp/vault.h"

#include "settings.h"

struct session {
    struct http_client *http;
    struct vault *vault;
    const struct settings *settings;
    struct vault_login login; /* empty with a given token */
    bool logged_in;
    bool keep_token; /* somebody else lives on it: leases, or whoever it was handed to */
};

/* Connects without asking anything. `cancel` may be NULL. */
VP_MUST_USE enum vp_code session_open(const struct settings *settings, struct vp_cancel *cancel,
                                      struct session *ret_session, struct vp_error *err);

/* Logs in with the Arvados token, whatever Vault token was given. Its warnings are told. */
VP_MUST_USE enum vp_code session_log_in(struct session *session, struct vp_error *err);

/* The given token, or a login. */
VP_MUST_USE enum vp_code session_authorise(struct session *session, struct vp_error *err);

/* Adds where the token came from to a refusal, so that one knows which one to look at. */
void session_explain(const struct session *session, struct vp_error *err);

/* Revokes a token that it got itself, unless it is to be kept, and closes. */
void session_close(struct session *session);

/* A connection to Arvados, for who has the host and a token. Freed by arv_client_free(). */
VP_MUST_USE enum vp_code session_arvados(struct session *session, struct arv_client **ret_client, struct vp_error *err);
