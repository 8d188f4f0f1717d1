vpa_unit(arvados form vp_base)
