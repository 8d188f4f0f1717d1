# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by scripts/release-build: what a cross build for arm64 needs. Debian's arm64 archives of the same release as this machine lie in
# a folder below build; nothing is installed on the machine but the cross compiler.

sysroot=$build/sysroot-arm64

# The arm64 libraries that packages-release.txt names for this machine.
sysroot_packages=(libc6-dev libstdc++-12-dev libgrpc-dev libjson-c-dev libprotobuf-c-dev libssl-dev zlib1g-dev)

# Makes the folder once for each list and Debian release. files.tsv says which package brought which archive: path, package, version,
# source package, its version.
make_sysroot() {
    local suite key
    suite=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
    key=$(printf '%s ' "$suite" "${sysroot_packages[@]}")
    [ "$(cat "$sysroot/made" 2>/dev/null)" = "$key" ] && return
    step "Fetching Debian's arm64 libraries into ${sysroot#"$root"/}"
    rm -rf "$sysroot" "$build/sysroot-debs"
    mkdir -p "$build/sysroot-debs"
    mmdebstrap --quiet --variant=extract --arch=arm64 --include="$(IFS=,; printf '%s' "${sysroot_packages[*]}")" \
        --extract-hook="cp \"\$1\"/var/cache/apt/archives/*.deb '$build/sysroot-debs/'" "$suite" "$sysroot" >"$build/sysroot.log" 2>&1 ||
        { tail -n 20 "$build/sysroot.log" >&2; die "Debian's arm64 libraries could not be fetched; the whole log is $build/sysroot.log"; }
    list_sysroot >"$sysroot/files.tsv"
    rm -rf "$build/sysroot-debs"
    printf '%s' "$key" >"$sysroot/made"
}

# dpkg-deb gives the source package only where it differs: "Source: NAME" or "Source: NAME (VERSION)".
list_sysroot() {
    local deb package version source
    for deb in "$build"/sysroot-debs/*.deb; do
        package=$(dpkg-deb --field "$deb" Package)
        version=$(dpkg-deb --field "$deb" Version)
        source=$(dpkg-deb --field "$deb" Source)
        dpkg-deb --fsys-tarfile "$deb" | tar --list | sed -n 's#^\.\(/.*\.a\)$#\1#p' | awk -v OFS='\t' \
            -v package="$package" -v version="$version" -v source="${source:-$package}" '
            BEGIN { n = split(source, part, /[ ()]+/); name = part[1]; of = n > 1 && part[2] != "" ? part[2] : version }
            { print $0, package, version, name, of }'
    done
}

# What make_curl and CMake need to know of the other processor.
use_arm64() {
    make_sysroot
    export VPA_SYSROOT=$sysroot
    curl_host=(--host=aarch64-linux-gnu "CC=aarch64-linux-gnu-gcc --sysroot=$sysroot")
    curl_hardening=-mbranch-protection=standard
    export PKG_CONFIG_SYSROOT_DIR=$sysroot PKG_CONFIG_LIBDIR=$sysroot/usr/lib/aarch64-linux-gnu/pkgconfig
    cmake_options=("-DCMAKE_TOOLCHAIN_FILE=$root/cmake/aarch64-linux-gnu.cmake")
    run_program=(qemu-aarch64)
    static=$build/static-arm64
}
