# What is installed where, and the two Debian packages made of it: who runs a server needs the plugin, compute nodes and images the client.
include(GNUInstallDirs)
set(VPA_PLUGIN_DOC ${CMAKE_INSTALL_DATAROOTDIR}/doc/vault-plugin-auth-arvados)
set(VPA_CLIENT_DOC ${CMAKE_INSTALL_DATAROOTDIR}/doc/arv-vault)

# A folder that holds plugins only, so that it can be a server's plugin_directory.
install(TARGETS vault-plugin-auth-arvados vault-plugin-secrets-arvados RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/vault-plugins COMPONENT plugin)
# With its tree, so that links between pages lead somewhere.
install(FILES README.md DESTINATION ${VPA_PLUGIN_DOC} COMPONENT plugin)
install(DIRECTORY docs DESTINATION ${VPA_PLUGIN_DOC} COMPONENT plugin
  PATTERN man EXCLUDE PATTERN examples EXCLUDE PATTERN performance EXCLUDE PATTERN __pycache__ EXCLUDE)
install(DIRECTORY docs/examples DESTINATION ${VPA_PLUGIN_DOC}/docs COMPONENT plugin
  PATTERN cwl EXCLUDE PATTERN __pycache__ EXCLUDE)

install(TARGETS arv-vault RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT client)
install(FILES docs/reference/client.md docs/explanation/crunch-run-hook.md docs/reference/arv-vault-spec.schema.json DESTINATION ${VPA_CLIENT_DOC} COMPONENT client)
install(DIRECTORY docs/examples/cwl deploy/node DESTINATION ${VPA_CLIENT_DOC}/examples COMPONENT client
  PATTERN __pycache__ EXCLUDE)

find_program(GZIP gzip REQUIRED)
# vpa_compressed(FROM TO): without name and time inside, so that it is the same each time.
function(vpa_compressed from to)
  add_custom_command(OUTPUT ${to} DEPENDS ${from} VERBATIM
    COMMAND sh -c "exec \"$1\" -9nc \"$2\" >\"$3\"" sh ${GZIP} ${from} ${to})
endfunction()

set(VPA_MANUAL ${CMAKE_BINARY_DIR}/packaging/arv-vault.1.gz)
set(VPA_CHANGES ${CMAKE_BINARY_DIR}/packaging/changelog.gz)
vpa_compressed(${CMAKE_SOURCE_DIR}/docs/man/arv-vault.1 ${VPA_MANUAL})
install(FILES ${VPA_MANUAL} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT client)

# ---- Debian packages -------------------------------------------------------------------------------------------------

set(VPA_MAINTAINER "vault-plugin-auth-arvados developers <vault-plugin-auth-arvados@example.org>" CACHE STRING
  "Who answers for the packages: name and address; whoever publishes them gives his own")
string(TIMESTAMP VPA_CHANGED "%a, %d %b %Y %H:%M:%S +0000" UTC) # of the commit, if SOURCE_DATE_EPOCH says so
configure_file(packaging/changelog.in ${CMAKE_BINARY_DIR}/packaging/changelog @ONLY)
vpa_compressed(${CMAKE_BINARY_DIR}/packaging/changelog ${VPA_CHANGES})
add_custom_target(package_files ALL DEPENDS ${VPA_MANUAL} ${VPA_CHANGES})

foreach(package plugin client)
  string(TOUPPER ${package} PACKAGE)
  install(FILES packaging/copyright ${VPA_CHANGES} packaging/${package}/README.Debian
    DESTINATION ${VPA_${PACKAGE}_DOC} COMPONENT ${package}-debian)
  # Named by us and not by its group, so that a change of CPack's rules renames no package.
  get_filename_component(name ${VPA_${PACKAGE}_DOC} NAME)
  set(CPACK_DEBIAN_${PACKAGE}_PACKAGE_NAME ${name})
  set(CPACK_COMPONENT_${PACKAGE}_GROUP ${package})
  set(CPACK_COMPONENT_${PACKAGE}-DEBIAN_GROUP ${package})
  file(READ packaging/${package}/description description)
  string(STRIP "${description}" CPACK_DEBIAN_${PACKAGE}_DESCRIPTION)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL plugin plugin-debian client client-debian)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SOURCE vault-plugin-auth-arvados)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE) # whatever the umask
set(CPACK_PACKAGE_VERSION ${VPA_PACKAGE_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each has its own
set(CPACK_PACKAGE_CONTACT ${VPA_MAINTAINER})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# Options of libcurl are no symbols, by which the rest is found (see CMakeLists.txt).
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libcurl4 (>= 7.85)")
# Both trust the system's CAs unless told of others.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
include(CPack)
