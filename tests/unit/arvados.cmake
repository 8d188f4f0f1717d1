vpa_unit(arvados form vp_base)

vpa_unit(arvados client vp_http vp_base)
vpa_with_fake_server(test_arvados_client)
vpa_unit(arvados link vp_http vp_base)
vpa_with_fake_server(test_arvados_link)
vpa_unit(arvados identity vp_http vp_base)
vpa_with_fake_server(test_arvados_identity)
