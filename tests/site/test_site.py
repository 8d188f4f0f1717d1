"""The site of docs/: it builds, every link on it leads somewhere, it asks nobody else for anything, and its pictures are those of their sources."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build/site"
TOOLS = ROOT / "build/venv-site/bin"
# What a browser fetches when it shows a page; of `link` only those kinds.
FETCHES = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "object": "data"}
FETCHED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload", "manifest"}


class Html(HTMLParser):
    """Where a page leads, what it fetches, and the places in it that have a name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.names: set[str] = set()
        self.unnamed: list[str] = []  # pictures without words for who can't see them
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attributes}
        self.names |= {given[key] for key in ("id", "name") if key in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if given.get(FETCHES.get(tag, "")):
            self.fetched.append(given[FETCHES[tag]])
        if tag == "link" and set(given.get("rel", "").split()) & FETCHED_LINKS:
            self.fetched.append(given["href"])
        if tag == "img" and not given.get("alt"):
            self.unnamed.append(given.get("src", ""))


@pytest.fixture(scope="session")
def built() -> str:
    env = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG") or key.startswith("PIP_")}
    done = subprocess.run([ROOT / "scripts/site"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def pages(built) -> dict[Path, Html]:
    # 404.html is shown at any address, so its links begin at the site's root.
    return {path: Html(path) for path in SITE.rglob("*.html") if path.name != "404.html"}


def test_it_builds_without_a_warning(built):
    assert not re.search("warning|error", built, re.IGNORECASE), built


def test_every_link_leads_to_a_page_and_a_place_in_it(pages):
    lost = []
    for path, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists() or (parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names):
                lost.append(f"{path.relative_to(SITE)}: {link}")
    assert lost == []
    assert sum(len(page.links) for page in pages.values()) > 1000


def test_nothing_is_fetched_from_anybody_else(pages):
    foreign = [(path.name, link) for path, page in pages.items() for link in page.fetched if urlsplit(link).netloc]
    for style in SITE.rglob("*.css"):
        foreign += [(style.name, link) for link in re.findall(r"(?:@import|url\()\s*[\"']?((?:https?:)?//[^\"')]+)", style.read_text())]
    assert foreign == []


def test_every_picture_has_words(pages):
    assert [(path.name, page.unnamed) for path, page in pages.items() if page.unnamed] == []


def test_the_search_knows_every_page_and_works_from_a_folder(pages):
    index = json.loads((SITE / "search/search_index.json").read_text())
    found = {entry["location"].split("#")[0] for entry in index["docs"]}
    for page in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("deploy/*/README.md")]:
        inside = page.is_relative_to(ROOT / "docs")
        name = page.relative_to(ROOT / "docs").with_suffix(".html") if inside else (
            Path("repository") / page.relative_to(ROOT).parent / ("index.html" if page.stem == "README" else f"{page.stem}.html"))
        assert str(name) in found, name
    assert (SITE / "search/search_index.js").exists() and (SITE / "site/iframe-worker.js").exists()


def test_lists_are_lists(pages):
    """Where a page of the repository shows a list, MkDocs wants an empty line before it."""
    for path in pages:
        assert not re.search(r"<p>(?:(?!</p>).)*?\n- ", path.read_text(), re.DOTALL), path


def places(page: Path) -> set[str]:
    """The names that the repository's pages give to headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", head).lower()).replace(" ", "-") for head in heads}


def test_links_to_places_work_on_the_pages_of_the_repository_too():
    lost = []
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]:
        for link, place in re.findall(r"\]\((?!http)([^)#\s]*)#([^)\s]+)\)", page.read_text()):
            target = (page.parent / link).resolve() if link else page
            if place not in places(target):
                lost.append(f"{page.name}: {link}#{place}")
    assert lost == []


# ---- what must fail ----


def copy_of_the_tree(target: Path) -> Path:
    for name in ("docs", "deploy", "tests/simulator", "scripts/lib"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "LICENSE", *(path.name for path in ROOT.glob("*.md"))):
        shutil.copy(ROOT / name, target)
    return target


LOST = [  # what is added to which page, and the word by which the build must tell it
    ("docs/forgotten.md", "# A page that is not in the navigation", "forgotten.md"),
    ("deploy/forgotten/README.md", "# A page outside of docs/ that is not in it", "deploy/forgotten/README.md"),
    ("docs/explanation/scale.md", "[nowhere](nowhere.md)", "nowhere.md"),
    ("docs/evidence/soak.md", "[no such place](../guides/grants.md#no-such-place)", "no-such-place"),
]


def test_a_page_that_is_lost_or_leads_nowhere_fails_the_build(built, tmp_path):
    tree = copy_of_the_tree(tmp_path)
    for page, text, _ in LOST:
        (tree / page).parent.mkdir(exist_ok=True)
        with open(tree / page, "a") as handle:
            handle.write(f"\n{text}\n")
    done = subprocess.run([TOOLS / "mkdocs", "build", "--strict"], cwd=tree, capture_output=True, text=True, check=False,
                          env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode != 0
    assert [told for _, _, told in LOST if told not in done.stderr] == [], done.stderr


def test_an_unknown_option_is_refused():
    done = subprocess.run([ROOT / "scripts/site", "--nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "--help" in done.stderr


# ---- diagrams ----

DIAGRAMS = [path for path in sorted((ROOT / "docs/diagrams").glob("*.d2")) if path.name != "style.d2"]


def test_each_picture_is_the_one_of_its_source(built, tmp_path):
    subprocess.run([sys.executable, ROOT / "scripts/lib/diagrams.py", TOOLS / "d2", ROOT / "docs/diagrams", tmp_path], check=True)
    assert len(DIAGRAMS) >= 4
    for source in DIAGRAMS:
        made, kept = (folder / f"{source.stem}.svg" for folder in (tmp_path, ROOT / "docs"))
        assert made.read_bytes() == kept.read_bytes(), f"{kept} is not of {source}: scripts/site --diagrams"


@pytest.mark.parametrize("source", DIAGRAMS, ids=lambda path: path.stem)
def test_a_picture_has_words_and_colours_for_the_dark(source):
    text = (ROOT / "docs" / f"{source.stem}.svg").read_text()
    assert re.search(r'<svg role="img" aria-labelledby="title desc".*?<title id="title">.{20,}</title><desc id="desc">.{100,}</desc>', text, re.DOTALL)
    dark = re.search(r"<style>@media screen and \(prefers-color-scheme:dark\)\{(.*?)\}</style>", text)[1]
    named = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', text))
    assert named and all(f'"{colour}"' in dark for colour in named)


def test_the_picture_of_the_rooms_says_what_the_lint_enforces():
    """Whatever a room may include can be reached along the arrows, and each arrow is an include that is allowed."""
    table = re.search(r"TABLE='\n(.*?)'", (ROOT / "tests/lint/layers.sh").read_text(), re.DOTALL)[1]
    rooms = [row.split("|") for row in table.strip().splitlines()]
    names = {name for name, _, _ in rooms}
    allowed = {(name, face if face in names else "base") for name, faces, _ in rooms for face in faces.split() if face != name and name != "base"}
    drawn = set(re.findall(r"^(\w+) -> (\w+)", (ROOT / "docs/diagrams/layers.d2").read_text(), re.MULTILINE))
    programs = {("main", "plugin"), ("main", "auth"), ("main_tokens", "plugin"), ("main_tokens", "tokens"), ("arv_vault", "client")}
    assert programs <= drawn and drawn - programs <= allowed
    reached = set(drawn)
    while more := {(a, d) for a, b in reached for c, d in reached if b == c} - reached:
        reached |= more
    assert allowed <= reached
