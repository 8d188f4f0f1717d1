/* The host's calls: one table row a method, and what each does. Knows messages, but nothing of how
 * they travel. */
#pragma once

#include <grpc/grpc_security.h>
#include <grpc/status.h>
#include <stdbool.h>
#include <stdint.h>

#include "vp/cancel.h"
#include "vp/logical.h"

#include "broker.h"
#include "deferred.h"
#include "instances.h"
#include "system.h"
#include "wire.h"

/* What all calls of the process share. Constant but for what guards itself. */
struct plugin_service {
    const struct logical_backend *backend;
    bool metadata_mode;
    bool on_vault; /* the host is HashiCorp Vault */
    struct plugin_broker *broker;
    struct plugin_instances *instances;
    struct plugin_deferred *deferred;
    struct plugin_system system;
    grpc_channel_credentials *credentials;
    void (*stop)(void *context); /* the host wants us to end */
    void *stop_context;
};

/* Which worker pool does a call's work. */
enum plugin_pool_kind {
    PLUGIN_POOL_NONE,    /* none: the thread that reads calls does it at once. Must not block */
    PLUGIN_POOL_CONTROL, /* Setup, Initialize, roles of logins: they wait for the server itself at most */
    PLUGIN_POOL_ADMIN,   /* requests of authenticated users */
    PLUGIN_POOL_RENEWAL, /* renewals and revocations, which must not wait behind logins */
    PLUGIN_POOL_LOGIN,   /* what unauthenticated callers cause */
    PLUGIN_N_POOLS,
};

enum plugin_method_kind {
    PLUGIN_UNARY,
    PLUGIN_HELD, /* a stream that stays open and on which nothing is said */
    PLUGIN_FED,  /* a stream on which the host says things; nothing is answered */
};

enum { PLUGIN_MOUNT_ID_SIZE = 64 }; /* hosts give ten characters */

/* One call. */
struct plugin_exchange {
    struct plugin_service *service;
    const struct plugin_method *method;
    char mount_id[PLUGIN_MOUNT_ID_SIZE]; /* multiplex_id; "" without one */
    ProtobufCMessage *request;           /* of the method's type; owned */
    size_t request_bytes;                /* on the wire */
    struct logical_match match;          /* of a request or an existence check, found when its pool is chosen */
    enum plugin_pool_kind pool;
    struct vp_cancel *cancel;
    int64_t arrived_ms;
    int64_t deadline_ms; /* of what waits in a pool */

    struct plugin_instance *instance; /* the mount, once it was looked up; held */
    size_t charged_bytes;             /* to the mount's budget of bodies */

    struct plugin_bytes answer; /* when status is OK; owned */
    grpc_status_code status;
    const char *status_text; /* static */

    char *unsettled; /* what the backend finishes once the answer was delivered; NULL: nothing; owned */
};

struct plugin_method {
    const char *path; /* NULL ends the table */
    enum plugin_method_kind kind;
    const ProtobufCMessageDescriptor *request;
    enum plugin_pool_kind (*pool)(struct plugin_exchange *exchange); /* NULL: PLUGIN_POOL_NONE */
    /* Refuses what need not be queued, once the pool is chosen; NULL: nothing. */
    enum vp_code (*check)(const struct plugin_exchange *exchange, struct vp_error *err);
    void (*run)(struct plugin_exchange *exchange); /* answers, or takes what was fed */
    /* Answers that it can't be done; NULL: by a gRPC status. */
    void (*refuse)(struct plugin_exchange *exchange, const struct vp_error *why);
};

/* NULL: no such method. */
const struct plugin_method *plugin_method_find(const char *path, size_t len);

/* Answers with a message, or with a status when it can't be packed. */
void plugin_exchange_answer(struct plugin_exchange *exchange, const ProtobufCMessage *message);

/* Answers with a failure in the way of the method. */
void plugin_exchange_refuse(struct plugin_exchange *exchange, const struct vp_error *why);

/* Control calls, on which the mounts of a process depend: all but requests. A host does not repeat
 * one that failed, and never uses the process again. So what they need memory for is tried again
 * for a while, and then the process ends: the host starts another. */
bool plugin_method_is_control(const struct plugin_method *method);

/* A short pause before another try; ends the process when `*n_tries` were enough. */
void plugin_method_try_again(unsigned *n_tries);

/* The mount that the call is for; NULL: none of that id. */
struct plugin_instance *plugin_exchange_instance(struct plugin_exchange *exchange);

/* Prepares a wait for the pool: the request's bytes are charged to its mount, and its deadline is
 * set. */
VP_MUST_USE enum vp_code plugin_exchange_wait(struct plugin_exchange *exchange, struct vp_error *err);

/* Frees what only the work on the answer needed: request and mount. */
void plugin_exchange_settle(struct plugin_exchange *exchange);

/* Frees and wipes what it owns. */
void plugin_exchange_clear(struct plugin_exchange *exchange);
