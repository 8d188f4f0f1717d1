# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by scripts/demo and scripts/simulator: starts a simulated Arvados and an OpenBao server in
# dev mode, both with TLS. The caller sets `work`, the folder of their files.

started=()

wait_for() {
    local what=$1 try
    shift
    for ((try = 0; try < 100; try++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail -n 20 "$work"/*.log >&2
    die "$what did not start"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Sets the variables of its env file: ARVADOS_API_HOST, ADMIN_TOKEN, USER_UUID, RUN_TOKEN_FILE, ... The tokens are public test
# data of Arvados, so they are no secrets.
start_arvados() {
    PYTHONPATH=$root/tests setsid "$venv/bin/python" -m simulator --cluster zzzzz --dir "$work/arvados" \
        >"$work/arvados.log" 2>&1 &
    started+=($!)
    wait_for "the Arvados simulator" test -s "$work/arvados/endpoint"
    # shellcheck source=/dev/null
    . "$work/arvados/env"
}

# start_openbao ROOT_TOKEN: with an empty folder for plugins in $work/plugins.
start_openbao() {
    export BAO_ADDR BAO_CACERT=$work/tls/vault-ca.pem BAO_TOKEN=$1
    BAO_ADDR=https://127.0.0.1:$(free_port)
    mkdir -p "$work/plugins" "$work/tls"
    printf 'plugin_directory = "%s"\n' "$work/plugins" >"$work/openbao.hcl"
    setsid "$venv/bin/bao" server -dev -dev-tls -dev-tls-cert-dir="$work/tls" -dev-no-store-token -log-level=debug \
        -dev-root-token-id="$1" -dev-listen-address="${BAO_ADDR#https://}" -config="$work/openbao.hcl" \
        >"$work/openbao.log" 2>&1 &
    started+=($!)
    wait_for "OpenBao" bao status
}

stop_started() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
}

# The user's settings and tokens belong to other servers: none of them is used here.
shut_out_user() {
    local name
    for name in "${!BAO_@}" "${!VAULT_@}" "${!ARVADOS_@}" "${!ARV_VAULT_@}"; do unset "$name"; done
}
