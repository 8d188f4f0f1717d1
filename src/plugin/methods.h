/* The host's calls: one table row a method, and what each does. Knows messages, but nothing of how they travel. */
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
    struct plugin_broker *broker;
    struct plugin_instances *instances;
    struct plugin_deferred *deferred;
    struct plugin_system system;
    grpc_channel_credentials *credentials;
    void (*stop)(void *context); /* the host wants us to end */
    void *stop_context;
};

/* Where a call's work is done. */
enum plugin_lane_kind {
    PLUGIN_LANE_NONE,    /* at once, by the thread that reads calls: must not block */
    PLUGIN_LANE_CONTROL, /* Setup, Initialize, roles of logins: they wait for the server itself at most */
    PLUGIN_LANE_ADMIN,   /* requests of authenticated users */
    PLUGIN_LANE_LOGIN,   /* what strangers cause, and renewals */
    PLUGIN_N_LANES,
};

enum plugin_method_kind {
    PLUGIN_UNARY,
    PLUGIN_HELD, /* a stream that stays open and on which nothing is said */
    PLUGIN_FED,  /* a stream on which the host says things; nothing is answered */
};

/* One call. */
struct plugin_exchange {
    struct plugin_service *service;
    const struct plugin_method *method;
    char *mount_id;             /* multiplex_id; "" without one; owned */
    ProtobufCMessage *request;  /* of the method's type; owned */
    struct logical_match match; /* of a request or an existence check, found when its lane is chosen */
    enum plugin_lane_kind lane;
    struct vp_cancel *cancel;
    int64_t arrived_ms;

    struct plugin_bytes answer; /* when status is OK; owned */
    grpc_status_code status;
    const char *status_text; /* static */

    char *unsettled; /* what the backend finishes once the answer was delivered; NULL: nothing; owned */
};

struct plugin_method {
    const char *path; /* NULL ends the table */
    enum plugin_method_kind kind;
    const ProtobufCMessageDescriptor *request;
    enum plugin_lane_kind (*lane)(struct plugin_exchange *exchange); /* NULL: PLUGIN_LANE_NONE */
    void (*run)(struct plugin_exchange *exchange);                   /* answers, or takes what was fed */
    /* Answers that it can't be done; NULL: by a gRPC status. */
    void (*refuse)(struct plugin_exchange *exchange, const struct vp_error *why);
};

/* NULL: no such method. */
const struct plugin_method *plugin_method_find(const char *path, size_t len);

/* Answers with a message, or with a status when it can't be packed. */
void plugin_exchange_answer(struct plugin_exchange *exchange, const ProtobufCMessage *message);

/* Answers with a failure in the way of the method. */
void plugin_exchange_refuse(struct plugin_exchange *exchange, const struct vp_error *why);

/* Frees and wipes what it owns. */
void plugin_exchange_clear(struct plugin_exchange *exchange);
