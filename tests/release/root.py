"""A root folder with hardly anything in it, traps for a program that loads what it finds there, and a name server."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import threading
from pathlib import Path

TRAPPED = 97
# Needs no library, so that any C library can load it, and ends the process that does.
TRAP = """
static void sprung(void) __attribute__((constructor));
static void sprung(void)
{
    __asm__ volatile("syscall" : : "a"(231L), "D"(97L)); /* exit_group */
}
"""
# What a self-contained program does that nobody told better.
VICTIM = """
#include <grp.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <string.h>
int main(int argc, char **argv)
{
    struct addrinfo *found = 0;
    if (strcmp(argv[1], "hosts") == 0)
        return getaddrinfo(argv[2], 0, 0, &found) != 0;
    if (strcmp(argv[1], "group") == 0)
        return getgrnam(argv[2]) == 0;
    return EVP_MD_fetch(0, "SHA256", 0) == 0;
}
"""
OPENSSL_CNF = """
openssl_conf = all
[all]
providers = some
[some]
trap = trap
[trap]
module = {module}
activate = 1
"""


class Root:
    """Programs started here see this folder and nothing else: no libraries, no /proc, no /dev."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "tmp").mkdir(parents=True)

    def write(self, path: str, text: str | bytes) -> None:
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def put(self, program: Path) -> str:
        shutil.copy(program, self.folder)
        return f"/{program.name}"

    def command(self, *words: str) -> list[str]:
        rights = [] if os.getuid() == 0 else ["--map-root-user"]
        return ["unshare", *rights, f"--root={self.folder}", "--wd=/", *words]

    def run(self, *words: str, env: dict[str, str] | None = None, stdin: str = "") -> subprocess.CompletedProcess:
        return subprocess.run(self.command(*words), env={"PATH": os.environ["PATH"], **(env or {})}, input=stdin,
                              capture_output=True, text=True, timeout=60, check=False)


def build_victim(folder: Path) -> Path:
    (folder / "victim.c").write_text(VICTIM)
    subprocess.run(["gcc", "-w", "-static-pie", "-fPIE", folder / "victim.c", "-o", folder / "victim", "-lcrypto"],
                   check=True, capture_output=True)
    return folder / "victim"


def set_traps(root: Root) -> None:
    """A system whose settings name modules, as those of desktops and of systems with a crypto policy do."""
    source = root.folder / "trap.c"
    source.write_text(TRAP)
    trap = root.folder / "trap.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-nostdlib", source, "-o", trap], check=True)
    for name in ("myhostname", "mdns4_minimal", "resolve", "systemd", "sss"):
        for folder in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib", "usr/lib", "lib64"):
            root.write(f"{folder}/libnss_{name}.so.2", trap.read_bytes())
    root.write("etc/nsswitch.conf", "hosts: myhostname mdns4_minimal resolve files dns\ngroup: systemd sss files\n")
    for place in ("usr/lib/ssl", "etc/ssl", "etc/pki/tls"):
        root.write(f"{place}/openssl.cnf", OPENSSL_CNF.format(module="/trap.so"))


class NameServer:
    """Answers for one name, over UDP, at the port where resolvers ask."""

    ADDRESS = "127.0.0.77"

    def __init__(self, name: str):
        self.name = name
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.ADDRESS, 53))
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "NameServer":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.socket.sendto(b"", (self.ADDRESS, 53))
        self.thread.join(5)
        self.socket.close()

    def _serve(self) -> None:
        while True:
            question, sender = self.socket.recvfrom(4096)
            if not question:
                return
            self.socket.sendto(self._answer(question), sender)

    def _answer(self, question: bytes) -> bytes:
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        (kind,) = struct.unpack_from(">H", question, at + 1)
        known = ".".join(labels) == self.name
        self.asked += known
        record = struct.pack(">HHHIH4s", 0xC00C, 1, 1, 60, 4, socket.inet_aton("127.0.0.1"))
        records = record if known and kind == 1 else b""
        head = question[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, 1 if records else 0, 0, 0)
        return head + question[12:at + 5] + records
