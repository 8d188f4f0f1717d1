vpa_unit(http origin vp_base)
