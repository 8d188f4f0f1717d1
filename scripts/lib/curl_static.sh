# shellcheck shell=bash disable=SC2016,SC2154
# Sourced by scripts/release-build: a libcurl with HTTPS and nothing else, from the source package of the distribution, with its security
# patches. Debian's own libcurl.a can't be linked: it wants Kerberos, of which Debian has no archive.
#
# apt gets lists and a cache of its own below build/curl-static, so that nothing of the system is changed.

curl_root=$build/curl-static
source_apt=()

# What ./configure is told. Proxies, HSTS and netrc stay in although nothing uses them: src/http/easy.c turns each off by an option,
# and a libcurl without it would not take that option.
curl_options=(
    --disable-shared --enable-static --disable-maintainer-mode --disable-dependency-tracking --with-openssl
    --disable-openssl-auto-load-config --without-ca-bundle --without-ca-path
    --without-{nghttp2,libidn2,librtmp,libssh2,libpsl,gssapi,zstd,brotli,zlib}
    --disable-{ldap,ldaps,ftp,file,dict,telnet,tftp,pop3,imap,smb,smtp,gopher,mqtt,rtsp}
    --disable-{manual,ntlm,ntlm-wb,alt-svc,cookies,doh,mime,dateparse,crypto-auth,tls-srp,unix-sockets}
    --disable-{get-easy-options,progress-meter,libcurl-option}
)
curl_hardening=-fcf-protection=full
curl_cflags="-O2 -g0 -fPIC -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
curl_cflags+=" -ffunction-sections -fdata-sections"
# For another processor: what configure is told of it (scripts/lib/arm64.sh).
curl_host=()

# The same places as the binary packages come from, wherever this machine gets them.
list_sources() {
    local suite
    suite=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
    apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk -v suite="$suite" -v key=/usr/share/keyrings/debian-archive-keyring.gpg '
            $1 == "Debian" && ($2 == suite || $2 == suite "-security" || $2 == suite "-updates") && $3 == "main" {
                print "deb-src [signed-by=" key "] " $4 " " $5 " main" }' | sort -u
}

prepare_source_apt() {
    mkdir -p "$curl_root"/apt/{lists,cache/archives}/partial
    list_sources >"$curl_root/apt/sources.list"
    [ -s "$curl_root/apt/sources.list" ] ||
        die "apt has no Debian package lists; as root: apt-get update"
    source_apt=(-q -o "Dir::Etc::sourcelist=$curl_root/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$curl_root/apt/lists" -o "Dir::Cache=$curl_root/apt/cache" -o APT::Sandbox::User=root)
}

# newest_source NAME: the version of a source package that Debian has now; nothing for one that it does not have.
newest_source() {
    local one best=''
    while read -r one; do
        if dpkg --compare-versions "$one" gt "$best"; then best=$one; fi
    done < <(apt-cache "${source_apt[@]}" showsrc --only-source "$1" | sed -n 's/^Version: //p')
    printf '%s\n' "$best"
}

# build_curl VERSION FOLDER: all of it in FOLDER, the last thing a file that says so.
build_curl() {
    local version=$1 folder=$2
    step "Building libcurl $version from Debian's source package"
    rm -rf "$folder"
    mkdir -p "$folder/work/objects"
    (
        cd "$folder/work"
        apt-get "${source_apt[@]}" source "curl=$version"
        mv curl-[0-9]*/ source
        cp source/COPYING "$folder/"
        cd objects
        ../source/configure -q --prefix="$folder" "${curl_options[@]}" "${curl_host[@]}" \
            CFLAGS="$curl_cflags $curl_hardening -ffile-prefix-map=$folder/work=curl"
        make -s -j"$(nproc)" -C lib install
        make -s -C include install
        make -s install-pkgconfigDATA
        # Wherever it is copied to, it finds its own archive and no other.
        sed -i 's#^prefix=.*#prefix=${pcfiledir}/../..#' "$folder/lib/pkgconfig/libcurl.pc"
    ) >"$folder/log" 2>&1 || { tail -n 30 "$folder/log" >&2; die "libcurl could not be built; the whole log is $folder/log"; }
    rm -rf "$folder/work"
    printf '%s\n' "$version" >"$folder/version"
}

# Sets curl_prefix and curl_version. Built once for each version, recipe, compiler and OpenSSL.
make_curl() {
    local key
    prepare_source_apt
    step "Asking for the versions of Debian's source packages"
    # It ends with 0 even when it could reach nothing, and then goes on with what it had.
    if ! apt-get "${source_apt[@]}" update >"$curl_root/apt/log" 2>&1 || grep -qE '^[WE]:' "$curl_root/apt/log"; then
        cat "$curl_root/apt/log" >&2
        die "the lists of Debian's source packages can't be had"
    fi
    curl_version=$(newest_source curl)
    [ -n "$curl_version" ] || die "Debian's source package of curl is not to be found"
    key=$({ cat "${BASH_SOURCE[0]}"; gcc --version; dpkg-query -W -f='${Version}\n' libssl-dev libc6-dev; printf '%s\n' "${curl_host[@]}"; } |
        sha256sum | cut -c1-12)
    # pkg-config puts a sysroot before every path that is not in it.
    curl_prefix=${VPA_SYSROOT:-$curl_root}/curl-$curl_version-$key
    [ -f "$curl_prefix/version" ] || build_curl "$curl_version" "$curl_prefix"
}
