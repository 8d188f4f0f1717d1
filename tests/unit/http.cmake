pkg_check_modules(SSL REQUIRED IMPORTED_TARGET libssl)

# vpa_with_fake_server(TARGET): the HTTPS server of tests/support in this test program.
function(vpa_with_fake_server target)
  target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/fake_server.c)
  target_link_libraries(${target} PRIVATE PkgConfig::SSL PkgConfig::CRYPTO Threads::Threads)
endfunction()

vpa_unit(http origin vp_base)

vpa_unit(http client vp_base)
vpa_with_fake_server(test_http_client)

vpa_unit(http scarce vp_base)
vpa_with_fake_server(test_http_scarce)
target_link_libraries(test_http_scarce PRIVATE ${CMAKE_DL_LIBS})

vpa_unit(http limit vp_base)
vpa_unit(http stats vp_base)
vpa_unit(http torture)
failing_wrap(test_http_torture)
failing_wrap_curl(test_http_torture)
