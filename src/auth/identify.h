/* Private to the room: who is it, and is his container running? */
#pragma once

#include "vp/arvados.h"

#include "mount.h"
#include "role.h"

/* The context of one request: what its calls to Arvados need. Borrowed. */
struct auth_request {
    const struct auth_snapshot *snapshot;
    const struct auth_role *role;
    const struct vp_clock *clock;
    struct auth_counters *counters;
    const char *request_id;
    int64_t deadline_ms;
    struct vp_cancel *cancel;
};

/* The context of a request that starts now: its deadline counts from here. */
struct auth_request auth_request_of(const struct logical_call *call, const struct auth_snapshot *snapshot,
                                    const struct auth_role *role);

int64_t auth_now_s(const struct auth_request *request);

/* A login token, its form and cluster checked: nothing was sent anywhere yet. */
struct auth_token {
    struct vp_secret *secret;
    struct arv_token_text parts;
};
void auth_token_clear(struct auth_token *token);

/* VP_REASON_TOKEN_MALFORMED, VP_REASON_CLUSTER_NOT_ALLOWED. */
VP_MUST_USE enum vp_code auth_token_check(const struct auth_snapshot *snapshot, const struct vp_secret *given,
                                          struct auth_token *ret_token, struct vp_error *err);

/* Sends three requests with the token itself and accepts only answers that agree. Every reason
 * of the class "denied" that does not need grants may come. On a mount for users the identity
 * has no container. */
VP_MUST_USE enum vp_code auth_identify(const struct auth_request *request, const struct auth_token *token,
                                       struct arv_identity *ret_identity, struct vp_error *err);

/* Looks the container and the user of an earlier login up with the service token, and lets
 * through likewise; the container must still have `token_uuid` as its own, or none if the login
 * was with a runtime token. */
VP_MUST_USE enum vp_code auth_look_up(const struct auth_request *request, const char *container_uuid,
                                      const char *user_uuid, const char *token_uuid, bool runtime_token,
                                      struct arv_identity *ret_identity, struct vp_error *err);

/* When the token that said who it is ends; VP_TIME_NONE where the service token said it. */
int64_t auth_token_end_s(const struct arv_identity *identity);

/* The credentials of an admin's request: the service token of `config`; none if it has none. */
struct arv_credentials auth_service_credentials(const struct logical_call *call, const struct auth_config *config);

/* The credentials for the mount's own token, or for `token` where the mount has none. */
struct arv_credentials auth_credentials(const struct auth_request *request, const struct vp_secret *token);

/* The links that may be grants: of the config's class and trusted owners. Borrowed from the
 * config. */
struct arv_link_query auth_link_query(const struct auth_config *config);

/* The single steps, for telling the decision instead of taking it. */
VP_MUST_USE enum vp_code auth_check_own_token(const struct arv_container *container, const char *token_uuid,
                                              const struct auth_role *role, struct vp_error *err);
VP_MUST_USE enum vp_code auth_check_container(const struct arv_container *container, const char *user_uuid,
                                              const struct auth_role *role, struct vp_error *err);
VP_MUST_USE enum vp_code auth_check_user(const struct arv_user *user, const struct auth_config *config,
                                         const struct auth_role *role, struct vp_error *err);
