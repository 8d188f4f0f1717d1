/* A connection to the vault with a token in it: given, or got by a login that is undone at the end. */
#pragma once

#include "vp/vault.h"

#include "args.h"
#include "progress.h"
#include "settings.h"

struct cli_session {
    const struct cli_settings *settings;
    struct http_client *http; /* NULL: not connected */
    struct vault *vault;
    struct cli_progress *progress; /* tells a person what is waited for; NULL: nobody */
    struct vault_login login;      /* empty with a given token */
    int64_t logged_in_ms;          /* monotonic, of that login; 0: its uses are counted, and none is to be wasted */
    bool logged_in;
    bool keep_token;        /* it is in use beyond this session: by leases, or by whoever it was handed to */
    struct vp_texts leases; /* that a given token made; revoked one by one where the token is not kept */
    struct cli_session_retired *retired; /* tokens of earlier logins that leases in use depend on */
    size_t n_retired;
};

struct cli_session_retired {
    struct vp_secret *token;
    bool in_use; /* beyond the next delivery: by a variable, which can't be replaced */
};

/* Connects without asking anything. */
VP_MUST_USE enum vp_code cli_session_open(const struct cli_settings *settings, struct cli_session *ret_session,
                                          struct vp_error *err);

/* Nothing is waited for any more: what is told from here on has the terminal for itself. */
void cli_session_end_progress(struct cli_session *session);

/* Closes the connection, and ends its thread, before another program begins here or in a child: it would inherit both. The
 * token stays; cli_session_reconnect() goes on with it. */
void cli_session_disconnect(struct cli_session *session);
VP_MUST_USE enum vp_code cli_session_reconnect(struct cli_session *session, struct vp_error *err);

/* Logs in with the Arvados token, whatever Vault token was given. Its warnings are told. The token of an earlier
 * login is revoked then, or retired if it is to be kept; on failure that one is still in use. */
VP_MUST_USE enum vp_code cli_session_log_in(struct cli_session *session, struct vp_error *err);

/* A login whose token is not used here, and not revoked. Freed by vault_login_clear(). */
VP_MUST_USE enum vp_code cli_session_get_login(struct cli_session *session, struct vault_login *ret_login,
                                               struct vp_error *err);

/* The given token, or a login. */
VP_MUST_USE enum vp_code cli_session_authorise(struct cli_session *session, struct vp_error *err);

/* Adds where the token came from to a refusal, so that one knows which one to look at. */
void cli_session_explain(const struct cli_session *session, struct vp_error *err);

/* Revokes a token that it got itself; connects again for it if need be. */
void cli_session_revoke(struct cli_session *session);

/* Revokes the tokens of earlier logins that nothing in use depends on; `all`: the others too. */
void cli_session_revoke_retired(struct cli_session *session, bool all);

/* Revokes the token and what it made unless it is to be kept, and closes. */
void cli_session_close(struct cli_session *session);

/* A connection to Arvados, for who has the host and a token. Freed by arv_client_free(). */
VP_MUST_USE enum vp_code cli_session_arvados(struct cli_session *session, struct arv_client **ret_client,
                                             struct vp_error *err);

/* What a command needs of its session. */
struct cli_session_need {
    const struct cli_args *args;
    const char *spec_mount; /* the spec's: below the option, above the environment; NULL: none */
    const char *spec_role;
    bool only_connect; /* without a token */
};
typedef enum vp_code (*cli_session_work)(struct cli_session *session, void *context, struct vp_error *err);

/* Reads the settings, connects, gets a token, runs `work` and closes. */
struct cli_command;
VP_MUST_USE enum vp_code cli_session_run(const struct cli_command *command, const struct cli_session_need *need,
                                         cli_session_work work, void *context, struct vp_error *err);
