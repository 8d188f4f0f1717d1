# Strips a release binary and prints the SHA-256 that `plugin register` wants. Called after linking.
if(STRIP)
  execute_process(COMMAND ${STRIP} ${FILE} COMMAND_ERROR_IS_FATAL ANY)
endif()
file(SHA256 ${FILE} sum)
cmake_path(GET FILE FILENAME name)
file(WRITE ${FILE}.sha256 "${sum}  ${name}\n")
message("SHA-256 for the plugin catalog: ${sum}  ${name}")
