#include "instances.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "storage.h"
#include "system.h"

struct plugin_instances {
    const struct logical_backend *backend;
    void *shared;
    struct vp_budget bodies;
    pthread_mutex_t lock; /* guards all below */
    struct plugin_instance *first;
    size_t n;
};

struct plugin_instances *plugin_instances_new(const struct logical_backend *backend, void *shared)
{
    struct plugin_instances *instances = calloc(1, sizeof *instances);

    if (instances == NULL)
        return NULL;
    instances->backend = backend;
    instances->shared = shared;
    instances->bodies = (struct vp_budget)VP_BUDGET_INIT(NULL, PLUGIN_BODIES_MAX);
    pthread_mutex_init(&instances->lock, NULL);
    return instances;
}

static void instance_free(struct plugin_instance *instance)
{
    if (instance->mount != NULL)
        instance->backend->mount_free(instance->mount);
    if (instance->channel != NULL)
        grpc_channel_destroy(instance->channel);
    free(instance->id);
    free(instance);
}

/* Takes the one with that id out of the list; NULL without. The lock is held. */
static struct plugin_instance *unlink_id(struct plugin_instances *instances, const char *id)
{
    for (struct plugin_instance **at = &instances->first; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->id, id) == 0) {
            struct plugin_instance *found = *at;
            *at = found->next;
            instances->n--;
            return found;
        }
    }
    return NULL;
}

/* Gives up one use; true when it was the last. The lock is held. */
static bool release(struct plugin_instance *instance)
{
    return --instance->n_users == 0;
}

static enum vp_code instance_new(struct plugin_instances *instances, const char *id, grpc_channel *channel,
                                 struct plugin_instance **ret_instance, struct vp_error *err)
{
    struct plugin_instance *instance = calloc(1, sizeof *instance);

    if (instance == NULL) {
        grpc_channel_destroy(channel);
        return vp_fail_no_memory(err);
    }
    *instance = (struct plugin_instance){ .channel = channel,
                                          .storage = plugin_storage_on(channel),
                                          .system = plugin_system_on(channel),
                                          .bodies = VP_BUDGET_INIT(&instances->bodies, PLUGIN_MOUNT_BODIES_MAX),
                                          .backend = instances->backend,
                                          .id = strdup(id),
                                          .n_users = 1 }; /* the table */
    enum vp_code code = instance->id == NULL ? vp_fail_no_memory(err)
                                             : instances->backend->mount_new(instances->shared, &instance->mount, err);
    if (code != VP_OK) {
        instance_free(instance);
        return code;
    }
    *ret_instance = instance;
    return VP_OK;
}

enum vp_code plugin_instances_add(struct plugin_instances *instances, const char *id, grpc_channel *channel,
                                  struct vp_error *err)
{
    struct plugin_instance *instance = NULL;

    VP_TRY(instance_new(instances, id, channel, &instance, err));
    pthread_mutex_lock(&instances->lock);
    struct plugin_instance *replaced = unlink_id(instances, id);
    bool free_replaced = replaced != NULL && release(replaced);
    bool fits = instances->n < PLUGIN_INSTANCES_MAX;
    if (fits) {
        instance->next = instances->first;
        instances->first = instance;
        instances->n++;
    }
    pthread_mutex_unlock(&instances->lock);
    if (free_replaced)
        instance_free(replaced);
    if (fits)
        return VP_OK;
    instance_free(instance);
    return vp_fail(err, VP_REASON_INTERNAL, "more than %d mounts in one process", PLUGIN_INSTANCES_MAX);
}

struct plugin_instance *plugin_instances_get(struct plugin_instances *instances, const char *id)
{
    pthread_mutex_lock(&instances->lock);
    struct plugin_instance *found = instances->first;
    while (found != NULL && strcmp(found->id, id) != 0)
        found = found->next;
    if (found != NULL)
        found->n_users++;
    pthread_mutex_unlock(&instances->lock);
    return found;
}

void plugin_instances_put(struct plugin_instances *instances, struct plugin_instance *instance)
{
    if (instance == NULL)
        return;
    pthread_mutex_lock(&instances->lock);
    bool last = release(instance);
    pthread_mutex_unlock(&instances->lock);
    if (last)
        instance_free(instance);
}

void plugin_instances_remove(struct plugin_instances *instances, const char *id)
{
    pthread_mutex_lock(&instances->lock);
    struct plugin_instance *removed = unlink_id(instances, id);
    bool last = removed != NULL && release(removed);
    pthread_mutex_unlock(&instances->lock);
    if (last)
        instance_free(removed);
}

void plugin_instances_free(struct plugin_instances *instances)
{
    if (instances == NULL)
        return;
    while (instances->first != NULL)
        plugin_instances_remove(instances, instances->first->id);
    pthread_mutex_destroy(&instances->lock);
    free(instances);
}
