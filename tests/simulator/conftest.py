"""The user's own Arvados settings stay out."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite.hermetic import shut_out_user  # noqa: E402

shut_out_user()
