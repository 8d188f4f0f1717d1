"""Where the ``arv-vault`` program is."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Iterator, Optional

from ._errors import ConfigurationError

NAME = "arv-vault"


def _scripts_folders() -> Iterator[Path]:
    """The folders into which an installer puts the program of the wheel, as this very package was installed."""
    package = Path(__file__).resolve().parent
    yield Path(sysconfig.get_path("scripts"))
    user_scheme = f"{os.name}_user"
    if user_scheme in sysconfig.get_scheme_names():
        yield Path(sysconfig.get_path("scripts", scheme=user_scheme))
    yield package.parent / "bin"  # pip install --target
    for parent in package.parents:  # pip install --prefix
        if parent.name == "lib":
            yield parent.parent / "bin"
    yield Path(sys.prefix) / "bin"


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def find(program: Optional[str] = None) -> str:
    """The path of ``arv-vault``: the argument, the program that the wheel installed, then the first one on PATH."""
    if program is not None:
        found = shutil.which(program)
        if found is None:
            raise ConfigurationError(f'program "{program}": there is no such executable file')
        return found
    own = os.path.realpath(sys.argv[0]) if sys.argv and sys.argv[0] else ""
    for folder in _scripts_folders():
        candidate = folder / NAME
        if _is_program(candidate) and os.path.realpath(candidate) != own:
            return str(candidate)
    found = shutil.which(NAME)
    if found is None:
        raise ConfigurationError(
            f"no {NAME} program: the source distribution does not contain it; install the wheel of arvados-vault, "
            f"put {NAME} on PATH, or pass program="
        )
    return found
