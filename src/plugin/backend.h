/* pb.Backend: the calls of one mount. */
#pragma once

#include "methods.h"

enum plugin_lane_kind plugin_backend_control_lane(struct plugin_exchange *exchange);
enum plugin_lane_kind plugin_backend_cleanup_lane(struct plugin_exchange *exchange);
enum plugin_lane_kind plugin_backend_request_lane(struct plugin_exchange *exchange);
enum plugin_lane_kind plugin_backend_exists_lane(struct plugin_exchange *exchange);

void plugin_backend_setup(struct plugin_exchange *exchange);
void plugin_backend_type(struct plugin_exchange *exchange);
void plugin_backend_special_paths(struct plugin_exchange *exchange);
void plugin_backend_initialize(struct plugin_exchange *exchange);
void plugin_backend_request(struct plugin_exchange *exchange);
void plugin_backend_exists(struct plugin_exchange *exchange);
void plugin_backend_invalidate(struct plugin_exchange *exchange);
void plugin_backend_cleanup(struct plugin_exchange *exchange);

void plugin_backend_refuse_request(struct plugin_exchange *exchange, const struct vp_error *why);
void plugin_backend_refuse_exists(struct plugin_exchange *exchange, const struct vp_error *why);
