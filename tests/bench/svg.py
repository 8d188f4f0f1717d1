"""Plots as SVG, so that a page can show them: grouped bars, and lines. Colours tell contenders apart in light and dark."""

from __future__ import annotations

from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 60, 56, 40
COLOURS = ["#2a78b8", "#d9822b", "#7a7f87", "#3d9970"]


def _nice(top: float) -> float:
    """A round number at or above."""
    step = 10 ** len(str(int(max(top, 1)))) / 10
    return next(n * step for n in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if n * step >= top)


def _text(x: float, y: float, words: str, anchor: str = "middle", size: int = 12, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">{escape(words)}</text>'


def _frame(title: str, unit: str, top: float, parts: list[str], series: list[str]) -> str:
    rows = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" fill="#444" role="img">',
            f"<title>{escape(title)}</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', _text(LEFT, 20, title, "start", 14, "bold")]
    for i in range(5):
        y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * i / 4
        rows += [f'<path d="M{LEFT} {y:.1f}H{WIDTH - 10}" stroke="#ddd"/>', _text(LEFT - 6, y + 4, f"{top * i / 4:g}", "end", 11)]
    rows.append(_text(LEFT - 6, TOP - 8, unit, "end", 11))
    for i, name in enumerate(series):
        x = LEFT + i * 170
        rows += [f'<rect x="{x}" y="{HEIGHT - 18}" width="10" height="10" fill="{COLOURS[i]}"/>', _text(x + 15, HEIGHT - 9, name, "start", 12)]
    return "\n".join([*rows, *parts, "</svg>"]) + "\n"


def bars(title: str, unit: str, groups: list[str], series: dict[str, list[tuple[float, float, float] | None]]) -> str:
    """For each series and group (low, middle, high); the middle is the bar, the others its whisker."""
    top = _nice(max(one[2] for values in series.values() for one in values if one))
    height, parts = HEIGHT - BOTTOM - TOP, []
    slot = (WIDTH - LEFT - 10) / len(groups)
    width = slot * 0.8 / len(series)
    for g, group in enumerate(groups):
        parts.append(_text(LEFT + slot * (g + 0.5), HEIGHT - BOTTOM + 16, group))
        for s, values in enumerate(series.values()):
            if values[g] is None:
                continue
            low, middle, high = (HEIGHT - BOTTOM - height * value / top for value in values[g])
            x = LEFT + slot * g + slot * 0.1 + width * s
            parts += [f'<rect x="{x:.1f}" y="{middle:.1f}" width="{width * 0.9:.1f}" height="{HEIGHT - BOTTOM - middle:.1f}" fill="{COLOURS[s]}"/>',
                      f'<path d="M{x + width * 0.45:.1f} {low:.1f}V{high:.1f}" stroke="#222"/>']
    return _frame(title, unit, top, parts, list(series))


def lines(title: str, unit: str, series: dict[str, list[tuple[float, float]]], x_words: str) -> str:
    """Points by number; the first axis is as far apart as the points are in order, since it grows by factors."""
    top = _nice(max(y for points in series.values() for _, y in points))
    height, parts = HEIGHT - BOTTOM - TOP, []
    longest = max(series.values(), key=len)
    step = (WIDTH - LEFT - 60) / max(1, len(longest) - 1)
    for i, (x, _) in enumerate(longest):
        if len(longest) <= 12 or i % (len(longest) // 10 + 1) == 0:
            parts.append(_text(LEFT + 20 + step * i, HEIGHT - BOTTOM + 16, f"{x:,.0f}", size=11))
    parts.append(_text(WIDTH - 10, HEIGHT - BOTTOM + 32, x_words, "end", 11))
    for s, points in enumerate(series.values()):
        at = [f"{LEFT + 20 + step * i:.1f} {HEIGHT - BOTTOM - height * y / top:.1f}" for i, (_, y) in enumerate(points)]
        parts.append(f'<path d="M{" L".join(at)}" fill="none" stroke="{COLOURS[s]}" stroke-width="2"/>')
        parts += [f'<circle cx="{place.split()[0]}" cy="{place.split()[1]}" r="3" fill="{COLOURS[s]}"/>' for place in at]
    return _frame(title, unit, top, parts, list(series))
