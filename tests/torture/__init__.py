"""Makes calls of a real program fail, one after the other, from outside: the other end of failing_preload.c."""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

SIZE = 64  # armed, nth, calls: 32 bits each; then the symbol that failed


class Failing:
    def __init__(self, directory: Path):
        self.path = directory / "failing-control"
        self.path.write_bytes(bytes(SIZE))
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SIZE)

    @property
    def env(self) -> dict[str, str]:
        library = Path(os.environ["VPA_BUILD"]) / "bin" / "libfailing.so"
        assert library.exists(), library
        return {"LD_PRELOAD": str(library), "FAILING_CONTROL": str(self.path)}

    def arm(self, nth: int) -> None:
        """The nth call from now on fails; 0: none does, they are only counted."""
        self.memory[4:SIZE] = struct.pack("II", nth, 0) + bytes(SIZE - 12)
        self.memory[0:4] = struct.pack("I", 1)

    def disarm(self) -> tuple[int, str]:
        """How many calls there were, and what failed ("" for nothing)."""
        self.memory[0:4] = bytes(4)
        return struct.unpack_from("I", self.memory, 8)[0], self.memory[12:SIZE].split(b"\0")[0].decode()
