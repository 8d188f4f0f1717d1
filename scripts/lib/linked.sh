# shellcheck shell=bash disable=SC2154
# Sourced by scripts/release-build and scripts/release: of which Debian packages programs are really made. Both write tables with a row
# for each: program, package, its version, its source package, that one's version; separated by tabs.

# package_row PROGRAM PACKAGE
package_row() {
    printf '%s\t' "$1"
    # shellcheck disable=SC2016
    dpkg-query -W -f='${Package}\t${Version}\t${source:Package}\t${source:Version}\n' "$2"
}

# package_of FILE: the installed package that has it. dpkg knows a file by the path it was packed with, before /lib became a link.
package_of() {
    local file=$1
    { dpkg-query -S "$file" || dpkg-query -S "${file#/usr}"; } 2>/dev/null | sed 's/: .*//;q' | grep . ||
        die "$file was linked and belongs to no Debian package"
}

# sysroot_row PROGRAM FILE: the same of an archive of another processor (scripts/lib/arm64.sh).
sysroot_row() {
    local path=${2#"$VPA_SYSROOT"}
    awk -F'\t' -v OFS='\t' -v program="$1" -v path="$path" '
        $1 == path || "/usr" $1 == path { print program, $2, $3, $4, $5; found = 1; exit }
        END { if (!found) exit 1 }' "$VPA_SYSROOT/files.tsv" || die "$2 was linked and belongs to no Debian package"
}

# linked_archives MAP: the archives that the linker took something out of, by its own word.
linked_archives() {
    sed -n '/^Archive member included/,/^Discarded input sections/s/^\(\/[^(]*\.a\)(.*/\1/p' "$1" | sort -u |
        while read -r archive; do realpath "$archive"; done | sort -u
}

# static_rows PROGRAM MAP: of a program that has it all inside. The libcurl of make_curl is of a source package.
static_rows() {
    local archive package
    linked_archives "$2" | while read -r archive; do
        case $archive in
            "$(realpath "$curl_prefix")"/*) printf '%s\t%s\t%s\tcurl\t%s\n' "$1" curl "$curl_version" "$curl_version" ;;
            "${VPA_SYSROOT:-/nowhere}"/*) sysroot_row "$1" "$archive" ;;
            "$(realpath "$build")"/*) ;;
            *) package=$(package_of "$archive") && package_row "$1" "$package" ;;
        esac || exit 1
    done | sort -u
}

# shared_rows PROGRAM FILE: of a program that asks for the system's libraries, those it names itself.
shared_rows() {
    local needed library package
    needed=$(LC_ALL=C readelf -d "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    for library in $needed; do
        library=$(ldd "$2" | awk -v name="$library" '$1 == name { print $3 }')
        package=$(package_of "$(realpath "$library")") && package_row "$1" "$package" || exit 1
    done | sort -u
}
