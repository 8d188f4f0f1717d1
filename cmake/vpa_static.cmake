# Included when VPA_STATIC is on: everything third-party is linked from archives, and the programs need nothing at run time.
if(VPA_SANITIZE OR VPA_FUZZ OR VPA_COVERAGE)
  message(FATAL_ERROR "VPA_STATIC is for releases: sanitizers, fuzzing and coverage need the libraries of the system")
endif()

# vpa_link_archives(PREFIX [LIBRARY...]): PkgConfig::PREFIX keeps its headers and links archives, and the further libraries.
#
# Archives of gRPC and abseil refer to each other, hence the group. It is one item, since CMake may merge and reorder items
# but does not look into one. Parts of libc (-lpthread and the like) are left to the compiler driver, behind all groups.
function(vpa_link_archives prefix)
  set(libraries ${${prefix}_STATIC_LIBRARIES} ${ARGN})
  list(REMOVE_DUPLICATES libraries)
  list(REMOVE_ITEM libraries pthread dl rt atomic m)
  list(TRANSFORM libraries PREPEND "-l")
  list(JOIN libraries "," group)
  set_target_properties(PkgConfig::${prefix} PROPERTIES
    INTERFACE_LINK_DIRECTORIES "${${prefix}_STATIC_LIBRARY_DIRS}"
    INTERFACE_LINK_LIBRARIES "-Wl,--start-group,${group},--end-group;-lm")
endfunction()

# Debian's own libcurl.a wants libraries of which Debian has no archive.
set(foreign ${CURL_STATIC_LIBRARIES})
list(REMOVE_ITEM foreign curl ssl crypto pthread dl)
if(foreign)
  message(FATAL_ERROR "This libcurl needs more than TLS (${foreign}): build with scripts/release-build, which makes one that does "
                      "not, or name the folder of such a one by CMAKE_PREFIX_PATH")
endif()

vpa_link_archives(JSONC)
vpa_link_archives(CURL)
vpa_link_archives(SSL)
vpa_link_archives(CRYPTO)
vpa_link_archives(GRPC stdc++)
vpa_link_archives(PROTOBUF_C)

# Of what is linked only what is called stays.
set(VPA_STATIC_COMPILE -ffunction-sections -fdata-sections)

set(CMAKE_SKIP_RPATH ON)

function(vpa_target_static name)
  target_compile_options(${name} PRIVATE ${VPA_STATIC_COMPILE})
  get_target_property(type ${name} TYPE)
  if(type STREQUAL "EXECUTABLE")
    # The map tells scripts/release-build which archives are in it.
    target_link_options(${name} PRIVATE -Wl,--gc-sections -Wl,--build-id=sha1 -Wl,-Map=${CMAKE_BINARY_DIR}/${name}.map)
  endif()
endfunction()
