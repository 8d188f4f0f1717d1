/* Private to the module: one request as the handlers of login, renewal, explain and grants see it.
 *
 * It names what is asked, the mount's configuration that the answer is based on, and until when and for whom Arvados may be
 * asked. Everything is borrowed but the snapshot. */
#pragma once

#include "mount.h"
#include "role.h"

/* Bits, so that a check can name several kinds of request. */
enum auth_kind { AUTH_LOGIN = 1, AUTH_RENEWAL = 2, AUTH_EXPLAIN = 4 };

/* AUTH_REMEMBERED takes cached grants that are young enough for the config, AUTH_RECENT those of the last second; AUTH_FRESH
 * asks Arvados in any case, for administrators who look. */
enum auth_age { AUTH_REMEMBERED, AUTH_RECENT, AUTH_FRESH };

struct auth_lease; /* see lease.h */

struct auth_request {
    /* Who asks for what. */
    const struct logical_call *call;
    enum auth_kind kind;
    const char *role_name;              /* as the request names it; NULL or "": none */
    const struct vp_secret *sent_token; /* login, explain; NULL: none was sent */
    const struct auth_lease *lease;     /* renewal */
    const char *container_uuid;         /* explain, instead of a token; NULL: not asked for */
    const char *user_uuid;              /* likewise */
    enum auth_age age;                  /* how old the grants may be */

    /* Set by auth_request_open(), and again when the mount changed while Arvados was asked. */
    struct auth_snapshot *snapshot; /* owned */
    const struct auth_role *role;   /* borrowed from the snapshot */

    const struct vp_clock *clock;
    struct auth_counters *counters;
    const char *request_id;
    int64_t deadline_ms; /* monotonic; 0: not known before the config is */
    struct vp_cancel *cancel;
};

/* Takes the mount's current configuration and the role that the request names, or the default role. A standby that can't
 * serve the request answers with logical_forward(). Opening again keeps the deadline. VP_REASON_NOT_CONFIGURED,
 * VP_REASON_ROLE_UNKNOWN, VP_REASON_ROLE_REQUIRED. */
VP_MUST_USE enum vp_code auth_request_open(struct auth_request *request, struct vp_error *err);

/* The same without a role, for the administrators' paths that look at all grants. */
VP_MUST_USE enum vp_code auth_request_open_without_role(struct auth_request *request, struct vp_error *err);

/* Is the configuration still the one that the request was opened with? */
bool auth_request_is_current(const struct auth_request *request);

void auth_request_clear(struct auth_request *request);

const struct auth_config *auth_request_config(const struct auth_request *request);
int64_t auth_now_s(const struct auth_request *request);
int64_t auth_now_ms(const struct auth_request *request); /* monotonic */

/* Waits for a signal, at most a tenth of a second, since the request has a deadline and a cancel flag besides. Call with the lock held.
 * VP_REASON_CANCELLED, VP_REASON_UPSTREAM_TIMEOUT. */
VP_MUST_USE enum vp_code auth_request_wait(const struct auth_request *request, pthread_mutex_t *lock,
                                           pthread_cond_t *changed, struct vp_error *err);

/* The role that a login or explain without a role gets; NULL or "": none. */
const char *auth_effective_role(const struct auth_config *config, const char *named);

/* Asks Arvados with `token`. */
struct arv_credentials auth_credentials_of(const struct auth_request *request, const struct vp_secret *token);

/* Asks with the mount's service token, or with `token` where the mount has none. */
struct arv_credentials auth_credentials(const struct auth_request *request, const struct vp_secret *token);

/* Asks with the service token of `config`, or without any token, for a handler that has no request of this type. */
struct arv_credentials auth_service_credentials(const struct logical_call *call, const struct auth_config *config);

/* Links that may be grants: of the config's class and trusted owners. With a service token the answer is proven to be an
 * administrator's. Borrowed from the config. */
struct arv_link_query auth_link_query(const struct auth_config *config);
