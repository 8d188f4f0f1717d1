"""What the kernel says about a process. Its figures, not the process's own."""

from __future__ import annotations

from pathlib import Path


def cpu_ms(pid: int) -> float:
    """Time on a processor so far, of all its threads that still live; to the nanosecond, where /proc/<pid>/stat has ticks."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # a thread that ended meanwhile
            pass
    return total / 1e6


def _status(pid: int) -> dict[str, str]:
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def memory_mb(pid: int) -> dict[str, float]:
    """Resident, and what of it is the process's own and written (the rest is files, shared with who else maps them)."""
    rows = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {"rss": int(rows["Rss"].split()[0]) / 1024, "private_dirty": int(rows["Private_Dirty"].split()[0]) / 1024}


def connections_to(pid: int, port: int) -> int:
    """TCP connections of the process to that port of this machine."""
    sockets = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[2].split(":")[1], 16) == port and f"socket:[{row[9]}]" in sockets for row in rows)


def threads(pid: int) -> int:
    return int(_status(pid)["Threads"])


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mb(pid: int) -> float:
    """Highest resident memory since forget_peak()."""
    return int(_status(pid)["VmHWM"].split()[0]) / 1024


def machine() -> str:
    """The class of machine, for whoever compares figures."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    (release,) = [line for line in Path("/etc/os-release").read_text().splitlines() if line.startswith("PRETTY_NAME=")]
    return f"{len(names)} cores ({names[0]}), {memory:.0f} GiB, {release.split('=')[1].strip(chr(34))}"
