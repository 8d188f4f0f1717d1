"""The connection that the functions of the package share."""

from __future__ import annotations

import threading
from typing import Optional

from ._vault import Base, Vault

_lock = threading.Lock()
_vault: Optional[Base] = None


def vault() -> Base:
    global _vault
    found = _vault
    if found is None:
        with _lock:
            if _vault is None:
                _vault = Vault()
            found = _vault
    return found


def replace(other: Optional[Base]) -> Optional[Base]:
    """For tests: the connection that was used before."""
    global _vault
    before, _vault = _vault, other
    return before
