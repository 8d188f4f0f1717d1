#!/bin/sh
# Each header compiles alone.
#   headers.sh [TREE]
set -eu
cd "${1:-$(dirname "$0")/../..}"
generated=$(mktemp -d)
trap 'rm -rf "$generated"' EXIT
mkdir -p "$generated/vp"
sed 's/@[A-Za-z_]*@/0/g' cmake/version.h.in >"$generated/vp/version.h"
# What protoc-c makes; some headers of the plugin room show its types.
if command -v protoc-c >/dev/null && [ -f proto/wire.proto ]; then
    protoc-c --proto_path=proto --c_out="$generated" wire.proto
fi
# shellcheck disable=SC2046  # flags are words
flags=$(pkg-config --cflags json-c libcurl libcrypto grpc libprotobuf-c)
bad=0
for header in include/vp/*.h src/*/*.h; do
    # shellcheck disable=SC2086
    if ! printf '#include "%s"\n' "$(realpath "$header")" |
        gcc -std=c17 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -Iinclude "-I$generated" \
            "-I$(dirname "$header")" $flags -x c - 2>"$generated/why"; then
        printf '%s:1: does not compile alone\n' "$header"
        cat "$generated/why"
        bad=1
    fi
done
[ "$bad" -eq 0 ] && echo "headers: each compiles alone"
exit "$bad"
