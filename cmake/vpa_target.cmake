# vpa_target(NAME): language, warnings, hardening and sanitizers for one of our targets. Nothing is set globally.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

set(VPA_WARNINGS
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wwrite-strings
  -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough
  -Wbad-function-cast -Wnull-dereference)

set(VPA_HARDENING_WANTED
  -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero
  -fzero-call-used-regs=used-gpr -fno-delete-null-pointer-checks -fno-strict-overflow)
# No path of this machine stays in what is published: a build elsewhere gives the same bytes. The last that fits counts.
set(VPA_PATHS "")
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT VPA_COVERAGE)
  set(VPA_PATHS -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
endif()
set(VPA_LINK_WANTED -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed)

# Only what this compiler and linker really take.
set(VPA_HARDENING "")
foreach(flag ${VPA_HARDENING_WANTED})
  string(MAKE_C_IDENTIFIER "vpa_has${flag}" has)
  check_c_compiler_flag(${flag} ${has})
  if(${has})
    list(APPEND VPA_HARDENING ${flag})
  endif()
endforeach()
set(VPA_LINK "")
foreach(flag ${VPA_LINK_WANTED})
  string(MAKE_C_IDENTIFIER "vpa_has${flag}" has)
  check_linker_flag(C ${flag} ${has})
  if(${has})
    list(APPEND VPA_LINK ${flag})
  endif()
endforeach()

function(vpa_target name)
  target_compile_features(${name} PRIVATE c_std_17)
  set_target_properties(${name} PROPERTIES C_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/generated)
  # assert stays on in release builds: a crash denies, going on might grant.
  target_compile_options(${name} PRIVATE ${VPA_WARNINGS} ${VPA_HARDENING} ${VPA_PATHS} -UNDEBUG
    $<$<BOOL:${VPA_WERROR}>:-Werror>)
  get_target_property(type ${name} TYPE)
  if(type STREQUAL "EXECUTABLE")
    # Never both: such a program is linked without complaint and crashes at its start.
    target_link_options(${name} PRIVATE $<IF:$<BOOL:${VPA_STATIC}>,-static-pie,-pie> ${VPA_LINK})
  endif()
  if(VPA_STATIC)
    vpa_target_static(${name})
  endif()
  if(VPA_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${VPA_SANITIZE} -fno-sanitize-recover=all
                                           -fno-omit-frame-pointer)
    target_link_options(${name} PRIVATE -fsanitize=${VPA_SANITIZE})
  elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    target_compile_options(${name} PRIVATE -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
  if(VPA_SANITIZE OR VPA_COVERAGE OR VPA_FUZZ)
    target_compile_definitions(${name} PRIVATE VPA_INSTRUMENTED)
  endif()
  if(VPA_FUZZ AND NOT VPA_FUZZ_COVERAGE)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(VPA_FUZZ_COVERAGE)
    target_compile_options(${name} PRIVATE -fprofile-instr-generate -fcoverage-mapping)
    target_link_options(${name} PRIVATE -fprofile-instr-generate)
  endif()
  if(VPA_COVERAGE)
    # Threads count too: without atomic updates gcov goes below zero.
    target_compile_options(${name} PRIVATE --coverage -fprofile-update=atomic)
    target_link_options(${name} PRIVATE --coverage)
  endif()
endfunction()

# vpa_room(NAME SOURCES ... USES ... LIBRARIES ...): one static library a room. USES are rooms, LIBRARIES third parties
# that this room alone may touch.
function(vpa_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
  add_library(vp_${name} STATIC ${ROOM_SOURCES})
  vpa_target(vp_${name})
  list(TRANSFORM ROOM_USES PREPEND vp_)
  target_link_libraries(vp_${name} PUBLIC ${ROOM_USES} PRIVATE ${ROOM_LIBRARIES} Threads::Threads)
endfunction()
