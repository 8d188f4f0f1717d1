# Toolchain of scripts/release-build --arch arm64: Debian's cross compiler, with Debian's arm64 libraries in a folder of their own
# (VPA_SYSROOT). Programs that run while building (protoc-c) are the machine's own.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_STRIP aarch64-linux-gnu-strip)
set(VPA_SYSROOT $ENV{VPA_SYSROOT} CACHE PATH "Root of arm64 libraries")
# PKG_CONFIG_SYSROOT_DIR and PKG_CONFIG_LIBDIR come from the environment too.
set(CMAKE_SYSROOT ${VPA_SYSROOT})
# The compiler's own libc is older than what Debian has for arm64: the folder comes first.
set(vpa_arm64_libraries -B${VPA_SYSROOT}/usr/lib/aarch64-linux-gnu -L${VPA_SYSROOT}/usr/lib/aarch64-linux-gnu
                        -L${VPA_SYSROOT}/usr/lib/gcc/aarch64-linux-gnu/12)
list(JOIN vpa_arm64_libraries " " CMAKE_EXE_LINKER_FLAGS_INIT)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
