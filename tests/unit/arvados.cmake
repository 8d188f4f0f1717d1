vpa_unit(arvados form vp_base)
failing_wrap(test_arvados_form)

# The others ask a fake server.
foreach(file api group link identity user_facts)
  vpa_unit(arvados ${file} vp_http vp_base)
  target_sources(test_arvados_${file} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/fake_cluster.c)
  vpa_with_fake_server(test_arvados_${file})
endforeach()
