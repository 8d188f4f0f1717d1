vpa_unit(plugin broker vp_base)
vpa_unit(plugin handshake vp_base)
vpa_unit(plugin instances vp_logical vp_base PkgConfig::GRPC PkgConfig::PROTOBUF_C)
vpa_unit(plugin lane)
vpa_unit(plugin process)
vpa_unit(plugin socket_dir vp_base)
vpa_unit(plugin tls vp_base PkgConfig::GRPC PkgConfig::CRYPTO)
vpa_unit(plugin translate vp_logical vp_base vp_proto)
vpa_unit(plugin wire vp_base vp_proto)

# A backend without a subject over the plugin room, for tests/e2e/test_plugin_protocol.py. Never installed.
add_executable(toy-plugin ${CMAKE_SOURCE_DIR}/tests/support/toy_backend.c)
vpa_target(toy-plugin)
target_link_libraries(toy-plugin PRIVATE vp_plugin)
