"""A real OpenBao server with one plugin in its catalog, started and stopped by a test.

    with Bao(plugin, folder) as bao:
        bao.register(); bao.enable("toy")
        bao.write("auth/toy/echo", text="x")

Storage is in memory, or raft where a restart is to keep it; the server's log is kept as text, plugin processes are
found through /proc.
Needs nothing but the `bao` binary; requests are plain HTTP.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

from processes import free_port, plugin_pids, sanitizer_reports, wait_until
from suite.server import audit_request, audit_stanza, server_path


class Answer:
    """Status and body of one request."""

    def __init__(self, status, body):
        self.status = status
        self.body = body

    @property
    def data(self):
        return self.body.get("data") or {}

    @property
    def errors(self):
        return " ".join(self.body.get("errors") or [])

    def __repr__(self):
        return f"<{self.status} {self.body}>"


def wait_for(what, seconds=10, step=0.02):
    return wait_until(what, seconds=seconds, step=step)


class Bao:
    """One server. `plugin` is copied into a folder of its own, so that its processes are told apart."""

    def __init__(self, plugin, folder, storage="inmem", env=None, name=None, audit=True):
        self.folder = pathlib.Path(folder)
        self.binary = server_path()
        self.name = name or pathlib.Path(plugin).name
        plugin_dir = self.folder / "plugins"
        plugin_dir.mkdir(parents=True, exist_ok=True)
        self.plugin = plugin_dir / self.name
        shutil.copy2(plugin, self.plugin)
        self.tmp = self.folder / "tmp"
        self.tmp.mkdir(exist_ok=True)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log_path = self.folder / "server.log"
        self.env = env or {}
        self.keys = []
        self.token = None
        self.process = None
        self.follows = False
        self._write_config(storage, audit)

    def _write_config(self, storage, audit):
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        raft = f'path = "{data}"\n node_id = "{self.folder.name}"\n performance_multiplier = 1'
        inner = f"127.0.0.1:{free_port()}"  # where nodes talk to each other; by default the port after the listener's
        cluster = f'cluster_addr = "https://{inner}"\n'
        self.audit_path = self.folder / "audit.log"
        self.config = self.folder / "server.hcl"
        self.config.write_text(
            f'storage "{storage}" {{ {raft if storage == "raft" else ""} }}\n'
            f'{cluster if storage == "raft" else ""}'
            f'listener "tcp" {{ address = "127.0.0.1:{self.port}"\n cluster_address = "{inner}"\n'
            f' tls_disable = true }}\n'
            f'plugin_directory = "{self.plugin.parent}"\n'
            f'api_addr = "{self.address}"\n'
            f'disable_mlock = true\n'
        )
        self.has_audit = audit
        if audit:  # on raft the path would have to be the same on every node
            with open(self.config, "a", encoding="ascii") as config:
                config.write(audit_stanza("file", self.audit_path))

    # ---- life ----

    def start(self, leader=None):
        """`leader`: a running raft server to join as a standby."""
        env = {**os.environ, "TMPDIR": str(self.tmp), "ASAN_OPTIONS": f"log_path={self.folder}/sanitizer",
               "UBSAN_OPTIONS": f"log_path={self.folder}/sanitizer", **self.env}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "server", f"-config={self.config}", "-log-level=trace"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, start_new_session=True)
        wait_for(self._answers, 30)
        self.follows = leader is not None
        if leader:
            assert self.request("POST", "sys/storage/raft/join", {"leader_api_addr": leader.address}).status == 200
            self.keys, self.token = leader.keys, leader.token
        elif not self.keys:
            answer = self.request("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self.keys = answer.body["keys_base64"]
            self.token = answer.body["root_token"]
        self.unseal()
        body = audit_request(self.audit_path)
        if body and self.has_audit and leader is None:
            assert self.request("PUT", "sys/audit/file", body).status == 204
        return self

    def _answers(self):
        assert self.process.poll() is None, self.log()[-4000:]
        with contextlib.suppress(OSError):
            return self.request("GET", "sys/seal-status").status == 200

    def unseal(self):
        def unsealed():  # a joining node takes its key only once it has heard of the others
            for key in self.keys:
                self.request("POST", "sys/unseal", {"key": key})
            # alone it is to be active, not only on its way there: a node without a leader redirects to nobody
            return self.request("GET", "sys/health" + ("?standbyok=true" if self.follows else "")).status == 200

        wait_for(unsealed, 30, step=0.2)
        wait_for(lambda: self.request("GET", "sys/auth").status == 200, 30)

    def seal(self):
        assert self.request("POST", "sys/seal").status == 204

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.plugin_pids():  # only of this server: the file is its own copy
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reports = sanitizer_reports(pathlib.Path(self.folder))
        assert not reports, "\n".join(reports)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # ---- requests ----

    def request(self, method, path, body=None, token=None, raw=None, timeout=60):
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"X-Vault-Request": "true", "Content-Type": kind}
        token = self.token if token is None else token
        if token:
            headers["X-Vault-Token"] = token
        request = urllib.request.Request(f"{self.address}/v1/{path}", data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Answer(answer.status, json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                return Answer(error.code, json.loads(text or b"{}"))
            except ValueError:
                return Answer(error.code, {"errors": [text.decode(errors="replace")]})

    def read(self, path, **options):
        return self.request("GET", path, **options)

    def write(self, path, **fields):
        return self.request("POST", path, fields)

    def delete(self, path):
        return self.request("DELETE", path)

    def list(self, path):
        return self.request("LIST", path)

    def login(self, mount, **fields):
        return self.request("POST", f"auth/{mount}/login", fields, token="")

    # ---- the plugin ----

    def register(self):
        digest = hashlib.sha256(self.plugin.read_bytes()).hexdigest()
        answer = self.request("POST", f"sys/plugins/catalog/auth/{self.name}",
                              {"sha256": digest, "command": self.plugin.name})
        assert answer.status in (200, 204), (answer, self.log()[-4000:])
        return self

    def enable(self, mount):
        answer = self.request("POST", f"sys/auth/{mount}", {"type": self.name})
        assert answer.status == 204, (answer, self.log()[-4000:])
        return self

    def disable(self, mount):
        return self.request("DELETE", f"sys/auth/{mount}")

    def reload(self, **what):
        return self.request("PUT", "sys/plugins/reload/backend", what or {"plugin": self.name})

    def plugin_pids(self):
        return plugin_pids(self.plugin)

    def plugin_pid(self):
        """The one plugin process there is."""
        pids = wait_for(self.plugin_pids)
        assert len(pids) == 1, pids
        return pids[0]

    def socket_dirs(self):
        return [p for p in self.tmp.iterdir() if re.match("vpa-", p.name)]

    def log(self):
        return self.log_path.read_text(errors="replace")
