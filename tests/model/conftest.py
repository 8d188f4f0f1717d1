"""The user's own settings stay out; tests that need a plain build are left out of sanitized ones."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite.hermetic import shut_out_user  # noqa: E402
from suite.marks import pytest_collection_modifyitems  # noqa: E402, F401

shut_out_user()
