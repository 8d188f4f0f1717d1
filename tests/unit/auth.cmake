# The auth room is tested through its routes: a mount over a fake storage.
add_library(fake_call STATIC ${CMAKE_SOURCE_DIR}/tests/support/fake_call.c
                             ${CMAKE_SOURCE_DIR}/tests/support/fake_storage.c)
vpa_target(fake_call)
target_include_directories(fake_call PUBLIC ${CMAKE_SOURCE_DIR}/tests/support)
target_link_libraries(fake_call PUBLIC vp_logical)

vpa_unit(auth cidr)
vpa_unit(auth config fake_call)
vpa_unit(auth issue)
