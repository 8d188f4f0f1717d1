"""A real OpenBao server over TLS for one test module: started, initialised, unsealed, watched, stopped."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import hvac
import requests
import trustme

from processes import free_port, plugin_pids, process_exists, wait_until
from suite.server import audit_request, audit_stanza, server_path

PLUGIN = "vault-plugin-auth-arvados"

CONFIG = """
storage "{storage}" {{ {storage_options} }}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_cert_file = "{dir}/server.pem"
  tls_key_file = "{dir}/server.key"
}}
{audit}api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
plugin_directory = "{dir}/plugins"
log_level = "debug"
disable_mlock = true
"""


def bao_path() -> str:
    return server_path()


class OpenBao:
    def __init__(self, directory: Path, plugin: Path, storage: str = "inmem", env: dict[str, str] | None = None,
                 audit: Path | None = None, authority: trustme.CA | None = None, preexec=None):
        self.dir = directory
        self.audit_file = audit or directory / "audit.log"
        self.storage = storage
        self.extra_env = env or {}
        self.preexec = preexec  # run in the server's process before it is one
        self.port = free_port()
        self.address = f"https://127.0.0.1:{self.port}"
        self.root_token = ""
        self.unseal_key = ""
        self.process: subprocess.Popen | None = None
        self._sessions: list[requests.Session] = []
        (self.dir / "plugins").mkdir(parents=True)
        (self.dir / "data").mkdir()
        (self.dir / "tmp").mkdir()
        self.plugin = self.dir / "plugins" / PLUGIN
        shutil.copy(plugin, self.plugin)
        self._write_tls(authority or trustme.CA())
        raft = f'path = "{self.dir}/data"\n node_id = "{self.dir.name}"\n performance_multiplier = 1'
        (self.dir / "bao.hcl").write_text(CONFIG.format(
            dir=self.dir, port=self.port, cluster_port=free_port(), storage=storage, audit=audit_stanza("to-file", self.audit_file),
            storage_options=raft if storage == "raft" else ""))

    def _write_tls(self, authority: trustme.CA) -> None:
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(str(self.dir / "ca.pem"))
        certificate.private_key_pem.write_to_path(str(self.dir / "server.key"))
        (self.dir / "server.pem").write_bytes(b"".join(p.bytes() for p in certificate.cert_chain_pems))

    # -- life ------------------------------------------------------------------

    @property
    def ca(self) -> str:
        return str(self.dir / "ca.pem")

    def start(self) -> "OpenBao":
        env = {**os.environ, "TMPDIR": str(self.dir / "tmp"), **self.extra_env}
        with open(self.dir / "server.log", "ab") as log:
            self.process = subprocess.Popen([bao_path(), "server", f"-config={self.dir}/bao.hcl"], stdout=log,
                                            stderr=log, env=env, start_new_session=True, preexec_fn=self.preexec)
        wait_until(self._answers, "OpenBao to listen")
        return self

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"OpenBao ended:\n{self.log()[-3000:]}")
        try:
            self.client("").sys.is_initialized()
            return True
        except requests.exceptions.ConnectionError:
            return False

    def initialise(self) -> "OpenBao":
        answer = self.client("").sys.initialize(secret_shares=1, secret_threshold=1)
        self.root_token = answer["root_token"]
        self.unseal_key = answer["keys"][0]
        self.unseal()
        body = audit_request(self.audit_file)
        if body:
            assert self.call("PUT", "sys/audit/to-file", body).status_code == 204
        return self

    def join(self, leader: "OpenBao") -> "OpenBao":
        """Becomes a standby of a running raft server."""
        answer = self.call("POST", "sys/storage/raft/join", {
            "leader_api_addr": leader.address, "leader_ca_cert": Path(leader.ca).read_text()}, token="")
        assert answer.status_code == 200, answer.text
        self.root_token, self.unseal_key = leader.root_token, leader.unseal_key

        def unsealed() -> bool:  # a joining node takes its key only once it has heard of the others
            self.call("POST", "sys/unseal", {"key": self.unseal_key}, token="")
            return self.call("GET", "sys/health?standbyok=true", token="").status_code == 200

        wait_until(unsealed, "the standby to be there", step=0.2)
        return self

    def unseal(self) -> "OpenBao":
        self.client("").sys.submit_unseal_key(self.unseal_key)
        wait_until(lambda: self.call("GET", "sys/health", token="").status_code == 200, "OpenBao to be active")
        return self

    def stop(self) -> None:
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("OpenBao did not stop on SIGTERM") from None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    # -- talking to it ---------------------------------------------------------------

    def client(self, token: str | None = None, **options) -> hvac.Client:
        session = requests.Session()
        session.verify = self.ca
        # The environment's proxies and token files are none of this test's business.
        session.trust_env = False
        self._sessions.append(session)
        return hvac.Client(url=self.address, token=self.root_token if token is None else token, verify=self.ca,
                           session=session, **options)

    def call(self, method: str, path: str, body: object = None, token: str | None = None, timeout: float = 120,
             raw: bytes | None = None) -> requests.Response:
        """One request as it is: status and body are the test's to judge."""
        headers = {"X-Vault-Token": self.root_token if token is None else token}
        data = raw if raw is not None else None if body is None else json.dumps(body)
        return requests.request(method, f"{self.address}/v1/{path}", data=data, headers=headers, verify=self.ca,
                                timeout=timeout)

    def cli(self, *arguments: str, stdin: str | None = None, token: str | None = None) -> subprocess.CompletedProcess:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "BAO_ADDR": self.address, "BAO_CACERT": self.ca,
               "BAO_TOKEN": self.root_token if token is None else token}
        return subprocess.run([bao_path(), *arguments], input=stdin, capture_output=True, text=True, env=env,
                              timeout=120, check=False)

    def register(self, name: str = "arvados", version: str = "") -> str:
        sha = hashlib.sha256(self.plugin.read_bytes()).hexdigest()
        body = {"sha256": sha, "command": PLUGIN, "version": version}
        answer = self.call("POST", f"sys/plugins/catalog/auth/{name}", body)
        assert answer.status_code == 204, answer.text
        return sha

    def enable(self, path: str, name: str = "arvados") -> requests.Response:
        return self.call("POST", f"sys/auth/{path}", {"type": name})

    def disable(self, path: str) -> None:
        self.call("DELETE", f"sys/auth/{path}")

    # -- looking at it ---------------------------------------------------------------

    def log(self) -> str:
        return (self.dir / "server.log").read_text(errors="replace")

    def audit(self) -> str:
        return self.audit_file.read_text(errors="replace")

    def plugin_pids(self) -> list[int]:
        return plugin_pids(self.plugin)

    def kill_plugin(self) -> None:
        def kill_the_one() -> int:
            # A process that the host has just told to stop (it starts one for each registration) may still be leaving.
            pids = self.plugin_pids()
            try:
                if len(pids) == 1:
                    os.kill(pids[0], signal.SIGKILL)
                    return pids[0]
            except ProcessLookupError:
                pass
            return 0

        pid = wait_until(kill_the_one, "one plugin process to kill")
        wait_until(lambda: not process_exists(pid), "the plugin to be gone")


def new_name(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(4)}"
