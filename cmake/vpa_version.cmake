# VPA_COMMIT: the commit that is built, for -version and the version path; "unknown" outside a checkout.
set(VPA_COMMIT "" CACHE STRING "Commit to report; empty: ask git")
if(VPA_COMMIT)
  set(vpa_commit ${VPA_COMMIT})
else()
  execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD
                  OUTPUT_VARIABLE vpa_commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT vpa_commit)
    set(vpa_commit unknown)
  endif()
endif()
configure_file(${CMAKE_SOURCE_DIR}/cmake/version.h.in ${CMAKE_BINARY_DIR}/generated/vp/version.h @ONLY)

# VPA_PACKAGE_VERSION: of packages. scripts/release gives it: the project's version at its tag, else with the time and commit behind a
# tilde, which dpkg sorts before the release it leads to.
set(VPA_PACKAGE_VERSION "${PROJECT_VERSION}~unreleased" CACHE STRING "Version of packages")
