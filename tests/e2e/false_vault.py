"""A vault of the test's own making: it answers what the test says, and notes what it was asked."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import trustme

from client import SECRET, Client
from conftest import sanitizer_env

TOKEN = "v2/zzzzz-gj3su-077z32aux8dg2s2/it2gl94mgu3rbn5s2d06vzh73ns1y6cthct0tvg82qdlsxvbwk/zzzzz-dz642-runningcontainr"


class FalseVault:
    """Answers requests with raw bytes, by path; notes what it was sent."""

    server: threading.Thread | None = None  # that accepts connections

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = str(folder / f"false-{id(self)}.pem")
        authority.cert_pem.write_to_path(self.ca)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.listen(context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True))
        self.address = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        self.answers: list[tuple[str, bytes | Callable[[], bytes]]] = []  # the first whose pattern fits
        self.seen: list[bytes] = []

    def listen(self, listener: socket.socket) -> None:
        """In place of what was listened at before."""
        self.close()
        self.socket, self.server = listener, threading.Thread(target=self.serve, daemon=True)
        self.server.start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: ssl.SSLSocket) -> None:
        with contextlib.suppress(OSError), connection:
            while True:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    request += piece
                length = re.search(rb"content-length: (\d+)", request, re.IGNORECASE)
                while length and len(request.split(b"\r\n\r\n", 1)[1]) < int(length[1]):
                    request += connection.recv(65536)
                self.seen.append(request)
                line = request.split(b"\r\n")[0].decode()
                answer = next((raw for pattern, raw in self.answers if re.search(pattern, line)), plain(404, {"errors": []}))
                answer = answer() if callable(answer) else answer
                if answer == b"HANG":
                    time.sleep(30)
                    return
                connection.sendall(answer)
                if b"connection: close" in answer.lower() or not answer:
                    return

    def close(self) -> None:
        """Only when its thread has ended: about to accept, it would take a connection of the next server that gets the same
        file descriptor, and answer with another certificate."""
        if self.server is None:
            return
        self.socket.shutdown(socket.SHUT_RDWR)
        self.server.join()
        self.socket.close()
        self.server = None


def plain(status: int, body: object, *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


AUTH = {"auth": {"client_token": "s.false", "lease_duration": 900, "renewable": True, "token_type": "service"}}
MOUNTS = {"data": {"path": "secret/", "type": "kv", "options": {"version": "2"}}}


def secret(value: object = SECRET) -> dict:
    return {"data": {"data": {"pw": value}, "metadata": {"version": 1}}}


def make_false_vault(folder: Path) -> FalseVault:
    """With a client of its own; it logs in and revokes, all else the test adds."""
    vault = FalseVault(folder)
    vault.answers = [("/login", plain(200, AUTH)), ("/mounts/", plain(200, MOUNTS)), ("revoke-self", plain(204, b""))]
    home = folder / "home"
    home.mkdir()
    vault.client = Client(None, home, "secret", TOKEN)
    vault.client.environment = lambda **changes: {k: v for k, v in {
        "PATH": os.environ["PATH"], "HOME": str(home), "BAO_ADDR": vault.address, "BAO_CACERT": vault.ca,
        "BAO_CLIENT_TIMEOUT": "3s", "BAO_MAX_RETRIES": "0", "ARVADOS_API_TOKEN": TOKEN, **sanitizer_env(home), **vault.client.env,
        **changes}.items() if v is not None}
    return vault


def revoked(false_vault) -> list[bytes]:
    """The tokens that were revoked, in order."""
    return [re.search(rb"x-vault-token: (\S+)", request, re.IGNORECASE)[1] for request in false_vault.seen
            if b"/revoke-self " in request]


def in_turn(*answers: bytes) -> Callable[[], bytes]:
    """Each once, the last for ever."""
    left = list(answers)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def logged_in(token: str, ttl_s: int = 900) -> bytes:
    return plain(200, {"auth": {**AUTH["auth"], "client_token": token, "lease_duration": ttl_s}})


def asked(false_vault, words: str) -> int:
    return sum(words.encode() in request.split(b"\r\n")[0] for request in false_vault.seen)


def closed_pipe() -> int:
    """The end to write to of a pipe that nobody reads."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    return write_end
