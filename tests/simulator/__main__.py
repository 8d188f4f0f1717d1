"""`python -m simulator --cluster zzzzz --port 0 --dir DIR`: a cluster to play with, until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from .certs import PROFILES
from .simulator import Simulator


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator", description="a simulated Arvados cluster")
    parser.add_argument("--cluster", default="zzzzz", help="cluster id")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes a free one")
    parser.add_argument("--dir", type=Path, required=True, help="where ca.pem and endpoint are written")
    parser.add_argument("--tls", choices=PROFILES, default="normal", help="kind of certificate")
    options = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options.dir.mkdir(parents=True, exist_ok=True)
    with Simulator(options.cluster, options.port, options.tls, options.dir) as sim:
        (options.dir / "endpoint").write_text(f"{sim.host}\n")
        print(f"simulator: cluster {sim.cluster_id} ready at {sim.url}, CA in {sim.ca_pem}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
