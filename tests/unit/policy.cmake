vpa_unit(policy name)
vpa_unit(policy order)
vpa_unit(policy resolve)
