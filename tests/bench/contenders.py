"""Who is compared: the plugin, the Go peer that users would otherwise take, and as the floor a method without a plugin."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from processes import plugin_pids

POLICY = "arvados-read"
KINDS = ("batch", "service")


@dataclass
class Contender:
    """A method under one name; logs in at `role`s named like the kinds of token."""

    bao: object
    name: str
    binary: Path | None = None  # None: part of the host
    path: str = ""
    bodies: dict[str, dict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path = f"bench-{self.name}"
        # One connection for all: a TLS handshake with the host is nothing that a plugin could do better.
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.bao.ca

    def ask(self, method: str, path: str, body: dict | None, token: str) -> requests.Response:
        return self.session.request(method, f"{self.bao.address}/v1/{path}", json=body, headers={"X-Vault-Token": token}, timeout=120)

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        answer = self.ask(method, path, body, self.bao.root_token)
        assert answer.status_code in (200, 204), f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    # -- in the catalog and mounted ------------------------------------------------

    @property
    def installed(self) -> Path:
        return self.bao.dir / "plugins" / self.name

    def register(self) -> None:
        if self.binary is None:
            return
        shutil.copy(self.binary, self.installed)
        os.sync()  # pages of a file that is not on the disk yet would count as dirty memory of whoever maps them
        sha = hashlib.sha256(self.installed.read_bytes()).hexdigest()
        self.call("POST", f"sys/plugins/catalog/auth/{self.name}", {"sha256": sha, "command": self.name})

    def enable(self) -> None:
        self.call("POST", f"sys/auth/{self.path}", {"type": self.name})

    def disable(self) -> None:
        self.call("DELETE", f"sys/auth/{self.path}")

    def set_up(self) -> None:
        raise NotImplementedError

    def can_log_in(self) -> bool:
        return self.ask("POST", f"auth/{self.path}/login", self.bodies["batch"], "").status_code == 200

    def login(self, kind: str = "batch") -> None:
        answer = self.ask("POST", f"auth/{self.path}/login", self.bodies[kind], "")
        assert answer.status_code == 200, answer.text
        assert POLICY in answer.json()["auth"]["token_policies"], answer.text

    def pid(self) -> int:
        (pid,) = plugin_pids(self.installed)
        return pid


class Arvados(Contender):
    def __init__(self, bao, binary: Path, api, token: str, service_token: str, name: str = "arvados", **config):
        super().__init__(bao, name, binary)
        self.api, self.config = api, {"service_token": service_token, "allowed_policy_prefixes": ["arvados-"], **config}
        self.bodies = {kind: {"role": kind, "token": token} for kind in KINDS}

    def configure(self, **more) -> None:
        self.call("POST", f"auth/{self.path}/config", {"arvados_api_host": self.api.host, "arvados_ca_cert": self.api.ca, **self.config, **more})

    def set_up(self) -> None:
        self.configure()
        for kind in KINDS:
            self.call("POST", f"auth/{self.path}/role/{kind}", {"token_type": kind})


class Kubernetes(Contender):
    def __init__(self, bao, binary: Path, api, uid: str):
        super().__init__(bao, "kubernetes-peer", binary)
        self.api = api
        self.bodies = {kind: {"role": kind, "jwt": service_account_token(uid)} for kind in KINDS}

    def configure(self, **more) -> None:
        self.call("POST", f"auth/{self.path}/config", {"kubernetes_host": f"https://{self.api.host}", "kubernetes_ca_cert": self.api.ca,
                                                       "token_reviewer_jwt": "a.b.c", "disable_local_ca_jwt": True, **more})

    def set_up(self) -> None:
        self.configure()
        for kind in KINDS:
            self.call("POST", f"auth/{self.path}/role/{kind}",
                      {"bound_service_account_names": "job", "bound_service_account_namespaces": "science", "token_type": kind,
                       "token_policies": [POLICY], "token_ttl": "15m"})


class AppRole(Contender):
    def __init__(self, bao):
        super().__init__(bao, "approle")

    def set_up(self) -> None:
        for kind in KINDS:
            at = f"auth/{self.path}/role/{kind}"
            self.call("POST", at, {"token_type": kind, "token_policies": [POLICY], "token_ttl": "15m"})
            self.bodies[kind] = {"role_id": self.call("GET", f"{at}/role-id")["data"]["role_id"],
                                 "secret_id": self.call("POST", f"{at}/secret-id")["data"]["secret_id"]}


def service_account_token(uid: str) -> str:
    """As Kubernetes makes them. Signed by nobody's key: without keys in its config the peer asks the API instead."""
    now = int(time.time())
    claims = {"aud": ["https://kubernetes.default.svc"], "exp": now + 86400, "iat": now, "nbf": now, "iss": "https://kubernetes.default.svc",
              "kubernetes.io": {"namespace": "science", "serviceaccount": {"name": "job", "uid": uid},
                                "pod": {"name": "job-1", "uid": str(uuid.uuid4())}}, "sub": "system:serviceaccount:science:job"}

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = f"{part(json.dumps({'alg': 'ES256', 'kid': 'bench'}).encode())}.{part(json.dumps(claims).encode())}"
    r, s = utils.decode_dss_signature(ec.generate_private_key(ec.SECP256R1()).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
