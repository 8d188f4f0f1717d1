"""What the site has beside the pages of docs/: pages that lie elsewhere in the tree, and whatever file of the tree a page links to.

All links stay as they must be on a page of the repository; here they are turned to the page on the site. A linked file that is no page
becomes one that shows its text. So no link leads out of the site, and no page needs to know where the repository is published.
"""

from __future__ import annotations

import posixpath
import re
import subprocess
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

# Pages outside of docs/. Each must be in the navigation, like those inside.
PAGES = ["*.md", "deploy/*/README.md", "tests/simulator/README.md"]
# Pictures lie in docs/ and are copied as they are.
PICTURES = (".svg", ".png")
TREE = "repository/"
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
LANGUAGES = {".py": "python", ".hcl": "hcl", ".json": "json", ".cwl": "yaml", ".yaml": "yaml", ".yml": "yaml", ".in": "yaml", ".sh": "bash",
             ".c": "c", ".h": "c"}


def root(config: MkDocsConfig) -> Path:
    return Path(config.docs_dir).parent


def tree_place(src_uri: str) -> str:
    """Where a page of the site lies in the tree."""
    return src_uri.removeprefix(TREE) if src_uri.startswith(TREE) else f"docs/{src_uri}"


def site_place(path: str, pages: set[str]) -> str:
    """Where a file of the tree lies on the site."""
    if path.startswith("docs/") and path.endswith((".md", *PICTURES)):
        return path.removeprefix("docs/")
    return TREE + path + ("" if path in pages else ".md")


def target_of(link: str, page: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def fenced(path: Path) -> str:
    text = path.read_text()
    first = text.split("\n", 1)[0]
    language = LANGUAGES.get(path.suffix) or ("python" if "python" in first else "bash" if first.startswith("#!") else "text")
    return f"~~~~~{language}\n{text}\n~~~~~\n"


def shown(path: Path, name: str) -> str:
    """A file, or the files of a folder, as a page."""
    if path.suffix == ".1":
        made = subprocess.run(["mandoc", "-T", "html", "-O", "fragment", str(path)], capture_output=True, text=True, check=True).stdout
        return f"# {path.stem}(1)\n\n" + re.sub(r"<(/?)h1\b", r"<\1h2", made)
    inside = [f"## {file.name}\n\n{fenced(file)}" for file in sorted(path.iterdir()) if file.is_file()] if path.is_dir() else [fenced(path)]
    return f"---\nsearch:\n  exclude: true\n---\n# {name}\n\n" + "\n".join(inside)


def outside(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for pattern in PAGES for path in top.glob(pattern)}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    top = root(config)
    pages = outside(top)
    for path in sorted(pages):
        files.append(File.generated(config, TREE + path, abs_src_path=str(top / path)))
    for page in [file for file in files if file.is_documentation_page()]:
        here = tree_place(page.src_uri)
        for link, _ in LINK.findall((top / here).read_text()):
            path = target_of(link, here)
            place = site_place(path, pages)
            if (top / path).exists() and files.get_file_from_path(place) is None:
                files.append(File.generated(config, place, content=shown(top / path, path), inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    top = root(config)
    pages = outside(top)
    here = tree_place(page.file.src_uri)

    def turned(match: re.Match) -> str:
        path = target_of(match[1], here)
        if not (top / path).exists():
            return match[0]  # MkDocs complains
        place = site_place(path, pages)
        return f"]({posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or '.')}{match[2] or ''})"

    return LINK.sub(turned, markdown)
