/* pb.Backend: the calls of one mount. */
#pragma once

#include "methods.h"

enum plugin_pool_kind plugin_backend_control_pool(struct plugin_exchange *exchange);
enum plugin_pool_kind plugin_backend_cleanup_pool(struct plugin_exchange *exchange);
enum plugin_pool_kind plugin_backend_request_pool(struct plugin_exchange *exchange);
enum plugin_pool_kind plugin_backend_exists_pool(struct plugin_exchange *exchange);
VP_MUST_USE enum vp_code plugin_backend_check_request(const struct plugin_exchange *exchange, struct vp_error *err);

void plugin_backend_setup(struct plugin_exchange *exchange);
void plugin_backend_type(struct plugin_exchange *exchange);
void plugin_backend_special_paths(struct plugin_exchange *exchange);
void plugin_backend_initialize(struct plugin_exchange *exchange);
void plugin_backend_request(struct plugin_exchange *exchange);
void plugin_backend_exists(struct plugin_exchange *exchange);
void plugin_backend_invalidate(struct plugin_exchange *exchange);
void plugin_backend_cleanup(struct plugin_exchange *exchange);

/* Tells the backend about a request that no handler saw. */
void plugin_backend_count_refused(struct plugin_exchange *exchange, enum vp_reason reason);

void plugin_backend_refuse_request(struct plugin_exchange *exchange, const struct vp_error *why);
void plugin_backend_refuse_exists(struct plugin_exchange *exchange, const struct vp_error *why);
