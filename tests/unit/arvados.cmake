vpa_unit(arvados form vp_base)

vpa_unit(arvados client vp_http vp_base)
vpa_with_fake_server(test_arvados_client)
