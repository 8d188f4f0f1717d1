foreach(file args ref template)
  vpa_unit(client ${file})
endforeach()
