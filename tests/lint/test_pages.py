"""Pages that promise something name tests that exist."""

from __future__ import annotations

import re

import pytest

from pages import ROOT, missing_tests, named_tests, rows

PAGES = ["evidence/threats.md", "reference/compatibility.md", "guides/upgrade.md", "tutorials/cwl.md", "reference/versioning.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page):
    text = (ROOT / "docs" / page).read_text()
    assert named_tests(text), "a page of promises names tests"
    assert missing_tests(text) == []


def test_every_threat_has_a_row_with_a_test_or_a_reason():
    found = {cells[0]: cells for cells in rows((ROOT / "docs/evidence/threats.md").read_text())}
    for number in range(1, 43):
        cells = found[f"A-{number:02}"]
        assert named_tests(cells[-1]) or cells[-1].startswith("none: "), cells


def test_every_promise_has_a_test_and_a_figure():
    section = (ROOT / "docs/evidence/threats.md").read_text().split("## Promises")[1].split("\n## ")[0]
    promises = rows(section)[1:]
    assert len(promises) >= 12
    for cells in promises:
        assert named_tests(cells[1]) and cells[2], cells


def test_the_readme_quotes_the_page_of_the_last_benchmark():
    measured = rows((ROOT / "docs/explanation/performance.md").read_text())
    section = (ROOT / "README.md").read_text().split("## Fast and small")[1].split("\n## ")[0]
    quoted = rows(section)[1:]
    assert len(quoted) == 3
    for words, ratio in quoted:
        assert any(cells[0] == words and ratio in cells for cells in measured), (words, ratio)


HOP = re.compile(r"^(\d+)\. `(src/[a-z_/]+\.c)` `([a-z_0-9]+)` ", re.M)


def missing_hops(text: str) -> list[str]:
    """Functions of the path of a login that are not defined in the file that the page names."""
    wrong = []
    for _, path, function in HOP.findall(text):
        source = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
        if not re.search(rf"^[a-z][^;=]*\b{function}\([^;]*\n\{{$", source, re.M):
            wrong.append(f"{path}: {function}")
    return wrong


def test_the_path_of_a_login_is_fifteen_hops_at_most_and_each_function_exists():
    section = (ROOT / "docs/explanation/architecture.md").read_text().split("## Login path")[1].split("\n## ")[0]
    hops = HOP.findall(section)
    assert 5 < len(hops) <= 15 and [int(number) for number, *_ in hops] == list(range(1, len(hops) + 1))
    assert missing_hops(section) == []


def test_a_hop_that_is_not_there_is_told():
    text = "1. `src/auth/decision.c` `auth_decide` x\n2. `src/auth/decision.c` `auth_snapshot_get` x\n3. `src/auth/none.c` `auth_decide` x\n"
    assert missing_hops(text) == ["src/auth/decision.c: auth_snapshot_get", "src/auth/none.c: auth_decide"]


def test_a_test_that_is_not_there_is_told():
    assert missing_tests("`tests/lint/test_pages.py: test_nobody_wrote_this` `tests/lint/none.py: x`") == [
        "tests/lint/test_pages.py: test_nobody_wrote_this", "tests/lint/none.py: x"]
    assert missing_tests("`tests/lint/test_pages.py: test_a_test_that_is_not_there_is_told`") == []
