vpa_unit(tokens histories fake_http fake_call)
target_sources(test_tokens_histories PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/fake_minting.c)
