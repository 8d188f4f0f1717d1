# shellcheck shell=bash
# Sourced by what works on any cluster, the trial's or yours: who is in it, as one of them (BAO_ADDR) knows.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$@"; exit 1; }

# all_nodes: the address of each node.
all_nodes() {
    bao read -format=json sys/ha-status | python3 -c '
import json, sys
nodes = json.load(sys.stdin)["data"]["nodes"]
print(*(node["api_address"] for node in nodes), sep="\n")'
}

# version_of FILE_NAME: as the plugin tells it, v1.2.3 or v1.2.3-rc1.
version_of() {
    local version=${1#vault-plugin-auth-arvados-}
    [[ $version =~ ^v[0-9] ]] || die "the file is called $1; call it as vault-plugin-auth-arvados-v1.2.3, so that two versions can lie side by side"
    printf '%s' "$version"
}

# until_there WHAT COMMAND...: a node hears of a change within moments; a busy one may take longer.
until_there() {
    local what=$1 end=$((SECONDS + 60))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || die "waited a minute in vain for $what"
        sleep 0.2
    done
}
