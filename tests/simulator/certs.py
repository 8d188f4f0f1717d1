"""Certificates for the simulator's TLS port: good ones and bad ones."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import Callable

import trustme

_NAMES = ("localhost", "127.0.0.1", "::1")


def _ago(days: int) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)


def _normal(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(*_NAMES)


def _expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(*_NAMES, not_before=_ago(30), not_after=_ago(1))


def _wrong_name(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("somewhere-else.example.com")


# `self-signed` needs no authority; see _load_self_signed.
_ISSUE: dict[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    "normal": _normal,
    "expired": _expired,
    "wrong-name": _wrong_name,
}

PROFILES = (*_ISSUE, "self-signed")


class Certificates:
    """One authority, whose certificate the clients get, and server contexts made from it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = trustme.CA()
        self.ca_pem = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_pem))

    def context(self, profile: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if profile == "self-signed":
            self._load_self_signed(context)
        else:
            _ISSUE[profile](self._authority).configure_cert(context)
        return context

    def _load_self_signed(self, context: ssl.SSLContext) -> None:
        """An authority that nobody was told about, serving its own certificate."""
        stranger = trustme.CA()
        path = self._directory / "self-signed.pem"
        path.touch(mode=0o600)
        path.write_bytes(stranger.private_key_pem.bytes() + stranger.cert_pem.bytes())
        context.load_cert_chain(path)
