"""Generates docs/explanation/performance.md from the figures of one run: tables, ratios to the Go plugin, and plots."""

from __future__ import annotations

import statistics
from pathlib import Path

from . import svg

OURS, PEER, FLOOR, SHARED, WIDE = "arvados", "kubernetes-peer", "approle", "arvados-shared", "arvados-wide"
NAMES = {OURS: "this plugin", PEER: "Go plugin", FLOOR: "approle", SHARED: "this plugin, system's libraries", WIDE: "this plugin, limit 256"}

# Rows of the comparison: label, section, figure, clients (of cells), target ratio to the Go plugin, and which direction is better.
TARGETS = [
    ("exec to handshake, ms", "starts", "handshake", None, 0.5, "less"),
    ("enable, config, role, first login, ms", "starts", "first_login", None, 0.5, "less"),
    ("first login after kill -9, ms", "starts", "after_kill", None, 0.5, "less"),
    ("resident memory idle, MB", "memory", "idle_rss", None, 0.5, "less"),
    ("private dirty memory idle, MB", "memory", "idle_private", None, 0.5, "less"),
    ("plugin CPU per login, 16 clients, ms", "cells", "cpu", 16, 0.5, "less"),
    ("plugin CPU per login, 1 client, ms", "cells", "cpu", 1, 1 / 3, "less"),
    ("logins/s, 1 client", "cells", "rate", 1, 1.5, "more"),
    ("logins/s, 16 clients", "cells", "rate", 16, 1.5, "more"),
    ("logins/s, 64 clients", "cells", "rate", 64, 1.5, "more"),
    ("latency, 1 client: p50, ms", "cells", "p50", 1, None, "less"),
    ("latency, 1 client: p99, ms", "cells", "p99", 1, None, "less"),
    ("burst: peak resident memory, MB", "memory", "storm_peak", None, 0.25, "less"),
]

# Absolute limits: label, section, figure, maximum.
BOUNDS = [
    ("overhead with an API delay of {slow} ms, 1 client: p50, ms", "slow", "p50", 3),
    ("overhead with an API delay of {slow} ms, 1 client: p99, ms", "slow", "p99", 7),
    ("growth over {logins:,} logins, MB", "memory", "growth", 1),
    ("burst of {storm:,}: failed logins", "memory", "storm_errors", 0),
    ("{hang} logins while the API hangs: resident memory, MB", "hang", "hang_rss", 24),
    ("the same: config read, ms", "hang", "hang_config_read", 20),
    ("the same: config write, ms", "hang", "hang_config_write", 20),
    ("the same: connections 1 s after the clients left", "hang", "hang_left", 0),
]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _spread(values: list[float] | None) -> str:
    if not values:
        return "–"
    middle = _number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} [{_number(min(values))}–{_number(max(values))}]"


def _cell(figures: dict, kind: str, delay: int, clients: int) -> dict | None:
    for cell in figures["cells"]:
        if (cell["kind"], cell["delay"], cell["clients"]) == (kind, delay, clients):
            return cell["by"]
    return None


def _slow(figures: dict) -> int:
    return max(figures["size"]["delays"])


def _above(figures: dict) -> dict:
    """The time of a login of one client without the API delay."""
    cell = _cell(figures, "batch", _slow(figures), 1) or {}
    return {name: {figure: [value - _slow(figures) for value in found[figure]] for figure in ("p50", "p99")} for name, found in cell.items()}


def _section(figures: dict, name: str, clients: int | None) -> dict:
    if name == "slow":
        return _above(figures) if _slow(figures) > 0 else {}
    return (_cell(figures, "batch", 0, clients) or {}) if name == "cells" else figures[name]


def _values(figures: dict, section: str, name: str, figure: str, clients: int | None = None) -> list[float] | None:
    return _section(figures, section, clients).get(name, {}).get(figure)


def _ratio(ours: list[float] | None, peer: list[float] | None) -> float | None:
    if not ours or not peer or statistics.median(peer) == 0:
        return None
    return statistics.median(ours) / statistics.median(peer)


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)])


def _targets(figures: dict) -> list[list[str]]:
    rows = []
    for words, section, figure, clients, aim, way in TARGETS:
        ours, peer = (_values(figures, section, name, figure, clients) for name in (OURS, PEER))
        ratio = _ratio(ours, peer)
        reached = "" if aim is None or ratio is None else "reached" if (ratio <= aim if way == "less" else ratio >= aim) else "**not reached**"
        aimed = "" if aim is None else f"{'at most' if way == 'less' else 'at least'} {aim:.2g}"
        rows.append([words, _spread(ours), _spread(peer), "–" if ratio is None else f"**{ratio:.2f}**", aimed, reached])
    return rows


def _bounds(figures: dict) -> list[list[str]]:
    size = figures["size"]
    words_of = {"slow": _slow(figures), "logins": size["logins"], "storm": size["storm"], "hang": size["hang"]}
    rows = []
    for words, section, figure, most in BOUNDS:
        ours, peer = (_values(figures, section, name, figure) for name in (OURS, PEER))
        if ours:
            rows.append([words.format(**words_of), _spread(ours), _spread(peer), f"at most {most}", "reached" if statistics.median(ours) <= most else "**not reached**"])
    return rows


def _cells(figures: dict, kind: str, delay: int) -> str:
    rows = []
    for clients in figures["size"]["clients"]:
        for name, found in (_cell(figures, kind, delay, clients) or {}).items():
            rows.append([str(clients), NAMES[name], *(_plain(_spread(found.get(figure))) for figure in ("rate", "p50", "p99", "cpu"))])
    return _table(["clients", "method", "logins/s", "p50, ms", "p99, ms", "plugin CPU per login, ms"], rows)


def _rows(section: dict, figures: list[tuple[str, str]], names: list[str]) -> str:
    present = [name for name in names if name in section]
    return _table(["", *(NAMES.get(name, name) for name in present)], [[words, *(_spread(section[name].get(figure)) for name in present)] for words, figure in figures])


def _three(values: list[float] | None) -> tuple[float, float, float] | None:
    return (min(values), statistics.median(values), max(values)) if values else None


def plots(figures: dict) -> dict[str, str]:
    clients = figures["size"]["clients"]
    out = {}
    for figure, title, unit in (("rate", "Logins per second (batch tokens, no API delay)", "1/s"), ("cpu", "Plugin CPU a login", "ms"),
                                ("p99", "Login latency, p99", "ms")):
        names = [name for name in (OURS, PEER, FLOOR) if _values(figures, "cells", name, figure, clients[0])]
        out[figure] = svg.bars(title, unit, [f"{n} clients" if n > 1 else "1 client" for n in clients],
                               {NAMES[name]: [_three(_values(figures, "cells", name, figure, n)) for n in clients] for name in names})
    names = [name for name in (OURS, SHARED, PEER) if name in figures["memory"]]
    out["memory"] = svg.bars("Resident memory", "MB", ["idle", "peak of a burst", "5 s after it"],
                             {NAMES[name]: [_three(figures["memory"][name][one]) for one in ("idle_rss", "storm_peak", "storm_after")] for name in names})
    out["mounts"] = svg.lines("Memory of one process by number of mounts", "MB", {"resident": [(row["mounts"], row["rss"]) for row in figures["mounts"]]}, "mounts")
    out["grants"] = svg.bars("Plugin CPU by number of grants", "ms", [f"{row['grants']:,}" for row in figures["grants"]],
                             {words: [(row[figure],) * 3 for row in figures["grants"]] for words, figure in (("first login", "first_cpu"), ("cached login", "cpu"))})
    many = figures["many"]
    out["many"] = svg.lines("Resident memory over many logins", "MB", {NAMES[OURS]: [tuple(row) for row in many[::max(1, len(many) // 20)]]}, "logins")
    return out


def _of_another_run(about: dict) -> str:
    """A note on sections from another run."""
    return f" {about['apart']}" if "apart" in about else ""


def page(figures: dict) -> str:
    about, size = figures["about"], figures["size"]
    cells = "\n\n".join(f"### {kind.capitalize()} tokens, {'no API delay' if delay == 0 else f'API delay of {delay} ms'}\n\n{_cells(figures, kind, delay)}"
                        for kind in size["kinds"] for delay in size["delays"])
    memory = _rows(figures["memory"], [("idle: resident, MB", "idle_rss"), ("idle: private and dirty, MB", "idle_private"), ("threads", "threads"),
                                       (f"growth over {size['logins']:,} logins, MB", "growth"), (f"burst of {size['storm']:,}: peak, MB", "storm_peak"),
                                       ("burst: failed logins", "storm_errors"), ("burst: p99, ms", "storm_p99"),
                                       ("burst: connections to the API", "storm_connections"), ("5 s after the burst, MB", "storm_after")], [OURS, SHARED, PEER])
    client = _rows(figures["client"], [("start to secret, ms", "secret_ms"), ("login command alone, ms", "login_ms"),
                                       ("read command alone, ms", "read_ms"), ("CPU, ms", "secret_cpu"), ("peak memory, MB", "secret_rss"), ("file, MB", "size")],
                   ["arv-vault", "bao"])
    ends = (min(size["clients"]), max(row["clients"] for row in figures["http"])) if figures.get("http") else ()
    http = _table(["API delay", "concurrent logins", "HTTP", "logins/s", "p50, ms", "p99, ms", "client CPU per login, ms", "connections"],
                  [[f"{row['delay']} ms", str(row["clients"]), {"1": "1.1", "2": "2"}[row["version"]],
                    *(_plain(_spread(row[one])) for one in ("rate", "p50", "p99", "cpu", "connections"))]
                   for row in figures.get("http", []) if row["clients"] in ends])
    grants = _table(["grants", "calls to read them", "first login: plugin CPU, ms", "cached login: plugin CPU, ms", "cached login: latency, ms", "resident, MB"],
                    [[f"{row['grants']:,}", str(row["calls"]), _number(row["first_cpu"]), _number(row["cpu"]), _number(row["ms"]), _number(row["rss"])]
                     for row in figures["grants"]])
    mounts = _table(["mounts", "resident, MB", "private and dirty, MB", "threads"],
                    [[str(row["mounts"]), _number(row["rss"]), _number(row["private_dirty"]), str(row["threads"])] for row in figures["mounts"]])
    many = figures["many"]
    return f"""# Performance

This page compares the plugin with a Go plugin for OpenBao and lists its cost per login. See [Sizing](scale.md) for a whole site, and
[CPU profile](performance/profile.md) for the share of each library.

Generated by `scripts/dev bench`; do not edit. {about['date']}, commit {about['commit']}, OpenBao {about['openbao']}, Go plugin vault-plugin-auth-kubernetes {about['peer']}.{_of_another_run(about)}
{about['machine']}. OpenBao, plugin, API server and clients share the cores, so compare ratios rather than absolute figures.

To repeat the measurement, run `scripts/dev bench` (short) or `scripts/dev bench --full` (15 minutes). The option
`--page docs/explanation/performance.md` writes this page.

Both plugins log in against a TLS server with constant responses and keep their connections open. This plugin is the
[self-contained release](../guides/release.md). Its login sends up to three requests in parallel; the Go plugin sends one. `approle` is
built into OpenBao, calls no API and marks the lower bound.

## Comparison with the Go plugin

Medians, with the lowest and highest run in brackets.

{_table(['', 'this plugin', 'Go plugin', 'ratio', 'target', ''], _targets(figures))}

Absolute limits:

{_table(['', 'this plugin', 'Go plugin', 'limit', ''], _bounds(figures))}

![logins per second](performance/rate.svg)
![plugin CPU per login](performance/cpu.svg)
![p99](performance/p99.svg)

## Logins

Medians. "limit 256" is `max_concurrent_requests=256`.

{cells}

## Memory

{memory}

![memory](performance/memory.svg)

## HTTP/1.1 and HTTP/2

The plugin speaks HTTP/1.1 to Arvados. With few concurrent logins, libcurl 7.88 delays HTTP/2 streams until its next poll. With a slow API
neither version is faster. Measured with libcurl alone, three requests per login:

{http}

## Growth

{grants}

![grants](performance/grants.svg)

{mounts}

![mounts](performance/mounts.svg)

After {many[1][0]:,} logins the process used {_number(many[1][1])} MB, and after {many[-1][0]:,} logins {_number(many[-1][1])} MB.

![many logins](performance/many.svg)

## arv-vault and bao

`bao` needs two commands, `bao write` and `bao kv get`. `arv-vault get` logs in, reads the secret and revokes its token.

{client}
"""


def summary(figures: dict) -> str:
    rows = [f"{words:52} {_plain(ours):>10} {_plain(peer):>10}  {ratio.strip('*'):>6}  {aim} {reached.strip('*')}" for words, ours, peer, ratio, aim, reached in _targets(figures)]
    return "\n".join([f"{'':52} {'plugin':>10} {'Go plugin':>10}  {'ratio':>6}", *rows])


def _plain(spread: str) -> str:
    return spread.split(" [")[0]


def write(figures: dict, file: Path) -> None:
    folder = file.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(page(figures))
    for name, plot in plots(figures).items():
        (folder / f"{name}.svg").write_text(plot)
