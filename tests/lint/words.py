"""Words to avoid and long sentences: `words.py` prints the hits, `words.py --update` lowers words_left.tsv to today's counts.

words.tsv has the words. Checked are pages, comments, strings, docstrings and test names."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LEFT = HERE / "words_left.tsv"
LONGEST = 25  # words of a sentence in a page

# Release notes keep their words, recordings those of Arvados. This lint and its table have to name the words.
SKIPPED = re.compile(r"^(CHANGELOG\.md|LICENSE|tests/data/|tests/fuzz/corpus/|tests/lint/.*words.*|docs/man/)")
C_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
C_TEST = re.compile(r"^TEST\((\w+)\)", re.M)
PY_TEST = re.compile(r"^def (test_\w+)\(", re.M)
SHELL_TEXT = re.compile(r"(?<![\w$])#[^\n]*|\"(?:\\.|[^\"\\])*\"|'[^']*'")


@dataclass
class Rule:
    pattern: re.Pattern
    instead: str
    folders: list[str]

    def applies(self, path: str) -> bool:
        return not self.folders or any(path == folder or path.startswith(f"{folder}/") for folder in self.folders)


def rules(table: Path = HERE / "words.tsv") -> list[Rule]:
    rows = [line.split("\t") for line in table.read_text().splitlines() if line and not line.startswith("#")]
    return [Rule(re.compile(rf"\b{row[0]}\b", re.I), row[1], row[2].split() if len(row) > 2 else []) for row in rows]


def without_code(page: str) -> str:
    """A page without code, links' addresses and comments; line numbers stay."""
    def blank(hit: re.Match) -> str:
        return re.sub(r"[^\n]+", " ", hit[0])
    page = re.sub(r"^ *```.*?^ *```", blank, page, flags=re.M | re.S)
    page = re.sub(r"<!--.*?-->", blank, page, flags=re.S)
    page = re.sub(r"`[^`\n]+`", "CODE", page)
    return re.sub(r"\]\([^)\n]+\)", "]", page)


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.start[0], token.string
    yield from names(PY_TEST, source)


def names(pattern: re.Pattern, source: str) -> Iterator[tuple[int, str]]:
    for hit in pattern.finditer(source):
        yield source.count("\n", 0, hit.start()) + 1, hit[1].replace("_", " ")


def found(pattern: re.Pattern, source: str) -> Iterator[tuple[int, str]]:
    for hit in pattern.finditer(source):
        yield source.count("\n", 0, hit.start()) + 1, hit[0]


def texts(path: str, source: str) -> Iterator[tuple[int, str]]:
    """The prose of a file, with line numbers."""
    first = source.split("\n", 1)[0]
    if path.endswith(".md"):
        yield 1, without_code(source)
    elif path.endswith((".c", ".h")):
        yield from found(C_TEXT, "".join(line if not line.startswith("#include") else "\n" for line in source.splitlines(keepends=True)))
        yield from names(C_TEST, source)
    elif path.endswith(".py") or "python" in first[:40]:
        yield from python_texts(source)
    elif path.endswith(".sh") or re.match(r"#!.*sh\b", first):
        yield from found(SHELL_TEXT, source)


def word_hits(path: str, source: str, table: list[Rule]) -> Iterator[tuple[int, str, str]]:
    """Line, word and replacement."""
    applying = [rule for rule in table if rule.applies(path)]
    for line, text in texts(path, source):
        for rule in applying:
            for hit in rule.pattern.finditer(text):
                yield line + text.count("\n", 0, hit.start()), hit[0], rule.instead


def sentences(page: str) -> Iterator[tuple[int, str]]:
    """Sentences of a page: paragraphs, list items and table cells, split at full stops."""
    line = 1
    for block in re.split(r"(\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.) ?))", without_code(page)):
        for cell in re.split(r"(?<!\\)\|", block) if block.lstrip().startswith("|") else [block]:
            for sentence in re.split(r"(?<=[.:;?!])[\"')*]*\s+", cell):
                yield line, " ".join(sentence.split())
        line += block.count("\n")


def long_sentences(page: str) -> Iterator[tuple[int, str]]:
    for line, sentence in sentences(page):
        if len(re.findall(r"[\w'’-]+", sentence)) > LONGEST:
            yield line, sentence


def folder_of(path: str) -> str:
    """src/auth, docs/guides, tests/unit: what has one row of words_left.tsv."""
    parts = Path(path).parts
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0] if len(parts) > 1 else "."


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return sorted(name for name in listed if name and not SKIPPED.match(name) and (ROOT / name).is_file())


def hits() -> list[tuple[str, str, int, str]]:
    """Kind, path, line, message."""
    table = rules()
    out = []
    for path in files():
        try:
            source = (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue
        out += [("words", path, line, f'"{word}": write {instead}') for line, word, instead in word_hits(path, source, table)]
        if path.endswith(".md"):
            out += [("sentences", path, line, f"more than {LONGEST} words: {sentence[:60]}...") for line, sentence in long_sentences(source)]
    return out


def counts(found_hits: list[tuple[str, str, int, str]]) -> Counter:
    return Counter((kind, folder_of(path)) for kind, path, _, _ in found_hits)


def allowed() -> Counter:
    rows = [line.split("\t") for line in LEFT.read_text().splitlines() if line and not line.startswith("#")] if LEFT.exists() else []
    return Counter({(kind, folder): int(number) for kind, folder, number in rows})


def main() -> int:
    all_hits = hits()
    now = counts(all_hits)
    if "--update" in sys.argv:
        before = allowed()
        rows = [f"{kind}\t{folder}\t{min(number, before[kind, folder]) if LEFT.exists() else number}" for (kind, folder), number in sorted(now.items())
                if not LEFT.exists() or before[kind, folder]]
        LEFT.write_text("\n".join(["# Hits that are left per folder: these numbers may only fall. Written by words.py --update.", *rows, ""]))
        return 0
    wanted = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    for kind, path, line, message in all_hits:
        if not wanted or any(path.startswith(one) for one in wanted):
            print(f"{path}:{line}: {message}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
