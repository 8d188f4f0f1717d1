#include "broker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vp/thread.h"

struct place {
    uint32_t id;
    char address[PLUGIN_BROKER_ADDRESS_SIZE];
};

struct plugin_broker {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t told;
    struct place places[PLUGIN_BROKER_MAX]; /* oldest first */
    size_t n;
    bool closed;
};

struct plugin_broker *plugin_broker_new(void)
{
    struct plugin_broker *broker = calloc(1, sizeof *broker);

    if (broker == NULL)
        return NULL;
    pthread_mutex_init(&broker->lock, NULL);
    vp_condition_init(&broker->told);
    return broker;
}

void plugin_broker_free(struct plugin_broker *broker)
{
    if (broker == NULL)
        return;
    pthread_cond_destroy(&broker->told);
    pthread_mutex_destroy(&broker->lock);
    free(broker);
}

/* Takes the place out of the table; the lock is held. */
static void remove_at(struct plugin_broker *broker, size_t i)
{
    memmove(&broker->places[i], &broker->places[i + 1], (broker->n - i - 1) * sizeof broker->places[0]);
    broker->n--;
}

void plugin_broker_tell(struct plugin_broker *broker, uint32_t id, const char *network, const char *address)
{
    size_t len = strlen(address);

    if (strcmp(network, "unix") != 0 || address[0] != '/' || len >= PLUGIN_BROKER_ADDRESS_SIZE)
        return;
    pthread_mutex_lock(&broker->lock);
    if (broker->n == PLUGIN_BROKER_MAX)
        remove_at(broker, 0);
    struct place *place = &broker->places[broker->n++];
    place->id = id;
    memcpy(place->address, address, len + 1);
    pthread_cond_broadcast(&broker->told);
    pthread_mutex_unlock(&broker->lock);
}

static bool take_by_id(struct plugin_broker *broker, uint32_t id, char address[PLUGIN_BROKER_ADDRESS_SIZE])
{
    for (size_t i = broker->n; i-- > 0;) {
        if (broker->places[i].id != id)
            continue;
        memcpy(address, broker->places[i].address, PLUGIN_BROKER_ADDRESS_SIZE);
        remove_at(broker, i);
        return true;
    }
    return false;
}

static struct timespec deadline_in(int64_t timeout_ms)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += timeout_ms % 1000 * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

enum vp_code plugin_broker_take(struct plugin_broker *broker, uint32_t id, int64_t timeout_ms,
                                char ret_address[PLUGIN_BROKER_ADDRESS_SIZE], struct vp_error *err)
{
    struct timespec deadline = deadline_in(timeout_ms);
    int waited = 0;

    pthread_mutex_lock(&broker->lock);
    bool taken = take_by_id(broker, id, ret_address);
    while (!taken && !broker->closed && waited == 0) {
        waited = pthread_cond_timedwait(&broker->told, &broker->lock, &deadline);
        taken = take_by_id(broker, id, ret_address);
    }
    pthread_mutex_unlock(&broker->lock);
    if (!taken)
        return vp_fail(err, VP_REASON_INTERNAL, "the host gave no address for its storage (broker id %u)", id);
    return VP_OK;
}

void plugin_broker_close(struct plugin_broker *broker)
{
    pthread_mutex_lock(&broker->lock);
    broker->closed = true;
    pthread_cond_broadcast(&broker->told);
    pthread_mutex_unlock(&broker->lock);
}
