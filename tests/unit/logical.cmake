vpa_unit(logical dispatch)
vpa_unit(logical field)
vpa_unit(logical field_value)
vpa_unit(logical reply)
