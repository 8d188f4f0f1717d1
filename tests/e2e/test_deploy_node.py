"""What a compute node adds to containers that ask, and that it leaves all others alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

NODE = Path(__file__).resolve().parents[2] / "deploy/node"
TOKEN = "v2/zzzzz-gj3su-077z32aux8dg2s2/it2gl94mgu3rbn5s2d06vzh73ns1y6cthct0tvg82qdlsxvbwk/zzzzz-dz642-runningcontainr"

# As dockerd 20.10 makes it for a container of crunch-run, shortened.
CONFIG = {
    "ociVersion": "1.0.2-dev",
    "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", "true"], "cwd": "/var/spool/cwl",
                "env": ["PATH=/usr/bin:/bin", "HOME=/var/spool/cwl", f"ARVADOS_API_TOKEN={TOKEN}", "ARV_VAULT_NODE=1"],
                "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024}]},
    "root": {"path": "rootfs"},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
               {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["size=67108864"]}],
    "linux": {"resources": {"memory": {"limit": 268435456}}},
}


@pytest.fixture
def node(tmp_path):
    """A node with a client and a runtime that only tells how it was called."""
    folder = tmp_path / "opt"
    folder.mkdir()
    (folder / "arv-vault").write_text("#!/bin/sh\necho client\n")
    (folder / "arv-vault").chmod(0o755)
    runtime = tmp_path / "runtime"
    runtime.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/argv\nenv > {tmp_path}/env\necho $$\nexit 9\n')
    runtime.chmod(0o755)
    bundle = tmp_path / "bundle"
    (bundle / "rootfs").mkdir(parents=True)
    (bundle / "config.json").write_text(json.dumps(CONFIG))
    (bundle / "config.json").chmod(0o640)

    class Node:
        dir, client_folder, config = tmp_path, folder, bundle / "config.json"

        def write(self, config: object) -> str:
            text = config if isinstance(config, str) else json.dumps(config)
            self.config.write_text(text)
            return text

        def call(self, *words: str, program: str = "arv-vault-oci", **env: str) -> subprocess.CompletedProcess:
            return subprocess.run([str(NODE / program), *words], capture_output=True, text=True, check=False, timeout=60,
                                  env={"ARV_VAULT_RUNTIME": str(runtime), "ARV_VAULT_SINGULARITY": str(runtime),
                                       "ARV_VAULT_FOLDER": str(folder), "ARV_VAULT_LOG": str(tmp_path / "log"), **env})

        def logged(self) -> str:
            log = tmp_path / "log"
            return log.read_text() if log.exists() else ""

        def create(self) -> dict:
            words = ["--root", "/r", "--log", "/l", "create", "--bundle", str(bundle), "--pid-file", "/p", "id"]
            done = self.call(*words)
            assert done.returncode == 9 and done.stderr == ""
            assert (tmp_path / "argv").read_text().split() == words
            return json.loads(self.config.read_text())

    return Node()


def changed(**changes: object) -> dict:
    return {**CONFIG, **changes}


def with_env(*entries: str) -> dict:
    return changed(process={**CONFIG["process"], "env": list(entries)})


# ---- bytes ----


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, {"LC_ALL": "de_DE.ISO-8859-1"},
                                    {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONIOENCODING": "latin-1"}])
def test_text_of_any_language_passes_as_it_is(node, locale):
    config = changed(process={**CONFIG["process"], "args": ["sh", "-c", "echo Gruß 日本 \U0001f512 \u2028"],
                              "env": [*CONFIG["process"]["env"], "NAME=Jürgen"]},
                     mounts=[*CONFIG["mounts"], {"destination": "/keep/Müller", "type": "bind", "source": "/tmp/Größe"}])
    node.config.write_bytes(json.dumps(config, ensure_ascii=False).encode())
    words = ["create", "--bundle", str(node.config.parent), "id"]
    assert node.call(*words, **locale).returncode == 9
    after = json.loads(node.config.read_bytes().decode("utf-8"))
    assert {**after, "mounts": after["mounts"][:3]} == config and len(after["mounts"]) == 5
    assert "Jürgen".encode() in node.config.read_bytes()


@pytest.mark.parametrize("text", [
    json.dumps(CONFIG).replace('"ociVersion"', '"a": 1.50, "ociVersion"'),
    json.dumps(CONFIG).replace('"ociVersion"', '"root": {"path": "x"}, "ociVersion"'),
    json.dumps(CONFIG).encode().replace(b"sh", b"s\xff", 1),
], ids=["number", "twice", "latin-1"])
def test_what_could_not_be_written_as_it_was_stays(node, text):
    data = text if isinstance(text, bytes) else text.encode()
    node.config.write_bytes(data)
    assert node.call("create", "--bundle", str(node.config.parent), "id").returncode == 9
    assert node.config.read_bytes() == data and "unchanged" in node.logged() and TOKEN not in node.logged()


# ---- a folder that the image has ----


@pytest.mark.parametrize("mode, left", [(0o700, ["/opt/arv-vault", "/run/secrets"]), (0o755, ["/opt/arv-vault"]), (0o777, ["/opt/arv-vault"]),
                                        (0o000, ["/opt/arv-vault"]), (0o555, ["/opt/arv-vault"])])
def test_a_folder_of_the_image_keeps_its_mode_so_it_must_be_private(node, mode, left):
    """runc 1.1.5 ignores the mode of the mount where the folder exists."""
    place = node.config.parent / "rootfs/run/secrets"
    place.mkdir(parents=True)
    place.chmod(mode)
    assert [mount["destination"] for mount in node.create()["mounts"][2:]] == left
    assert ("/run/secrets is left out" in node.logged()) == (mode != 0o700)


# ---- its command behind the client ----


def exec_config(*more: str, **changes: object) -> dict:
    entries = [entry for entry in CONFIG["process"]["env"] if entry != "ARV_VAULT_NODE=1"]
    return changed(process={**CONFIG["process"], "env": [*entries, "ARV_VAULT_EXEC=1", *more]}, **changes)


PREFIX = ["/opt/arv-vault/arv-vault", "exec", "--resolve", "--mask", "--supervise", "--"]


def test_the_command_starts_behind_the_client(node):
    node.write(exec_config())
    config = node.create()
    assert config["process"]["args"] == [*PREFIX, "sh", "-c", "true"]
    assert [mount["destination"] for mount in config["mounts"][2:]] == ["/opt/arv-vault", "/run/secrets"]


def test_defaults_of_the_node_apply_where_the_container_sets_none(node):
    (node.client_folder / "defaults.env").write_text(
        "# the site's\nBAO_ADDR=https://vault.example:8200\n\nBAO_CACERT=/opt/arv-vault/ca.pem\nARV_VAULT_ROLE=jobs=x\nBAO_NAMESPACE=team\n")
    node.write(exec_config("VAULT_NAMESPACE=mine", "ARV_VAULT_ROLE=own"))
    env = node.create()["process"]["env"]
    assert env[-2:] == ["BAO_ADDR=https://vault.example:8200", "BAO_CACERT=/opt/arv-vault/ca.pem"]
    assert "ARV_VAULT_ROLE=own" in env and "BAO_NAMESPACE=team" not in env


@pytest.mark.parametrize("config, why", [
    (exec_config(mounts=[{"destination": "/opt", "type": "bind", "source": "/keep", "options": ["ro"]}]), "can't be mounted"),
    (changed(process={**CONFIG["process"], "env": ["ARV_VAULT_EXEC=1"]}), "no run token"),
    (changed(process={**exec_config()["process"], "args": []}), "no command"),
    (changed(process={**exec_config()["process"], "args": None}), "no command"),
    (exec_config(root={"path": "nowhere"}), "FileNotFoundError"),
])
def test_in_any_other_case_it_starts_unchanged_and_the_log_says_why(node, config, why):
    text = node.write(config)
    node.create()
    assert node.config.read_text() == text and why in node.logged() and TOKEN not in node.logged()


def test_a_line_that_is_no_default_changes_nothing(node):
    (node.client_folder / "defaults.env").write_text("BAO_ADDR=https://x\nPATH=/evil\n")
    text = node.write(exec_config())
    node.create()
    assert node.config.read_text() == text and "PATH" in node.logged()


# ---- Docker ----


def test_who_asks_gets_the_client_and_a_place_for_secrets(node):
    config = node.create()
    client, secrets = config["mounts"][2:]
    assert config["mounts"][:2] == CONFIG["mounts"]
    assert client == {"destination": "/opt/arv-vault", "type": "bind", "source": str(node.client_folder),
                      "options": ["bind", "ro", "nosuid", "nodev"]}
    assert secrets["destination"] == "/run/secrets" and secrets["type"] == "tmpfs" and "mode=0700" in secrets["options"]
    assert {**config, "mounts": None} == {**CONFIG, "mounts": None}  # all else as it was, large numbers too
    assert node.config.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in node.config.parent.iterdir()) == ["config.json", "rootfs"]


def test_the_place_belongs_to_the_containers_user(node):
    node.write(changed(process={**CONFIG["process"], "user": {"uid": 1000, "gid": 100}}))
    assert {"uid=1000", "gid=100"} <= set(node.create()["mounts"][3]["options"])


@pytest.mark.parametrize("taken, left", [("/opt", ["/run/secrets"]), ("/opt/", ["/run/secrets"]), ("/run", ["/opt/arv-vault"]),
                                         ("/opt/arv-vault-other", ["/opt/arv-vault", "/run/secrets"]),
                                         ("/op", ["/opt/arv-vault", "/run/secrets"]), ("/", ["/opt/arv-vault", "/run/secrets"])])
def test_a_mount_above_a_place_takes_it(node, taken, left):
    """runc could not make the place in it if it is read-only; else it would leave an empty folder in somebody's collection."""
    node.write(changed(mounts=[{"destination": taken, "type": "bind", "source": "/keep", "options": ["rbind"]}]))
    assert [mount["destination"] for mount in node.create()["mounts"]] == [taken, *left]


BOTH = ["/opt/arv-vault", "/run/secrets"]


@pytest.mark.parametrize("links, taken, left", [
    # A mount by another name: the places lie in it, or it in them.
    ({"var/run": "/run"}, "/var/run", BOTH[:1]), ({"var/run": "../run"}, "/var/run", BOTH[:1]), ({"var/run": "/run"}, "/var/run/secrets/x", BOTH[:1]),
    ({"var/run": "/run"}, "/var/run/other", BOTH), ({"run": "var/run"}, "/var", BOTH[:1]), ({"opt": "/usr/local/opt"}, "/usr/local", BOTH[1:]),
    ({"opt": "usr/opt"}, "/opt", BOTH[1:]), ({"a": "b", "b": "/c", "c": "opt"}, "/a/../a/./arv-vault//x", BOTH[1:]),
    # Out of the root leads nothing; what lies there on the node is not asked.
    ({"run": "../../../../../../var/run"}, "/var/run", BOTH[:1]), ({"run": "/../../proc/self/root/run"}, "/data", BOTH), ({"run": "/proc/self/cwd"}, "/proc", BOTH[:1]),
    ({"opt": "NODE"}, "/data", BOTH), ({"opt/arv-vault": "/"}, "/data", BOTH[1:]), ({"run": "..", "secrets": "."}, "/data", BOTH[:1]),
    # In a circle, or nearly so: nothing is added.
    ({"run": "run"}, "/data", []), ({"run": "/var/run", "var/run": "/run"}, "/data", []), ({"a": "a/a"}, "/a", []), ({"opt": "x/" * 2000}, "/data", []),
    ({f"l{i}": f"l{i + 1}/" + "x/" * 100 for i in range(300)}, "/l0", []),
])
def test_links_of_an_image_are_followed_as_the_runtime_does(node, links, taken, left):
    for name, target in links.items():
        link = node.config.parent / "rootfs" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(str(node.dir / "nowhere") if target == "NODE" else target)
    node.write(changed(mounts=[{"destination": taken, "type": "bind", "source": "/keep", "options": ["rbind"]}]))
    assert [mount["destination"] for mount in node.create()["mounts"]] == [taken, *left]


def test_where_no_place_can_be_made_none_is_asked_for(node):
    rootfs = node.config.parent / "rootfs"
    (rootfs / "opt").write_text("a file")
    (rootfs / "var").mkdir()
    (rootfs / "run").symlink_to("var")
    assert [mount["destination"] for mount in node.create()["mounts"][2:]] == ["/run/secrets"]
    # A root that is read-only must have the place, and the node's own folders are none of its.
    config = changed(root={"path": "rootfs", "readonly": True})
    (rootfs / "opt").unlink()
    (rootfs / "opt").symlink_to(node.dir)
    (node.dir / "arv-vault").mkdir()
    text = node.write(config)
    node.create()
    assert node.config.read_text() == text
    (rootfs / "var/secrets").mkdir(mode=0o700)
    assert [mount["destination"] for mount in node.create()["mounts"][2:]] == ["/run/secrets"]
    rootfs.rename(node.config.parent / "elsewhere")
    text = node.write(CONFIG)
    node.create()
    assert node.config.read_text() == text


@pytest.mark.parametrize("config", [
    with_env("PATH=/bin", f"ARVADOS_API_TOKEN={TOKEN}"),
    with_env("ARV_VAULT_NODE=1"),
    with_env("ARV_VAULT_NODE=1", "ARVADOS_API_TOKEN="),
    with_env("ARV_VAULT_NODE=1", "ARVADOS_API_TOKEN=" + TOKEN.rsplit("/", 1)[0]),
    with_env("ARV_VAULT_NODE=1", "ARVADOS_API_TOKEN=" + TOKEN + "x"),
    with_env("ARV_VAULT_NODE=1", f"ARVADOS_API_TOKEN={TOKEN}", f"ARVADOS_API_TOKEN={TOKEN}"),
    with_env("ARV_VAULT_NODE=0", f"ARVADOS_API_TOKEN={TOKEN}"),
    with_env("XARV_VAULT_NODE=1", f"ARVADOS_API_TOKEN={TOKEN}"),
    changed(process={}), changed(process=None), {}, [], "", "{", "null", "\x00",
    changed(root={"path": "rootfs", "readonly": True}),
    changed(mounts=[{"destination": "/opt/arv-vault/x"}, {"destination": "/run/secrets/"}]),
    changed(mounts=[{"destination": "/opt"}, {"destination": "/run/"}]),
    changed(mounts=[{"nodestination": 1}]),
], ids=lambda config: None)
def test_all_others_stay_as_they_are(node, config):
    text = node.write(config)
    words = ["create", f"--bundle={node.config.parent}", "id"]
    assert node.call(*words).returncode == 9
    assert node.config.read_text() == text


def test_a_node_that_is_broken_changes_nothing(node):
    before = node.config.read_text()
    words = ["create", "--bundle", str(node.config.parent), "id"]
    assert node.call(*words, ARV_VAULT_PYTHON="/nonexistent").returncode == 9
    assert node.call(*words, ARV_VAULT_FOLDER="/nonexistent").returncode == 9
    assert node.call("create", "--bundle", "/nonexistent", "id").returncode == 9
    assert node.call("create", "--bundle").returncode == 9
    assert node.config.read_text() == before


@pytest.mark.parametrize("words", [["--version"], ["state", "id"], ["start", "id"], ["kill", "id", "15"], ["delete", "--force", "id"],
                                   ["exec", "--process", "/x y", "id"], [], ["features"]])
def test_other_verbs_go_straight_on(node, words):
    before = node.config.read_text()
    done = node.call(*words)
    assert done.returncode == 9 and (node.dir / "argv").read_text() == "".join(f"{word}\n" for word in words or [""])
    assert node.config.read_text() == before


def test_the_probe_of_a_node(node):
    assert "ready" in node.call("--probe", ARV_VAULT_RUNTIME="/bin/true").stdout
    assert "runtime" in node.call("--probe", ARV_VAULT_RUNTIME="/bin/false").stderr
    (node.client_folder / "defaults.env").write_text("LD_PRELOAD=/x\n")
    assert "LD_PRELOAD" in node.call("--probe", ARV_VAULT_RUNTIME="/bin/true").stderr
    assert node.call("--arv-vault-probe", program="singularity").returncode == 1
    (node.client_folder / "defaults.env").unlink()
    (node.client_folder / "arv-vault").unlink()
    assert node.call("--probe", ARV_VAULT_RUNTIME="/bin/true").returncode == 1
    assert node.call("--arv-vault-probe", program="singularity").returncode == 1


def test_with_a_real_runc(node, tmp_path):
    """The container sees the client, read-only, and a folder in memory of its own."""
    runc = shutil.which("runc")
    assert runc, "runc is among the packages"
    spec = json.loads(subprocess.run([runc, "spec"], cwd=tmp_path, check=True) and (tmp_path / "config.json").read_text())
    script = ("/opt/arv-vault/arv-vault; stat -f -c %T /run/secrets; stat -c %a /run/secrets; touch /run/secrets/x && echo written;"
              "touch /opt/arv-vault/x 2>/dev/null || echo read-only")
    spec["process"].update(terminal=False, args=["sh", "-c", script], env=CONFIG["process"]["env"])
    spec["root"]["readonly"] = False
    spec.pop("hostname", None)
    spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] in ("mount", "pid")]
    spec["linux"].pop("resources", None)
    spec["mounts"] = [m for m in spec["mounts"] if m["destination"] in ("/proc", "/dev")]
    spec["mounts"] += [{"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
                       for path in ("/bin", "/lib", "/lib64", "/usr") if Path(path).exists()]
    node.write(spec)
    run = ["--root", str(tmp_path / "state"), "run", "--bundle", str(node.config.parent), f"arv-vault-{os.getpid()}"]
    plain = subprocess.run([runc, *run], capture_output=True, text=True, timeout=60, check=False)
    if "client" not in plain.stdout and "not found" not in plain.stdout + plain.stderr:
        pytest.skip(f"runc does not run here: {plain.stderr.strip()[-200:]}")
    done = node.call(*run, ARV_VAULT_RUNTIME=runc, PATH=os.environ["PATH"])
    assert done.stdout.split() == ["client", "tmpfs", "700", "written", "read-only"], (done, plain)
    collection = tmp_path / "collection"
    collection.mkdir()
    for how in ("ro", "rw"):
        node.write({**spec, "process": {**spec["process"], "args": ["echo", "started"]}, "mounts": [
            *spec["mounts"], {"destination": "/opt", "type": "bind", "source": str(collection), "options": ["rbind", how]}]})
        done = node.call(*run, ARV_VAULT_RUNTIME=runc, PATH=os.environ["PATH"])
        assert done.stdout == "started\n" and list(collection.iterdir()) == [], (done, how)
    # The same in an image with links, the one out of its root to a folder of the node.
    rootfs, outside = node.config.parent / "rootfs", tmp_path / "outside"
    outside.mkdir()
    for name, target in (("opt", str(outside)), ("run", "../../var/run")):
        shutil.rmtree(rootfs / name)
        (rootfs / name).symlink_to(target)
    node.write(spec)
    done = node.call(*run, ARV_VAULT_RUNTIME=runc, PATH=os.environ["PATH"])
    assert done.stdout.split() == ["client", "tmpfs", "700", "written", "read-only"] and list(outside.iterdir()) == [], (done, plain)
    for how in ("ro", "rw"):
        node.write({**spec, "process": {**spec["process"], "args": ["echo", "started"]}, "mounts": [
            *spec["mounts"], {"destination": "/var/run", "type": "bind", "source": str(collection), "options": ["rbind", how]}]})
        done = node.call(*run, ARV_VAULT_RUNTIME=runc, PATH=os.environ["PATH"])
        assert done.stdout == "started\n" and list(collection.iterdir()) == [], (done, how)


# ---- Singularity ----

# As crunch-run calls it.
EXEC = ["exec", "--containall", "--cleanenv", "--pwd=/var/spool/cwl", "--net", "--network=none", "--cpus", "1", "--memory", "268435456",
        "--bind", "/tmp/x:/tmp:rw", "--home", "/tmp/y:/var/spool/cwl", "/tmp/image.sif", "sh", "-c", "build --version"]
ASKS = {"SINGULARITYENV_ARV_VAULT_NODE": "1", "SINGULARITYENV_ARVADOS_API_TOKEN": TOKEN, "SINGULARITY_NO_EVAL": "1"}


def environment(node) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (node.dir / "env").read_text().splitlines() if "=" in line)


def test_the_shim_binds_the_client_and_passes_all_on(node):
    assert node.call(*EXEC, program="singularity", **ASKS).returncode == 9
    assert (node.dir / "argv").read_text().splitlines() == EXEC
    assert environment(node)["SINGULARITY_BIND"] == f"{node.client_folder}:/opt/arv-vault:ro"
    node.call(*EXEC, program="singularity", **ASKS, SINGULARITY_BIND="/a:/b")
    assert environment(node)["SINGULARITY_BIND"] == f"{node.client_folder}:/opt/arv-vault:ro,/a:/b"


@pytest.mark.parametrize("words", [["--bind", "/keep:/opt:ro"], ["--bind", "/keep:/opt"], ["--bind", "/keep:/opt/:rw"],
                                   ["--bind", "/keep:/opt/arv-vault/x:ro"], ["--home", "/tmp/y:/opt"]])
def test_the_shim_leaves_a_place_that_is_taken(node, words):
    assert node.call(EXEC[0], *words, *EXEC[1:], program="singularity", **ASKS).returncode == 9
    assert "SINGULARITY_BIND" not in environment(node)
    other = [words[0], words[1].replace("/opt", "/opt/other")]
    node.call(EXEC[0], *other, *EXEC[1:], program="singularity", **ASKS)
    assert "SINGULARITY_BIND" in environment(node)


@pytest.mark.parametrize("words, env", [
    (["build", "/tmp/x.sif", "docker-archive:///tmp/x.tar"], ASKS), (["--version"], ASKS), ([], ASKS), (EXEC, {}),
    (EXEC, {**ASKS, "SINGULARITYENV_ARV_VAULT_NODE": "0"}),
    (EXEC, {**ASKS, "SINGULARITYENV_ARVADOS_API_TOKEN": TOKEN.rsplit("/", 1)[0]}),
    (EXEC, {**ASKS, "SINGULARITYENV_ARVADOS_API_TOKEN": "systemroottoken"}),
    (EXEC, {**ASKS, "ARV_VAULT_FOLDER": "/nonexistent"}),
])
def test_the_shim_adds_nothing_else(node, words, env):
    assert node.call(*words, program="singularity", **env).returncode == 9
    assert "SINGULARITY_BIND" not in environment(node)
    assert (node.dir / "argv").read_text() == "".join(f"{word}\n" for word in words or [""])


def test_the_shim_becomes_the_real_one(node):
    """crunch-run kills its direct child: a shim that stayed would leave an orphan."""
    with subprocess.Popen([str(NODE / "singularity"), "exec"], env={"ARV_VAULT_SINGULARITY": str(node.dir / "runtime")},
                          stdout=subprocess.PIPE, text=True) as job:
        assert int(job.stdout.read()) == job.pid
    (node.dir / "sleeper").write_text("#!/bin/sh\nexec sleep 60\n")
    (node.dir / "sleeper").chmod(0o755)
    job = subprocess.Popen([str(NODE / "singularity"), "exec"], env={"ARV_VAULT_SINGULARITY": str(node.dir / "sleeper"), "PATH": "/bin"})
    job.kill()
    assert job.wait(10) == -signal.SIGKILL


def test_the_shim_does_not_find_itself(node, tmp_path):
    copy = tmp_path / "singularity"
    shutil.copy(NODE / "singularity", copy)
    done = subprocess.run([str(copy), "--version"], env={}, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 127 and "nowhere" in done.stderr or done.returncode == 0
