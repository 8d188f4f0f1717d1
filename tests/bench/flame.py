"""Where the time goes: a flame graph, from what perf saw. Each bar is a function, as wide as its share; below it stands who called it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, ROW, SMALLEST = 1200, 17, 0.004
# Who owns a function, by its name: first that fits.
OWNERS = [("kernel", "#9aa3ad", re.compile(r".*\[k\]$")),
          ("gRPC", "#d9822b", re.compile(r"(grpc|gpr_|absl|cq_|pollset|tcp_|endpoint|on_read|flush|write_action|read_action|end_worker|chttp2|ssl_protector|tsi_)")),
          ("libcurl", "#8a63b3", re.compile(r"([Cc]url|multi_|dyn_|dprintf|alloc_addbyter|ossl_|ssl_cf|cf_|bio_cf|conn)")),
          ("OpenSSL", "#3d9970", re.compile(r"(SSL|ssl3|tls1|EVP|evp|BIO|bio_|bwrite|aes|gcm|CRYPTO|ossl|ASYNC|do_ssl)")),
          ("json-c, protobuf-c", "#c2a83e", re.compile(r"(json_|lh_|printbuf|array_list|protobuf_c)")),
          ("libc", "#b5b5b5", re.compile(r"(_|mem(cpy|move|set|cmp|chr)|str|pthread_|epoll_|tcache|arena_|(c?free|[cm]alloc|realloc|sysmalloc|poll|send|recv|read|write)$)"))]
OURS = ("this plugin", "#2a78b8")


class Node:
    def __init__(self) -> None:
        self.weight, self.children = 0, {}


def _stacks(data: Path):
    """Each sample's functions, from the thread's start on, and its weight."""
    out = subprocess.run(["perf", "script", "--no-inline", "-i", data, "-F", "period,ip,sym"], capture_output=True, text=True, check=True).stdout
    for block in out.split("\n\n"):
        lines = [line for line in block.splitlines() if line.strip()]
        if not lines:
            continue
        names = []
        for line in lines[1:]:
            address, _, name = line.strip().partition(" ")
            name = re.sub(r"\+0x[0-9a-f]+$", "", name.split(" (inlined)")[0].strip()).split("(")[0]
            if name and name != "[unknown]":
                names.append(name + (" [k]" if address.startswith("ffffffff8") else ""))
        weight = int(re.search(r"\d+", lines[0]).group())
        yield [name for name in reversed(names) if name not in ("start_thread", "__clone", "clone", "__clone3")], weight


def tree(data: Path) -> Node:
    root = Node()
    for names, weight in _stacks(data):
        root.weight += weight
        at = root
        for name in names:
            at = at.children.setdefault(name, Node())
            at.weight += weight
    return root


def owner(name: str) -> tuple[str, str]:
    return next(((who, colour) for who, colour, pattern in OWNERS if pattern.match(name)), OURS)


def shares(root: Node) -> dict[str, float]:
    """By whose code ran itself, not what it called."""
    found: dict[str, float] = {}

    def walk(node: Node, name: str) -> None:
        own = node.weight - sum(child.weight for child in node.children.values())
        who = owner(name)[0]
        found[who] = found.get(who, 0) + own / root.weight
        for key, child in node.children.items():
            walk(child, key)

    for key, child in root.children.items():
        walk(child, key)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def svg(root: Node, title: str) -> str:
    bars: list[str] = []
    deepest = 0

    def draw(node: Node, name: str, x: float, depth: int) -> None:
        nonlocal deepest
        share = node.weight / root.weight
        if share < SMALLEST:
            return
        deepest = max(deepest, depth)
        width = share * WIDTH
        words = f"<title>{escape(name)}: {share:.1%}</title>"
        label = escape(name[: int(width / 6.6)]) if width > 30 else ""
        bars.append(f'<g transform="translate({x:.1f} {depth * ROW})">{words}<rect width="{max(width - 0.5, 0.5):.1f}" height="{ROW - 1}" '
                    f'fill="{owner(name)[1]}"/><text x="2" y="12">{label}</text></g>')
        for key, child in sorted(node.children.items()):
            draw(child, key, x, depth + 1)
            x += child.weight / root.weight * WIDTH

    x = 0.0
    for key, child in sorted(root.children.items()):
        draw(child, key, x, 0)
        x += child.weight / root.weight * WIDTH
    height = (deepest + 1) * ROW + 60
    legend = "".join(f'<rect x="{10 + i * 150}" y="32" width="10" height="10" fill="{colour}"/><text x="{25 + i * 150}" y="41">{escape(who)}</text>'
                     for i, (who, colour) in enumerate([OURS, *((one[0], one[1]) for one in OWNERS)]))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11" role="img"><title>{escape(title)}</title>'
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/><text x="10" y="20" font-size="14" font-weight="bold">{escape(title)}</text>{legend}'
            f'<g transform="translate(0 52)">\n' + "\n".join(bars) + "\n</g></svg>\n")
