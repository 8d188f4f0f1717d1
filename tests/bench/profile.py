"""Where the plugin's time goes, with 1 and with 64 clients: flame graphs and a table, by perf."""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import flame, proc
from .world import World

SECONDS, HERTZ = 6, 499


def record(world: World, clients: int, out: Path) -> int:
    """Runs the load, and perf in the middle of it; how many logins a second went through."""
    load = world.start_load(world.ours, clients, "seconds", SECONDS + 3)
    time.sleep(1)
    subprocess.run(["perf", "record", "-q", "-F", str(HERTZ), "--call-graph", "dwarf,16384", "-p", str(world.ours.pid()), "-o", out, "--",
                    "sleep", str(SECONDS)], check=True)
    load.wait()
    return clients


def page(found: dict[int, dict[str, float]]) -> str:
    owners = list(dict.fromkeys(who for by in found.values() for who in by))
    rows = "\n".join(f"| {who} | " + " | ".join(f"{found[n].get(who, 0):.0%}" for n in found) + " |" for who in owners)
    plots = "\n\n".join(f"![{n} clients](flame-{n}.svg)" for n in found)
    head = " | ".join("1 client" if n == 1 else f"{n} clients" for n in found)
    return f"""# Where the time goes

Written by `scripts/dev profile`; do not edit. {datetime.date.today()}, {proc.machine()}. The self-contained build, cycles of the plugin's process alone, batch tokens, an API
that answers at once. Whose code ran:

| | {head} |
|---|{'---|' * len(found)}
{rows}

Bars are as wide as their share; what a function called stands below it. The SVG files tell each name when opened by themselves.

{plots}
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/dev profile", description=__doc__)
    parser.add_argument("--plugin", type=Path, required=True, help="with its symbols")
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--page", type=Path, required=True, help="folder of the page and its graphs")
    chosen = parser.parse_args()
    chosen.page.mkdir(parents=True, exist_ok=True)
    found = {}
    with tempfile.TemporaryDirectory(prefix="vpa-profile-") as directory, World(Path(directory) / "w", chosen.plugin, chosen.tools, None) as world:
        for clients in (1, 64):
            data = Path(directory) / f"perf-{clients}"
            record(world, clients, data)
            root = flame.tree(data)
            found[clients] = flame.shares(root)
            words = "1 client" if clients == 1 else f"{clients} clients"
            (chosen.page / f"flame-{clients}.svg").write_text(flame.svg(root, f"The plugin's processor time, {words}"))
    text = page(found)
    (chosen.page / "profile.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
