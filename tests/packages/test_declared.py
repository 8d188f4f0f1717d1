"""A server that takes the plugin by its sum: from its configuration, with the published sum, and what it refuses."""

from __future__ import annotations

import os
import shutil
import signal

import hvac
import pytest
from dist import PLUGIN, bare, page_stanza, project_version, sums

# Fixtures of the end-to-end tests, found by their names here.
from conftest import Mount, make_mount, sim, stop_server  # noqa: F401
from host import OpenBao
from processes import wait_until

VERSION = f"v{project_version()}"


@pytest.fixture
def servers(tmp_path_factory):
    """Starts servers whose configuration is changed by the caller before."""
    folder = tmp_path_factory.mktemp("bao")  # short: sockets are below it
    started: list[OpenBao] = []

    def start(change, **options) -> OpenBao:
        server = OpenBao(folder / f"server-{len(started)}", bare(PLUGIN), **options)
        started.append(server)
        config = server.dir / "bao.hcl"
        config.write_text(change(server, config.read_text()))
        return server.start().initialise()

    yield start
    for server in started:
        stop_server(server)


def declaring(published: str):
    """The page's stanza instead of the plain folder, with names and sum of the release at hand."""
    program = bare(PLUGIN)

    def change(server: OpenBao, config: str) -> str:
        plugins = server.dir / "plugins"
        server.plugin.unlink()
        server.plugin = plugins / program.name
        shutil.copy(program, server.plugin)
        stanza = page_stanza("command ").replace("/opt/openbao/plugins", str(plugins)).replace(f"{PLUGIN}_0.1.0_linux_amd64", program.name)
        stanza = stanza.replace('"v0.1.0"', f'"{VERSION}"')
        (example,) = (line.split('"')[1] for line in stanza.splitlines() if "sha256sum" in line)
        kept = [line for line in config.splitlines() if not line.startswith("plugin_directory")]
        return "\n".join([*kept, stanza.replace(example, published)])

    return change


def declared(server: OpenBao) -> dict:
    """What the catalog has once the server has read its configuration."""
    def found():
        answer = server.call("GET", f"sys/plugins/catalog/auth/arvados?version={VERSION}")
        return answer.json()["data"] if answer.status_code == 200 else None

    return wait_until(found, "the declared plugin in the catalog")


def login(mount: Mount) -> list[str]:
    mount.sim.grant("arvados-read", mount.sim.user("active"))
    return mount.logged_in(mount.sim.run_container("active").token)["auth"]["token_policies"]


def test_a_server_takes_the_plugin_from_its_configuration(servers, sim):  # noqa: F811
    published = sums()[bare(PLUGIN).name]
    server = servers(declaring(published))
    entry = declared(server)
    assert (entry["sha256"], entry["command"], entry["version"]) == (published, bare(PLUGIN).name, VERSION)

    mount = make_mount(server, sim)
    mount.configure()

    assert login(mount) == ["arvados-read", "default"]


def test_while_a_newly_declared_file_is_missing_the_server_does_not_become_active(servers):
    server = servers(declaring(sums()[bare(PLUGIN).name]), storage="raft")
    declared(server)
    server.stop()
    config = server.dir / "bao.hcl"
    config.write_text(config.read_text().replace(f'"{bare(PLUGIN).name}"', '"newer"'))

    server.start()
    server.client("").sys.submit_unseal_key(server.unseal_key)
    wait_until(lambda: "failed to set up declarative plugins" in server.log(), "the server to try")
    assert server.call("GET", "sys/health", token="").status_code != 200

    shutil.copy(server.plugin, server.dir / "plugins/newer")
    wait_until(lambda: server.call("GET", "sys/health", token="").status_code == 200, "the server to be active", seconds=60)
    assert declared(server)["command"] == "newer"


def reread(server: OpenBao, config: str, said: str) -> None:
    before = len(server.log())
    (server.dir / "bao.hcl").write_text(config)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: said in server.log()[before:], said)


def test_the_configuration_rules_what_it_declared_and_nothing_else(servers):
    server = servers(declaring(sums()[bare(PLUGIN).name]))
    declared(server)
    with_it = (server.dir / "bao.hcl").read_text()
    path = f"sys/plugins/catalog/auth/arvados?version={VERSION}"

    reread(server, with_it[:with_it.index("plugin \"auth\"")], "declarative plugin registration completed")
    assert server.call("GET", path).status_code == 404

    body = {"sha256": sums()[bare(PLUGIN).name], "command": bare(PLUGIN).name, "version": VERSION}
    assert server.call("POST", "sys/plugins/catalog/auth/arvados", body).status_code == 204
    reread(server, with_it, "conflicts with existing non-declarative plugin")
    assert server.call("DELETE", path).status_code == 204
    reread(server, with_it, "declarative plugin registration completed")
    declared(server)


def test_a_wrong_sum_is_refused(servers):
    published = sums()[bare(PLUGIN).name]
    server = servers(declaring(published[:-1] + ("0" if published[-1] != "0" else "1")))
    declared(server)

    answer = server.enable("arvados")

    assert answer.status_code == 400 and "checksums did not match" in answer.text, answer.text
    assert server.plugin_pids() == []


def test_a_file_that_changed_under_its_sum_is_refused_until_it_is_registered_anew(servers, sim):  # noqa: F811
    server = servers(lambda server, config: config)
    server.register()
    mount = make_mount(server, sim)
    mount.configure()
    assert login(mount) == ["arvados-read", "default"]
    container = sim.run_container("active")

    other = server.dir / "other"
    other.write_bytes(server.plugin.read_bytes() + b"\0")  # as good a program, with another sum
    other.chmod(0o755)
    os.replace(other, server.plugin)  # as dpkg does
    mount.logged_in(container.token)  # the process that runs is not touched
    server.kill_plugin()
    refused = mount.login(container.token)
    server.register()
    answer = server.call("POST", "sys/plugins/reload/backend", {"plugin": "arvados"})

    assert refused.status_code == 500 and "checksums did not match" in refused.text, refused.text
    assert answer.status_code in (200, 202, 204), answer.text
    mount.logged_in(container.token)


def register(server: OpenBao, command: str):
    return server.call("POST", "sys/plugins/catalog/auth/linked", {"sha256": sums()[bare(PLUGIN).name], "command": command})


def test_links_out_of_the_plugin_directory_are_refused(servers, tmp_path):
    server = servers(lambda server, config: config)
    (server.dir / "plugins/inside").symlink_to(PLUGIN)
    (server.dir / "plugins/outside").symlink_to(bare(PLUGIN))
    alias = tmp_path / "alias"
    alias.symlink_to(server.dir / "plugins")

    assert register(server, "inside").status_code == 204
    assert refuses(server, "outside")

    def by_alias(server: OpenBao, config: str) -> str:
        return config.replace(f'plugin_directory = "{server.dir}/plugins"', f'plugin_directory = "{alias}"')

    assert refuses(servers(by_alias), PLUGIN)


def refuses(server: OpenBao, command: str) -> bool:
    answer = register(server, command)
    return answer.status_code >= 400 and "cannot execute files outside of configured plugin directory" in answer.text
