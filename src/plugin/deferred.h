/* What requests leave to do once their answer was delivered: run some seconds later, so that the host has acted on the answer by then,
 * or is gone and this process with it. One thread, started by the first such request. */
#pragma once

#include <stdbool.h>

#include "instances.h"

struct plugin_deferred;

enum { PLUGIN_DEFERRED_MS = 2000 };

/* NULL without memory. `instances` outlives it. */
struct plugin_deferred *plugin_deferred_new(const struct logical_backend *backend, struct plugin_instances *instances);
void plugin_deferred_free(struct plugin_deferred *deferred); /* what waits is dropped */

/* The answer of a request was delivered, or certainly not. Takes `unsettled`. Any thread; does not block. */
void plugin_deferred_add(struct plugin_deferred *deferred, const char *mount_id, char *unsettled, bool delivered);

/* Does now what waits for that mount. Blocks. */
void plugin_deferred_flush(struct plugin_deferred *deferred, const char *mount_id);
bool plugin_deferred_has(struct plugin_deferred *deferred, const char *mount_id);
