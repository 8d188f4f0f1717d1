"""One OpenBao server for the whole run, one fresh Arvados and one fresh mount for each test."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite.hermetic import shut_out_user  # noqa: E402
from suite.marks import pytest_collection_modifyitems  # noqa: E402, F401

shut_out_user()

from host import OpenBao, new_name  # noqa: E402
from processes import sanitizer_reports, wait_until  # noqa: E402
from simulator import Simulator  # noqa: E402


# Who starts a run in the background, or by nohup, has these ignored, and so would have all that is started here.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def plugin_path() -> Path:
    return Path(os.environ["VPA_BUILD"]) / "bin" / "vault-plugin-auth-arvados"


def sanitizer_env(directory: Path) -> dict[str, str]:
    """Reports of a sanitized plugin go to files, where the end of the run looks for them."""
    return {"ASAN_OPTIONS": f"log_path={directory}/sanitizer:detect_leaks=1:abort_on_error=0",
            "UBSAN_OPTIONS": f"log_path={directory}/sanitizer:print_stacktrace=1",
            # The distribution's gRPC is not instrumented: its own locks are unknown to the checker.
            "TSAN_OPTIONS": f"log_path={directory}/sanitizer:ignore_noninstrumented_modules=1"}


def start_server(directory: Path, **options) -> OpenBao:
    env = {**sanitizer_env(directory), **options.pop("env", {})}
    server = OpenBao(directory, plugin_path(), env=env, **options)
    try:
        return server.start().initialise()
    except BaseException:
        server.stop()
        raise


def stop_server(server: OpenBao) -> None:
    server.stop()
    reports = sanitizer_reports(server.dir)
    assert not reports, "\n".join(reports)


@pytest.fixture(scope="session")
def bao(tmp_path_factory) -> OpenBao:
    server = start_server(tmp_path_factory.mktemp("bao") / "server")
    server.register()
    # Keeps the plugin's process alive between the tests' mounts.
    assert server.enable("keeper").status_code == 204
    yield server
    stop_server(server)


@pytest.fixture
def own_bao(tmp_path) -> OpenBao:
    """A server of the test's own: it may be sealed, killed, or have its plugin killed."""
    server = start_server(tmp_path / "server")
    server.register()
    yield server
    stop_server(server)


@pytest.fixture
def sim() -> Simulator:
    with Simulator() as simulator:
        yield simulator


@dataclass
class Mount:
    """One mount of the plugin and the Arvados it asks."""

    bao: OpenBao
    sim: Simulator
    path: str

    def settings(self, **changes) -> dict:
        """A complete, good config; a change to None leaves the field out."""
        fields = {
            "arvados_api_host": self.sim.host,
            "arvados_ca_cert": Path(self.sim.ca_pem).read_text(),
            "service_token": self.sim.admin_token,
            "allowed_policy_prefixes": ["arvados-"],
            "request_timeout": "5s",
            "cache_ttl": 0,
            **changes,
        }
        return {key: value for key, value in fields.items() if value is not None}

    def write_config(self, **fields) -> requests.Response:
        return self.bao.call("POST", f"auth/{self.path}/config", fields)

    def configure(self, **changes) -> None:
        answer = self.write_config(**self.settings(**changes))
        assert answer.status_code in (200, 204), answer.text

    def read_config(self) -> dict:
        answer = self.bao.call("GET", f"auth/{self.path}/config")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def login(self, token: str | None, **fields) -> requests.Response:
        body = {**fields, **({} if token is None else {"token": token})}
        return self.bao.call("POST", f"auth/{self.path}/login", body, token="")

    def logged_in(self, token: str) -> dict:
        answer = self.login(token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def renew(self, vault_token: str, **fields) -> requests.Response:
        return self.bao.call("POST", "auth/token/renew-self", fields, token=vault_token)

    def reason(self, answer: requests.Response) -> str:
        """The reason that the server's log gives for a refused login."""
        text = answer.json()["errors"][0]
        request_id = text.rsplit("request_id=", 1)[1].rstrip(")")

        def lines() -> list[str]:
            return [line for line in self.bao.log().splitlines() if request_id in line and "reason=" in line]

        # The host reads the plugin's log beside its answers.
        wait_until(lines, f"a log line about {text}")
        (line,) = lines()
        return line.split("reason=")[1].split()[0]


def make_mount(server: OpenBao, sim: Simulator) -> Mount:
    path = new_name("arvados")
    answer = server.enable(path)
    assert answer.status_code == 204, answer.text
    return Mount(server, sim, path)


@pytest.fixture
def bare_mount(bao, sim) -> Mount:
    """Enabled, not configured."""
    mount = make_mount(bao, sim)
    yield mount
    bao.disable(mount.path)


@pytest.fixture
def mount(bare_mount) -> Mount:
    """Enabled and configured."""
    bare_mount.configure()
    return bare_mount


@pytest.fixture
def granted(mount):
    """A mount whose user `active` was granted arvados-read, and his running container."""
    mount.sim.grant("arvados-read", mount.sim.user("active"))
    return mount, mount.sim.run_container("active")


@pytest.fixture
def false_vault(tmp_path):
    """See false_vault.py."""
    from false_vault import make_false_vault  # it needs what stands above

    vault = make_false_vault(tmp_path)
    yield vault
    vault.close()
    reports = sanitizer_reports(vault.client.home)
    assert not reports, "\n".join(reports)


@pytest.fixture
def memory():
    """A folder in memory."""
    folder = Path(f"/dev/shm/arv-vault-test-{os.getpid()}-{time.monotonic_ns()}")
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def client(granted, tmp_path):
    """arv-vault in a running container whose user may read a KV v2 mount's open/ and write its mine/."""
    from client import make_client  # it needs what stands above

    mount, container = granted
    home = tmp_path / "home"
    home.mkdir()
    made = make_client(mount, home, container)
    made.container = container
    yield made
    mount.bao.call("DELETE", f"sys/mounts/{made.kv}")
    reports = sanitizer_reports(home)
    assert not reports, "\n".join(reports)
