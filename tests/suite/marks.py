"""Marks that leave out a test: for sanitized builds, and for servers that lack something. A conftest.py imports the hook."""

from __future__ import annotations

import os

import pytest

from .server import LACKING, server_lacks

REASONS = {"plain_build": "needs a build without sanitizers", **{mark: f"needs a server with {what}" for mark, what in LACKING.items()}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    about_server = any(item.get_closest_marker(mark) for item in items for mark in LACKING)
    absent = set(server_lacks() if about_server else [])
    if os.environ.get("VPA_SANITIZED"):
        absent.add("plain_build")
    for item in items:
        for mark in absent:
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=REASONS[mark]))
