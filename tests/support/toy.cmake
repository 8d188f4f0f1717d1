# A backend without a subject over src/plugin, for tests/e2e/test_plugin_protocol.py. Never installed.
add_executable(toy-plugin ${CMAKE_CURRENT_LIST_DIR}/toy_backend.c)
vpa_target(toy-plugin)
target_link_libraries(toy-plugin PRIVATE vp_plugin)
