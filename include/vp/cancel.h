/* Tells the work for one request that nobody waits for its answer any more.
 *
 * The plugin room sets it when the host gives up; whoever blocks for the request (HTTP, host storage) listens meanwhile.
 * One listener at a time: the work of one request is sequential. Thread-safe. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct vp_cancel {
    pthread_mutex_t lock; /* guards all below */
    bool cancelled;
    void (*listener)(void *context); /* called at most once, from the cancelling thread, with the lock held: short,
                                      * never calling back into this object */
    void *context;
};

#define VP_CANCEL_INIT                    \
    {                                     \
        .lock = PTHREAD_MUTEX_INITIALIZER \
    }

void vp_cancel_set(struct vp_cancel *cancel);
bool vp_cancel_is_set(struct vp_cancel *cancel); /* false for NULL */

/* Starts listening. When it is already set, calls at once. `cancel` may be NULL: never called. */
void vp_cancel_listen(struct vp_cancel *cancel, void (*listener)(void *context), void *context);

/* Ends listening; after the return the listener does not run and will not. */
void vp_cancel_unlisten(struct vp_cancel *cancel);
