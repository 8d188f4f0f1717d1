"""``python -m arvados_vault`` is ``arv-vault``."""

from __future__ import annotations

import os
import sys

from . import _program
from ._errors import VaultError

if __name__ == "__main__":
    try:
        program = _program.find()
    except VaultError as error:
        sys.exit(f"arvados_vault: {error}")
    os.execv(program, [program, *sys.argv[1:]])
