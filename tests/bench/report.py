"""The page of a run: tables of median [lowest to highest], ratios to the Go peer of the same run, and plots."""

from __future__ import annotations

import statistics
from pathlib import Path

from . import svg

OURS, PEER, FLOOR, SHARED, WIDE = "arvados", "kubernetes-peer", "approle", "arvados-shared", "arvados-wide"
NAMES = {OURS: "this plugin", PEER: "Go peer", FLOOR: "approle", SHARED: "this plugin, system's libraries", WIDE: "this plugin, 256 at Arvados"}

# What issue 7 asked for: words, section, figure, clients (of cells), the ratio to the peer that was aimed at, and which way is good.
TARGETS = [
    ("exec to handshake, ms", "starts", "handshake", None, 0.5, "less"),
    ("enable, config, role, first login, ms", "starts", "first_login", None, 0.5, "less"),
    ("first login after kill -9, ms", "starts", "after_kill", None, 0.5, "less"),
    ("resident memory idle, MB", "memory", "idle_rss", None, 0.5, "less"),
    ("private dirty memory idle, MB", "memory", "idle_private", None, 0.5, "less"),
    ("plugin CPU a login, 16 clients, ms", "cells", "cpu", 16, 0.5, "less"),
    ("plugin CPU a login, 1 client, ms", "cells", "cpu", 1, 1 / 3, "less"),
    ("logins/s, 1 client", "cells", "rate", 1, 1.5, "more"),
    ("logins/s, 16 clients", "cells", "rate", 16, 1.5, "more"),
    ("logins/s, 64 clients", "cells", "rate", 64, 1.5, "more"),
    ("latency, 1 client: p50, ms", "cells", "p50", 1, None, "less"),
    ("latency, 1 client: p99, ms", "cells", "p99", 1, None, "less"),
    ("storm: peak resident memory, MB", "memory", "storm_peak", None, 0.25, "less"),
]

# And what was to hold whatever the peer does: words, section, figure, the most it may be.
BOUNDS = [
    ("above an API that takes {slow} ms, 1 client: p50, ms", "slow", "p50", 3),
    ("above an API that takes {slow} ms, 1 client: p99, ms", "slow", "p99", 7),
    ("growth over {logins:,} logins, MB", "memory", "growth", 1),
    ("storm of {storm:,}: failed logins", "memory", "storm_errors", 0),
    ("{hang} logins while the API hangs: resident memory, MB", "hang", "hang_rss", 24),
    ("config read meanwhile, ms", "hang", "hang_config_read", 20),
    ("config write meanwhile, ms", "hang", "hang_config_write", 20),
    ("connections 1 s after the clients left", "hang", "hang_left", 0),
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
    """What a login of one client takes beyond the delay of the API itself."""
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


def _share(figures: dict) -> list[list[str]]:
    """How much of a login's time is the API's own."""
    rows = []
    for delay in figures["size"]["delays"]:
        for name, found in (_cell(figures, "batch", delay, 1) or {}).items():
            if name in (OURS, PEER):
                p50 = statistics.median(found["p50"])
                rows.append([f"{delay} ms", NAMES[name], _number(p50), f"{delay / p50:.0%}", _number(p50 - delay), _spread(found.get("calls"))])
    return rows


def _cells(figures: dict, kind: str, delay: int) -> str:
    rows = []
    for clients in figures["size"]["clients"]:
        for name, found in (_cell(figures, kind, delay, clients) or {}).items():
            rows.append([str(clients), NAMES[name], *(_spread(found.get(figure)) for figure in ("rate", "p50", "p99", "cpu", "host_cpu", "calls"))])
    return _table(["clients", "method", "logins/s", "p50, ms", "p99, ms", "plugin CPU a login, ms", "host CPU a login, ms", "API calls a login"], rows)


def _rows(section: dict, figures: list[tuple[str, str]], names: list[str]) -> str:
    present = [name for name in names if name in section]
    return _table(["", *(NAMES.get(name, name) for name in present)], [[words, *(_spread(section[name].get(figure)) for name in present)] for words, figure in figures])


def _three(values: list[float] | None) -> tuple[float, float, float] | None:
    return (min(values), statistics.median(values), max(values)) if values else None


def plots(figures: dict) -> dict[str, str]:
    clients = figures["size"]["clients"]
    out = {}
    for figure, title, unit in (("rate", "Logins a second (batch tokens, API answers at once)", "1/s"), ("cpu", "Plugin CPU a login", "ms"),
                                ("p99", "99 of 100 logins took at most", "ms")):
        names = [name for name in (OURS, PEER, FLOOR) if _values(figures, "cells", name, figure, clients[0])]
        out[figure] = svg.bars(title, unit, [f"{n} clients" if n > 1 else "1 client" for n in clients],
                               {NAMES[name]: [_three(_values(figures, "cells", name, figure, n)) for n in clients] for name in names})
    names = [name for name in (OURS, SHARED, PEER) if name in figures["memory"]]
    out["memory"] = svg.bars("Resident memory", "MB", ["idle", "peak of a storm", "5 s after it"],
                             {NAMES[name]: [_three(figures["memory"][name][one]) for one in ("idle_rss", "storm_peak", "storm_after")] for name in names})
    out["mounts"] = svg.lines("Memory of one process by mounts", "MB", {"resident": [(row["mounts"], row["rss"]) for row in figures["mounts"]]}, "mounts")
    out["grants"] = svg.bars("Plugin CPU by grants of the mount", "ms", [f"{row['grants']:,}" for row in figures["grants"]],
                             {words: [(row[figure],) * 3 for row in figures["grants"]] for words, figure in (("the login that reads them", "first_cpu"), ("a warm login", "cpu"))})
    many = figures["many"]
    out["many"] = svg.lines("Resident memory over many logins", "MB", {NAMES[OURS]: [tuple(row) for row in many[::max(1, len(many) // 20)]]}, "logins")
    return out


def _of_another_run(about: dict) -> str:
    """Sections that were measured apart, and when."""
    return f" {about['apart']}" if "apart" in about else ""


def page(figures: dict) -> str:
    about, size = figures["about"], figures["size"]
    cells = "\n\n".join(f"### {kind.capitalize()} tokens, the API answers {'at once' if delay == 0 else f'after {delay} ms'}\n\n{_cells(figures, kind, delay)}"
                        for kind in size["kinds"] for delay in size["delays"])
    starts = _rows(figures["starts"], [("exec to handshake, ms", "handshake"), ("resident memory then, MB", "start_rss"),
                                       ("enable, config, role, first login, ms", "first_login"), ("first login after kill -9, ms", "after_kill")], [OURS, SHARED, PEER])
    memory = _rows(figures["memory"], [("idle: resident, MB", "idle_rss"), ("idle: private and dirty, MB", "idle_private"), ("threads", "threads"),
                                       (f"growth over {size['logins']:,} logins, MB", "growth"), (f"storm of {size['storm']:,}: peak, MB", "storm_peak"),
                                       ("storm: failed logins", "storm_errors"), ("storm: p99, ms", "storm_p99"),
                                       ("storm: connections to the API", "storm_connections"), ("5 s after the storm, MB", "storm_after")], [OURS, SHARED, PEER])
    hang = _rows(figures["hang"], [("resident, MB", "hang_rss"), ("connections to the API", "hang_connections"), ("config read meanwhile, ms", "hang_config_read"),
                                   ("config write meanwhile, ms", "hang_config_write"), ("connections 1 s after the clients left", "hang_left")], [OURS, PEER])
    client = _rows(figures["client"], [("start to secret in hand, ms", "secret_ms"), ("of that the login, as a command of its own", "login_ms"),
                                       ("the read, as a command of its own", "read_ms"), ("CPU, ms", "secret_cpu"), ("most memory, MB", "secret_rss"), ("file, MB", "size")],
                   ["arv-vault", "bao"])
    http = _table(["the API takes", "logins at one time", "HTTP", "logins/s", "p50, ms", "p99, ms", "client CPU a login, ms", "connections"],
                  [[f"{row['delay']} ms", str(row["clients"]), {"1": "1.1", "2": "2"}[row["version"]], *(_spread(row[one]) for one in ("rate", "p50", "p99", "cpu", "connections"))]
                   for row in figures.get("http", [])])
    grants = _table(["grants of the mount", "links asked in", "the login that reads them: plugin CPU, ms", "a warm login: plugin CPU, ms", "and in all, ms", "resident, MB"],
                    [[f"{row['grants']:,}", f"{row['calls']} calls", _number(row["first_cpu"]), _number(row["cpu"]), _number(row["ms"]), _number(row["rss"])]
                     for row in figures["grants"]])
    mounts = _table(["mounts", "resident, MB", "private and dirty, MB", "threads"],
                    [[str(row["mounts"]), _number(row["rss"]), _number(row["private_dirty"]), str(row["threads"])] for row in figures["mounts"]])
    many = figures["many"]
    return f"""# Performance

Written by `scripts/dev bench`; do not edit. {about['date']}, commit {about['commit']}, OpenBao {about['openbao']}, Go peer vault-plugin-auth-kubernetes {about['peer']}.{_of_another_run(about)}
{about['machine']}; OpenBao, plugin, API server and clients share the cores, so look at ratios. Each figure is a median, with the lowest and highest in brackets.

To repeat: `scripts/dev bench --full` (a quarter of an hour), `scripts/dev bench` (its short form); `--page docs/explanation/performance.md` writes this page. Where the time goes:
[profile.md](performance/profile.md); what it means for a site: [scale.md](scale.md).

The plugin is the self-contained release ([release.md](../guides/release.md)). Its login asks the API three times in parallel, the peer's once. The API is a server of constant
answers over TLS; both plugins keep their connections. `approle` has no plugin and asks nobody: the floor.

## Against the Go peer

{_table(['', 'this plugin', 'Go peer', 'ratio', 'aim', ''], _targets(figures))}

What was to hold by itself:

{_table(['', 'this plugin', 'Go peer', 'aim', ''], _bounds(figures))}

![logins a second](performance/rate.svg)
![plugin CPU a login](performance/cpu.svg)
![p99](performance/p99.svg)

## Logins

{cells}

### Arvados' share

One client, batch tokens: how much of a login is waiting for the API.

{_table(['the API takes', 'method', 'a login, p50, ms', 'of that the API', 'the rest, ms', 'API calls a login'], _share(figures))}

## Starting

{starts}

## Memory

{memory}

![memory](performance/memory.svg)

## {size['hang']} logins at an API that hangs

{hang}

## HTTP/1.1 or HTTP/2 to Arvados

The three requests of a login by libcurl alone, against a server in Go that speaks both. The plugin speaks HTTP/1.1: with few logins at one time libcurl 7.88
lets an HTTP/2 stream lie now and then until its next poll (far fewer logins/s than p50 would give), and where the API takes its time neither is ahead.

{http}

## Growth

{grants}

![grants](performance/grants.svg)

{mounts}

![mounts](performance/mounts.svg)

Over {many[-1][0]:,} logins resident memory went from {_number(many[1][1])} MB (after {many[1][0]:,}) to {_number(many[-1][1])} MB.

![many logins](performance/many.svg)

## arv-vault beside bao

`bao` needs two commands, `bao write` for the login and `bao kv get`; `arv-vault get` does both and revokes its token. Service tokens.

{client}
"""


def summary(figures: dict) -> str:
    rows = [f"{words:52} {_plain(ours):>10} {_plain(peer):>10}  {ratio.strip('*'):>6}  {aim} {reached.strip('*')}" for words, ours, peer, ratio, aim, reached in _targets(figures)]
    return "\n".join([f"{'':52} {'plugin':>10} {'Go peer':>10}  {'ratio':>6}", *rows])


def _plain(spread: str) -> str:
    return spread.split(" [")[0]


def write(figures: dict, file: Path) -> None:
    folder = file.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(page(figures))
    for name, plot in plots(figures).items():
        (folder / f"{name}.svg").write_text(plot)
