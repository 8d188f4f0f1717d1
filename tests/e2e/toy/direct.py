"""The plugin without a server: this side plays the host, down to the bytes.

Starts the plugin with the environment a host gives it, reads the handshake line and speaks just enough HTTP/2 to call a
method. So a test can do what no host does: another certificate, none, broken messages, an odd environment.
"""

import base64
import datetime
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

COOKIE = {"VAULT_BACKEND_PLUGIN": "6669da05-b1c8-4f49-97d9-c8e5bed98e20"}


class Identity:
    """A key and a certificate like a host's: P-521, localhost, a CA of its own unless `issuer` signs it."""

    def __init__(self, folder, name, issuer=None):
        self.key = ec.generate_private_key(ec.SECP521R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost"),
                             x509.NameAttribute(NameOID.ORGANIZATION_NAME, "HashiCorp")])
        now = datetime.datetime.now(datetime.timezone.utc)
        self.cert = (
            x509.CertificateBuilder()
            .subject_name(subject).issuer_name(issuer.cert.subject if issuer else subject)
            .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                           False)
            .sign(issuer.key if issuer else self.key, hashes.SHA512()))
        self.pem = self.cert.public_bytes(serialization.Encoding.PEM).decode()
        self.path = folder / f"{name}.pem"
        self.path.write_text(
            self.pem + (issuer.pem if issuer else "") + self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()).decode())


class Plugin:
    """A plugin process under a host's environment."""

    def __init__(self, binary, folder, host, env=None, args=()):
        self.host = host
        self.tmp = folder / "tmp"
        self.tmp.mkdir(exist_ok=True)
        full = dict(COOKIE, PLUGIN_PROTOCOL_VERSIONS="5", PLUGIN_MIN_PORT="10000", PLUGIN_MAX_PORT="25000",
                    PLUGIN_CLIENT_CERT=host.pem if host else "", BAO_VERSION="2.7.2", TMPDIR=str(self.tmp),
                    PATH=os.environ["PATH"])
        full.update(env or {})
        full = {name: value for name, value in full.items() if value is not None}
        self.process = subprocess.Popen([binary, *args], env=full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.line = None

    def handshake(self, seconds=10):
        """The fields of the line; None when the plugin ended instead."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        assert ready, "no handshake line"
        line = self.process.stdout.readline().decode()
        self.line = line
        return line.rstrip("\n").split("|") if line else None

    @property
    def socket_path(self):
        return self.line.split("|")[3]

    def certificate(self):
        text = self.line.rstrip("\n").split("|")[5]
        return x509.load_der_x509_certificate(base64.b64decode(text + "=" * (-len(text) % 4)))

    def connect(self, identity):
        """A TLS connection with that identity, or without any."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        if identity:
            context.load_cert_chain(identity.path)
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(5)
        raw.connect(self.socket_path)
        try:
            return Http2(context.wrap_socket(raw, server_hostname="localhost"))
        except (ssl.SSLError, ConnectionError) as error:
            raise Refused(str(error)) from error

    def end(self):
        """Exit status and stderr after a SIGTERM, or after it ended by itself."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            _, stderr = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, stderr.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Refused(Exception):
    """The connection was closed on us."""


class Reply:
    def __init__(self, message, headers):
        self.message = message  # None: no message
        self.headers = headers  # raw header blocks; gRPC core writes them without Huffman coding


class Http2:
    DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7

    def __init__(self, connection):
        self.connection = connection
        self.stream = -1
        self.inbox = b""
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS, 0, 0, b""))

    def send(self, data):
        try:
            self.connection.sendall(data)
        except (ssl.SSLError, ConnectionError) as error:
            raise Refused(str(error)) from error

    @staticmethod
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    @staticmethod
    def headers(path, metadata):
        fields = {":method": "POST", ":scheme": "https", ":path": path, ":authority": "localhost",
                  "content-type": "application/grpc", "te": "trailers", **metadata}
        return b"".join(b"\x00" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode()
                        for k, v in fields.items())

    def start(self, path, message=b"", metadata=None):
        self.stream += 2
        body = b"\x00" + struct.pack(">I", len(message)) + message
        self.send(self.frame(self.HEADERS, 4, self.stream, self.headers(path, metadata or {})) +
                                self.frame(self.DATA, 1, self.stream, body))
        return self.stream

    def call(self, path, message=b"", metadata=None):
        stream = self.start(path, message, metadata)
        data = headers = b""
        while True:
            kind, flags, number, payload = self.read_frame()
            # Without an error, and behind our stream: only that no new one is wanted.
            graceful = payload[4:8] == bytes(4) and int.from_bytes(payload[:4], "big") >= stream
            if (kind == self.GOAWAY and not graceful) or (kind == self.RST_STREAM and number == stream):
                raise Refused(payload)
            if kind == self.SETTINGS and not flags & 1:
                self.send(self.frame(self.SETTINGS, 1, 0, b""))
            if kind == self.PING and not flags & 1:
                self.send(self.frame(self.PING, 1, 0, payload))
            if number != stream:
                continue
            if kind == self.DATA:
                data += payload
            if kind == self.HEADERS:
                headers += payload
            if flags & 1:
                return Reply(data[5:] if len(data) >= 5 else None, headers)

    def cancel(self, stream):
        self.send(self.frame(self.RST_STREAM, 0, stream, struct.pack(">I", 8)))

    def read(self, n):
        while len(self.inbox) < n:
            try:
                got = self.connection.recv(65536)
            except (ssl.SSLError, ConnectionError) as error:
                raise Refused(str(error)) from error
            if not got:
                raise Refused("closed")
            self.inbox += got
        got, self.inbox = self.inbox[:n], self.inbox[n:]
        return got

    def read_frame(self):
        head = self.read(9)
        length = int.from_bytes(head[:3], "big")
        return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, self.read(length)


def field(number, value):
    """One protobuf field: bytes and text by length, numbers as varint."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def wait_gone(pid, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False
