vpa_unit(auth issue)
