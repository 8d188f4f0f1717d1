/* The mounts that the host keeps in this process, by the id it gives each (multiplex_id; "" when it gives none). */
#pragma once

#include <grpc/grpc.h>

#include "vp/budget.h"
#include "vp/logical.h"

/* One mount. Counted: requests hold it over their end, so that Cleanup takes nothing from under them. */
struct plugin_instance {
    void *mount; /* the backend's object */
    grpc_channel *channel;
    struct logical_storage storage;
    struct logical_system system;
    struct vp_budget bodies; /* bytes of requests that wait or are worked on; a part of the process' */

    /* Only instances.c looks at these. */
    const struct logical_backend *backend;
    struct plugin_instance *next;
    char *id;
    unsigned n_users; /* guarded by the table's lock */
};

struct plugin_instances;

enum {
    PLUGIN_INSTANCES_MAX = 4096,
    PLUGIN_BODIES_MAX = 64 * 1024 * 1024, /* of all mounts */
    PLUGIN_MOUNT_BODIES_MAX = 16 * 1024 * 1024,
};

struct plugin_instances *plugin_instances_new(const struct logical_backend *backend, void *shared);
void plugin_instances_free(struct plugin_instances *instances); /* frees all mounts; no request may run */

/* Makes a mount and puts it in place of what has the same id. Takes the channel, also on failure. */
VP_MUST_USE enum vp_code plugin_instances_add(struct plugin_instances *instances, const char *id, grpc_channel *channel,
                                              struct vp_error *err);

/* The mount, to be given back; NULL when there is none of that id. */
struct plugin_instance *plugin_instances_get(struct plugin_instances *instances, const char *id);
void plugin_instances_put(struct plugin_instances *instances, struct plugin_instance *instance);

/* Forgets a mount; the last user frees it. Unknown ids are fine: hosts clean up twice. */
void plugin_instances_remove(struct plugin_instances *instances, const char *id);
