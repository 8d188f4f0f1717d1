#include "broker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "vp/thread.h"

struct place {
    uint32_t id;
    char *address;
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
    for (size_t i = 0; i < broker->n; i++)
        free(broker->places[i].address);
    pthread_cond_destroy(&broker->told);
    pthread_mutex_destroy(&broker->lock);
    free(broker);
}

/* Takes the address out of the table; the lock is held. */
static char *take_at(struct plugin_broker *broker, size_t i)
{
    char *address = broker->places[i].address;

    memmove(&broker->places[i], &broker->places[i + 1], (broker->n - i - 1) * sizeof broker->places[0]);
    broker->n--;
    return address;
}

void plugin_broker_tell(struct plugin_broker *broker, uint32_t id, const char *network, const char *address)
{
    struct sockaddr_un socket_address;

    if (strcmp(network, "unix") != 0 || address[0] != '/' || strlen(address) >= sizeof socket_address.sun_path)
        return;
    char *copy = strdup(address);
    if (copy == NULL)
        return;
    pthread_mutex_lock(&broker->lock);
    if (broker->n == PLUGIN_BROKER_MAX)
        free(take_at(broker, 0));
    broker->places[broker->n++] = (struct place){ id, copy };
    pthread_cond_broadcast(&broker->told);
    pthread_mutex_unlock(&broker->lock);
}

static char *take_by_id(struct plugin_broker *broker, uint32_t id)
{
    for (size_t i = broker->n; i-- > 0;)
        if (broker->places[i].id == id)
            return take_at(broker, i);
    return NULL;
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

enum vp_code plugin_broker_take(struct plugin_broker *broker, uint32_t id, int64_t timeout_ms, char **ret_address,
                                struct vp_error *err)
{
    struct timespec deadline = deadline_in(timeout_ms);
    int waited = 0;

    pthread_mutex_lock(&broker->lock);
    char *address = take_by_id(broker, id);
    while (address == NULL && !broker->closed && waited == 0) {
        waited = pthread_cond_timedwait(&broker->told, &broker->lock, &deadline);
        address = take_by_id(broker, id);
    }
    pthread_mutex_unlock(&broker->lock);
    if (address == NULL)
        return vp_fail(err, VP_REASON_INTERNAL, "the host gave no address for its storage (broker id %u)", id);
    *ret_address = address;
    return VP_OK;
}

void plugin_broker_close(struct plugin_broker *broker)
{
    pthread_mutex_lock(&broker->lock);
    broker->closed = true;
    pthread_cond_broadcast(&broker->told);
    pthread_mutex_unlock(&broker->lock);
}
