"""Ports, processes and patience: what every test with a real server needs."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import time
from pathlib import Path


def free_port() -> int:
    """For a server that is started later; the port after it is free too. Below those that the kernel deals out by itself, since one of
    those may be somebody's connection before the server has come up."""
    dealt_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, dealt_out - 1)
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("", port))
            second.bind(("", port + 1))
            return port


def wait_until(condition, what: str = "", seconds: float = 20.0, step: float = 0.02):
    """Polls until it is truthy and gives its value. The bound only ends a test that would hang."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited in vain for: {what or condition}"
        time.sleep(step)


def process_exists(pid: int) -> bool:
    """A zombie counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def plugin_pids(plugin: Path) -> list[int]:
    """Processes that run this plugin file, orphans too. By command line: the link to the file of a process that is not
    dumpable can be read by root only."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cmdline").read_bytes().split(b"\0")[0] == str(plugin).encode():
                    found.append(int(entry.name))
    return [pid for pid in found if process_exists(pid)]


# What OpenSSL keeps of errors for a thread (its ERR_STATE). A thread that still runs when the process exits loses it to OpenSSL's own cleanup,
# and the leak checker reports it now and then. Its size and that it stands alone tell it from a leak of ours.
ERROR_STATE = re.compile(r"Direct leak of 904 byte\(s\) in 1 object\(s\) allocated from:\n +#0 .*malloc.*\n +#1 .*CRYPTO_zalloc.*\n\s*"
                         r"SUMMARY: AddressSanitizer: 904 byte\(s\) leaked in 1 allocation\(s\)")


def sanitizer_reports(directory: Path) -> list[str]:
    """What sanitized programs reported into files of the directory."""
    return [text for report in directory.glob("sanitizer.*") if not ERROR_STATE.search(text := report.read_text())]
