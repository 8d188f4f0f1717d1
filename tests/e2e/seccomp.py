"""A seccomp filter as an old container runtime installs it: clone3 is answered with EPERM."""

from __future__ import annotations

import ctypes
import errno
import struct

NR_CLONE3 = 435
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def refuse_clone3() -> None:
    """For preexec_fn: of this process and what it becomes."""
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, NR_CLONE3), (0x06, 0, 0, RET_ERRNO | errno.EPERM), (0x06, 0, 0, RET_ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    memory = ctypes.create_string_buffer(code, len(code))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    program = Program(len(steps), ctypes.addressof(memory))
    assert libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0) == 0
