"""The benchmark itself works: each of its measurements, a little of each, and the page they make. VPA_BUILD is the ordinary build; no figure is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import flame, svg  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    build = Path(os.environ["VPA_BUILD"])
    subprocess.run(["cmake", "--build", build, "--target", "bench-api", "bench-load", "bench-spend"], check=True, capture_output=True)
    out = tmp_path_factory.mktemp("bench")
    done = subprocess.run([sys.executable, "-m", "bench", "--smoke", "--static", build / "bin", "--shared", build / "bin", "--peers", out / "peers", "--out", out],
                          cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "tests")}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return out


def test_each_measurement_brings_figures_and_no_login_fails(made):
    figures = json.loads((made / "figures.json").read_text())
    assert {cell["delay"] for cell in figures["cells"]} == {0, 20}
    for cell in figures["cells"]:
        assert all(min(by["rate"]) > 0 for by in cell["by"].values())
        assert all(min(by["p50"]) >= cell["delay"] for name, by in cell["by"].items() if name != "approle")
    ours = figures["memory"]["arvados"]
    assert ours["storm_errors"] == [0] and min(ours["idle_rss"]) > 1
    assert figures["hang"]["arvados"]["hang_connections"][0] > 0 and len(figures["hang"]["arvados"]["hang_left"]) == 1
    assert [row["status"] for row in figures["grants"]] == [200]


def test_the_page_shows_them_with_its_plots(made):
    page = (made / "performance.md").read_text()
    assert "| plugin CPU per login, 1 client, ms |" in page and "nan" not in page.lower()
    for plot in (made / "performance").glob("*.svg"):
        assert f"performance/{plot.name}" in page
        ElementTree.parse(plot)
    assert page.count(".svg)") == len(list((made / "performance").glob("*.svg")))


def test_a_cluster_shows_who_does_the_work(tmp_path):
    build = Path(os.environ["VPA_BUILD"])
    subprocess.run(["cmake", "--build", build, "--target", "bench-api", "bench-load"], check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-m", "bench.cluster", "--nodes", "2", "--clients", "4", "--seconds", "1", "--repeats", "1", "--tools", build / "bin",
                           "--plugin", build / "bin/vault-plugin-auth-arvados", "--out", tmp_path],
                          cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "tests")}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    rows = json.loads((tmp_path / "cluster.json").read_text())["rows"]
    cells = {(row["standby_reads"], row["kind"], row["at"]): row["runs"][0] for row in rows}
    # A login in the midst when the counters are read may stand on the other side of them.
    assert all(cell["rate"] > 0 and 0.9 < cell["at_leader"] < 1.1 for cell in cells.values())
    twice = {place for place, cell in cells.items() if cell["at_standbys"] > 0}
    assert twice == {(True, "batch", "all")}
    assert len(cells) == 8 and done.stdout.count("\n| 2 |") == 8


def test_a_flame_graph_is_as_wide_as_its_samples():
    root = flame.Node()
    root.weight = 4
    for name, weight in (("auth_login", 3), ("grpc_call_start_batch", 1)):
        root.children[name] = flame.Node()
        root.children[name].weight = weight
    assert flame.shares(root) == {"this plugin": 0.75, "gRPC": 0.25}
    drawn = ElementTree.fromstring(flame.svg(root, "a & b"))
    widths = [float(rect.get("width")) for rect in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert flame.WIDTH * 0.75 - 0.5 in widths


def test_bars_reach_as_high_as_their_values():
    drawn = ElementTree.fromstring(svg.bars("t", "ms", ["a"], {"x": [(1, 5, 10)], "y": [None]}))
    heights = [float(rect.get("height")) for rect in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert (svg.HEIGHT - svg.BOTTOM - svg.TOP) / 2 in heights
