"""How fast and small the plugin is beside its peers."""

import sys
from pathlib import Path

# It works with the same servers as the end-to-end tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
