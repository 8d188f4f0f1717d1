/* Wire messages <-> plain types; and the only place that knows what a vp_code is on the wire. */
#pragma once

#include <stdint.h>

#include "vp/logical.h"

#include "wire.h"
#include "wire.pb-c.h"

/* A request as handlers see it. Texts of `call` are borrowed from the wire message. */
struct plugin_request {
    char generated_id[37];    /* call.request_id points here where the server sends none, as for renewals */
    struct logical_call call; /* storage, cancel, standby and mount are the caller's to set */
    struct vp_json *document;
    struct logical_auth auth;
    struct logical_secret secret;
    struct logical_reply reply;
};

enum {
    PLUGIN_LOGIN_BODY_MAX = 64 * 1024, /* what strangers can send: a token and a role are some hundred bytes */
    PLUGIN_BODY_MAX = 1024 * 1024,     /* as large as a stored value may be */
};

/* All but body and token: what an existence check needs. */
void plugin_translate_head(const Wire__Request *wire, struct plugin_request *ret_request);

/* VP_REASON_BAD_REQUEST for a body that is too large for its operation and path. */
VP_MUST_USE enum vp_code plugin_translate_check_size(const struct logical_match *match, const Wire__Request *wire,
                                                     struct vp_error *err);

/* VP_REASON_BAD_REQUEST for a body that is no JSON object, or too large. On failure *ret_request is to be cleared
 * too. */
VP_MUST_USE enum vp_code plugin_translate_request(const struct logical_match *match, const Wire__Request *wire,
                                                  struct plugin_request *ret_request, struct vp_error *err);
void plugin_request_clear(struct plugin_request *request);

/* The packed HandleRequestReply. `wire` is the request: a renewal gives its Auth or Secret back, unknown fields and
 * all, with new times. VP_REASON_INTERNAL for an answer that would grant more than it says (no alias, no TTL). */
VP_MUST_USE enum vp_code plugin_translate_reply(const Wire__Request *wire, const struct logical_reply *reply,
                                                int64_t now_s, struct plugin_bytes *ret_answer, struct vp_error *err);

/* The packed HandleRequestReply of a failure. */
VP_MUST_USE enum vp_code plugin_translate_failure(const struct vp_error *failure, enum logical_operation operation,
                                                  bool on_vault, struct plugin_bytes *ret_answer, struct vp_error *err);

/* The same as a plain ProtoError, for replies that have no response; texts borrowed from `failure`. */
Wire__ProtoError plugin_translate_error(const struct vp_error *failure);

/* Is it the caller's own fault, not the plugin's, the host's or Arvados'? */
bool plugin_translate_is_callers(const struct vp_error *failure);
