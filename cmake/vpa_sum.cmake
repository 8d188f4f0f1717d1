# Strips a release binary and prints its SHA-256, which `plugin register` wants of the plugin. Called after linking.
if(STRIP)
  execute_process(COMMAND ${STRIP} ${FILE} COMMAND_ERROR_IS_FATAL ANY)
endif()
file(SHA256 ${FILE} sum)
cmake_path(GET FILE FILENAME name)
file(WRITE ${FILE}.sha256 "${sum}  ${name}\n")
message("SHA-256: ${sum}  ${name}")
