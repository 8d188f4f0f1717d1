"""`python -m simulator --cluster zzzzz --port 0 --dir DIR`: a cluster to play with, until SIGTERM."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import threading
from pathlib import Path

from .certs import PROFILES
from .simulator import Simulator


def settings(sim: Simulator, directory: Path) -> dict[str, str]:
    """The variables that the pages use: an administrator's token, a user with a running container, a role and a project."""
    container = sim.run_container("active")
    run_token = directory / "run-token"
    with open(os.open(run_token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{container.token}\n")
    role = sim.new_role("team")["uuid"]
    sim.add_member(role, "active")
    return {
        "ARVADOS_API_HOST": sim.host, "SSL_CERT_FILE": sim.ca_pem, "ARVADOS_API_TOKEN": sim.admin_token,
        "ADMIN_TOKEN": sim.admin_token, "USER_TOKEN": sim.active_token, "ROOT_TOKEN": sim.root_token,
        "USER_UUID": container.user_uuid, "CONTAINER_UUID": container.uuid, "RUN_TOKEN_FILE": str(run_token),
        "ROLE_UUID": role, "PROJECT_UUID": sim.new_project("grants")["uuid"], "SYSTEM_USER_UUID": sim.system_user,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator", description="a simulated Arvados cluster")
    parser.add_argument("--cluster", default="zzzzz", help="cluster id")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes a free one")
    parser.add_argument("--dir", type=Path, required=True, help="where ca.pem, env (to source), run-token and endpoint are written")
    parser.add_argument("--tls", choices=PROFILES, default="normal", help="kind of certificate")
    options = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options.dir.mkdir(parents=True, exist_ok=True)
    with Simulator(options.cluster, options.port, options.tls, options.dir) as sim:
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings(sim, options.dir.resolve()).items()]
        (options.dir / "env").write_text("".join(lines))
        (options.dir / "endpoint").write_text(f"{sim.host}\n")
        print(f"simulator: cluster {sim.cluster_id} ready at {sim.url}, CA in {sim.ca_pem}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
