"""gdb on the plugin in a real server: starts OpenBao and a simulated Arvados, logs in every two seconds, and stops both when gdb ends.

VPA_BUILD has the plugin, built with symbols. The arguments are gdb's. The process shuts itself off from others, so this is for root."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS)]

from conftest import make_mount, start_server, stop_server  # noqa: E402
from simulator import Simulator  # noqa: E402


def keep_logging_in(mount, token: str, stop: threading.Event) -> None:
    while not stop.wait(2):
        mount.login(token)


def main() -> int:
    if os.geteuid() != 0:
        print("the plugin lets nobody but root trace it: run this as root", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as place, Simulator() as sim:
        server = start_server(Path(place) / "server")
        stop = threading.Event()
        try:
            server.register()
            mount = make_mount(server, sim)
            mount.configure()
            sim.grant("arvados-read", "active")
            threading.Thread(target=keep_logging_in, args=(mount, sim.run_container("active").token, stop), daemon=True).start()
            (pid,) = server.plugin_pids()
            print(f"the server's log: {server.dir}/server.log; try: break auth_login, continue, backtrace, print call->request_id", flush=True)
            return subprocess.run(["gdb", "-q", "-p", str(pid), *sys.argv[1:]], check=False).returncode
        finally:
            stop.set()
            stop_server(server)


if __name__ == "__main__":
    sys.exit(main())
