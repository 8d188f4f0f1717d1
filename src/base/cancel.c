#include "vp/cancel.h"

#include <stddef.h>

static void tell(struct vp_cancel *cancel)
{
    if (cancel->listener == NULL)
        return;
    cancel->listener(cancel->context);
    cancel->listener = NULL;
}

void vp_cancel_set(struct vp_cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    cancel->cancelled = true;
    tell(cancel);
    pthread_mutex_unlock(&cancel->lock);
}

bool vp_cancel_is_set(struct vp_cancel *cancel)
{
    if (cancel == NULL)
        return false;
    pthread_mutex_lock(&cancel->lock);
    bool cancelled = cancel->cancelled;
    pthread_mutex_unlock(&cancel->lock);
    return cancelled;
}

void vp_cancel_listen(struct vp_cancel *cancel, void (*listener)(void *context), void *context)
{
    if (cancel == NULL)
        return;
    pthread_mutex_lock(&cancel->lock);
    cancel->listener = listener;
    cancel->context = context;
    if (cancel->cancelled)
        tell(cancel);
    pthread_mutex_unlock(&cancel->lock);
}

void vp_cancel_unlisten(struct vp_cancel *cancel)
{
    if (cancel == NULL)
        return;
    pthread_mutex_lock(&cancel->lock);
    cancel->listener = NULL;
    pthread_mutex_unlock(&cancel->lock);
}
