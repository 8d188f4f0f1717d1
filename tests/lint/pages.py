"""Tests that a page of docs names, `path: name`, looked up in the files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.(?:py|c)): (\w+)`")


def named_tests(text: str) -> list[tuple[str, str]]:
    return NAMED.findall(text)


def tests_in(file: Path) -> set[str]:
    """Functions of a Python file, TEST(...)s and functions of a C file."""
    text = file.read_text()
    if file.suffix == ".py":
        return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    return set(re.findall(r"^TEST\((\w+)\)", text, re.M)) | set(re.findall(r"^static void (test_\w+)\(", text, re.M))


def missing_tests(text: str) -> list[str]:
    """What the page names and nobody wrote."""
    return [f"{path}: {name}" for path, name in named_tests(text) if not (ROOT / path).exists() or name not in tests_in(ROOT / path)]


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows but heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("|---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
