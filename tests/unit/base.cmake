vpa_unit(base json)
