"""The transport: TLS, HTTP/1.1 with keep-alive, a thread per connection."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from typing import Callable

from .faults import Action, CutConnection, Faults, head_of
from .messages import Reply, Request
from .requestlog import RequestLog

_HANDSHAKE_SECONDS = 30.0
_MAX_HEAD = 256 * 1024
_MAX_BODY = 128 << 20
_GOODBYE_SECONDS = 1.0


class BadRequest(Exception):
    pass


class Connection:
    """One client connection, and the Wire that fault actions work on."""

    def __init__(self, server: "Server", sock: socket.socket, number: int) -> None:
        self._server = server
        self._sock = sock
        self._number = number
        self._buffer = b""

    # -- wire ----------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def stopping(self) -> bool:
        return self._server.stopping.is_set()

    def wait(self, seconds: float) -> None:
        self._server.stopping.wait(seconds)

    def hang(self) -> None:
        self._server.faults.wait_released(self.stopping)

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _say_goodbye(self) -> None:
        """TLS close_notify, without which a body that ends with the connection looks cut."""
        self._sock.settimeout(_GOODBYE_SECONDS)
        if isinstance(self._sock, ssl.SSLSocket):
            self._sock = self._sock.unwrap()

    def close(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._sock.close()

    # -- reading ---------------------------------------------------------------

    def _fill(self) -> None:
        data = self._sock.recv(65536)
        if not data:
            raise ConnectionError("closed by the client")
        self._buffer += data

    def _read_until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if len(self._buffer) > _MAX_HEAD:
                raise BadRequest("head too long")
            self._fill()
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _read_exactly(self, size: int) -> bytes:
        if size > _MAX_BODY:
            raise BadRequest("body too long")
        while len(self._buffer) < size:
            self._fill()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _read_request(self) -> Request:
        lines = self._read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        arrived = time.time()
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise BadRequest(lines[0])
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise BadRequest(line)
            headers.append((name, value.strip()))
        request = Request(parts[0], parts[1], headers, b"", self._number, arrived)
        if (request.header("Expect") or "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.body = self._read_body(request)
        return request

    def _read_body(self, request: Request) -> bytes:
        if (request.header("Transfer-Encoding") or "").lower() == "chunked":
            return self._read_chunks()
        length = request.header("Content-Length") or "0"
        if not length.isdigit():
            raise BadRequest(f"Content-Length {length}")
        return self._read_exactly(int(length))

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            size = int(self._read_until(b"\r\n").split(b";")[0], 16)
            body += self._read_exactly(size)
            self._read_exactly(2)
            if size == 0:
                return body

    # -- serving ---------------------------------------------------------------

    def serve(self, context: ssl.SSLContext) -> None:
        try:
            self._handshake(context)
            while not self.stopping() and self._serve_one():
                pass
            self._say_goodbye()
        except BadRequest:
            self._try_send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        except (CutConnection, OSError, ValueError):
            pass
        finally:
            self.close()

    def _try_send(self, data: bytes) -> None:
        try:
            self.send(data)
        except OSError:
            pass

    def _handshake(self, context: ssl.SSLContext) -> None:
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.settimeout(_HANDSHAKE_SECONDS)
        try:
            self._sock = context.wrap_socket(self._sock, server_side=True)
        except OSError:
            self._server.log.handshake_failed()
            raise
        self._sock.settimeout(None)

    def _serve_one(self) -> bool:
        request = self._read_request()
        entry = self._server.log.begin(request)
        status = 0
        try:
            action = self._server.faults.pick(request)
            entry.fault = action.name if action else None
            reply = self._reply_to(request, action)
            self._server.log.answered(entry, reply.status)
            self._send_reply(reply, action)
            status = reply.status
        finally:
            self._server.log.end(entry, status)
        return "close" not in [(side.header("Connection") or "").lower() for side in (request, reply)]

    def _reply_to(self, request: Request, action: Action | None) -> Reply:
        if action is None:
            return self._server.handle(request)
        if action.mark:
            action.mark(request)
        if action.before:
            action.before(self)
        reply = action.replace(request) if action.replace else self._server.handle(request)
        return action.change(reply) if action.change else reply

    def _send_reply(self, reply: Reply, action: Action | None) -> None:
        if action is not None and action.send:
            action.send(self, reply)
        else:
            self.send(_encode(reply))


def _encode(reply: Reply) -> bytes:
    if reply.status == 204:
        return head_of(reply, [])
    if reply.chunked and not reply.head:
        body = f"{len(reply.body):x}\r\n".encode() + reply.body + b"\r\n0\r\n\r\n"
        return head_of(reply, [("Transfer-Encoding", "chunked")]) + body
    head = head_of(reply, [("Content-Length", str(len(reply.body)))])
    return head if reply.head else head + reply.body


class Server:
    def __init__(self, handle: Callable[[Request], Reply], log: RequestLog, faults: Faults) -> None:
        self.handle = handle
        self.log = log
        self.faults = faults
        self.stopping = threading.Event()
        self.port = 0
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._open: dict[Connection, threading.Thread] = {}

    def start(self, context: ssl.SSLContext, port: int) -> None:
        self.stopping.clear()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
        self._listener = listener
        self.port = listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, args=(listener, context), daemon=True, name="simulator")
        self._acceptor.start()

    def _accept(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            connection = Connection(self, sock, self.log.opened())
            thread = threading.Thread(target=self._run, args=(connection, context), daemon=True)
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _run(self, connection: Connection, context: ssl.SSLContext) -> None:
        try:
            connection.serve(context)
        finally:
            with self._lock:
                self._open.pop(connection, None)

    def stop(self) -> None:
        """Closes the port and every connection; requests that hang are let go."""
        if self._listener is None:
            return
        self.stopping.set()
        try:
            # Wakes accept(), which close() alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        # Before its file descriptor is free: about to accept, the thread would take a connection of the next server.
        self._acceptor.join()
        self._listener.close()
        self._listener = None
        self.drop_connections()

    def drop_connections(self) -> None:
        """Closes every connection now open; the port stays."""
        with self._lock:
            running = list(self._open.items())
        for connection, _ in running:
            connection.close()
        for _, thread in running:
            if thread is not threading.current_thread():
                thread.join(timeout=5.0)
