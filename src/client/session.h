/* A connection to the vault with a token in it: given, or got by a login that is undone at the end. */
#pragma once

#include "vp/vault.h"

#include "progress.h"
#include "settings.h"

struct session {
    const struct settings *settings;
    struct http_client *http; /* NULL: not connected */
    struct vault *vault;
    struct progress *progress; /* tells a person what is waited for; NULL: nobody */
    struct vault_login login;  /* empty with a given token */
    int64_t logged_in_ms;      /* monotonic, of that login; 0: its uses are counted, and none is to be wasted */
    bool logged_in;
    bool keep_token; /* somebody else lives on it: leases, or whoever it was handed to */
};

/* Connects without asking anything. */
VP_MUST_USE enum vp_code session_open(const struct settings *settings, struct session *ret_session,
                                      struct vp_error *err);

/* Nothing is waited for any more: what is told from here on has the terminal for itself. */
void session_end_progress(struct session *session);

/* Closes the connection, and ends its thread, before another program begins here or in a child: it would inherit both. The
 * token stays; session_reconnect() goes on with it. */
void session_disconnect(struct session *session);
VP_MUST_USE enum vp_code session_reconnect(struct session *session, struct vp_error *err);

/* Logs in with the Arvados token, whatever Vault token was given. Its warnings are told. A token of a login before is
 * revoked then, unless it is to be kept; when it fails that one is still in use. */
VP_MUST_USE enum vp_code session_log_in(struct session *session, struct vp_error *err);

/* The given token, or a login. */
VP_MUST_USE enum vp_code session_authorise(struct session *session, struct vp_error *err);

/* Adds where the token came from to a refusal, so that one knows which one to look at. */
void session_explain(const struct session *session, struct vp_error *err);

/* Revokes a token that it got itself; connects again for it if need be. */
void session_revoke(struct session *session);

/* Revokes the token unless it is to be kept, and closes. */
void session_close(struct session *session);

/* A connection to Arvados, for who has the host and a token. Freed by arv_client_free(). */
VP_MUST_USE enum vp_code session_arvados(struct session *session, struct arv_client **ret_client, struct vp_error *err);
