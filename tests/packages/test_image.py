"""Container images that scripts/release made: pushed to a registry with a stock client, and installed by a real OpenBao.

The registry is Debian's docker-registry on loopback, over TLS; skopeo pushes, as docs/guides/release.md shows."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import hvac
import pytest
import requests
import trustme
from dist import CLIENT, DIST, PAGE, PLUGIN, ROOT, architecture, bare, page_block, page_stanza, project_version, sums, the_one

# Fixtures of the end-to-end tests, found by their names here.
from conftest import make_mount, sim  # noqa: F401
from host import OpenBao
from processes import free_port, wait_until

VERSION = f"v{project_version()}"
OCI = ROOT / "scripts/lib/oci.py"


class Registry:
    def __init__(self, folder: Path):
        self.port = free_port()
        self.name = f"127.0.0.1:{self.port}"
        self.certs = folder / "certs"
        self.certs.mkdir()
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        self.ca = self.certs / "ca.crt"
        authority.cert_pem.write_to_path(str(self.ca))
        certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
        (folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
        config = {"version": "0.1", "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
                  "http": {"addr": self.name, "tls": {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}}}
        (folder / "config.yml").write_text(json.dumps(config))
        with open(folder / "log", "ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log)
        wait_until(self._answers, "the registry to listen")

    def _answers(self) -> bool:
        try:
            return self.get("").status_code == 200
        except requests.exceptions.ConnectionError:
            return False

    def get(self, path: str) -> requests.Response:
        return requests.get(f"https://{self.name}/v2/{path}", verify=self.ca, timeout=20, headers={
            "Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"})

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def push(registry: Registry, archive: Path, image: str) -> None:
    """The page's commands, with this registry's CA."""
    commands = page_block("skopeo copy").replace("skopeo copy", f"skopeo copy --dest-cert-dir={registry.certs}")
    pushed = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, capture_output=True, text=True, check=False,
                            env={"PATH": os.environ["PATH"], "HOME": str(registry.certs), "ARCHIVE": str(archive),
                                 "IMAGE": f"{registry.name}/{image}"})
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    found = Registry(tmp_path_factory.mktemp("registry"))
    for name in (PLUGIN, CLIENT):
        push(found, the_one(f"{name}_*_oci.tar"), name)
    yield found
    found.stop()


def from_image(registry: Registry, image: str) -> tuple[dict, dict[str, bytes]]:
    """Configuration and files of the image for this processor, as any client of a registry reads them."""
    index = registry.get(f"{image}/manifests/{VERSION}").json()
    (row,) = [row for row in index["manifests"] if row["platform"]["architecture"] == architecture()]
    manifest = registry.get(f"{image}/manifests/{row['digest']}").json()
    files = {}
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(registry.get(f"{image}/blobs/{layer['digest']}").content)) as archive:
            files |= {member.name: archive.extractfile(member).read() for member in archive}
    return registry.get(f"{image}/blobs/{manifest['config']['digest']}").json(), files


@pytest.mark.parametrize("name", [PLUGIN, CLIENT])
def test_an_image_holds_the_program_and_nothing_else(registry, name):
    config, files = from_image(registry, name)
    assert files == {name: bare(name).read_bytes()}
    assert config["architecture"] == architecture() and config["config"]["Labels"]["org.opencontainers.image.version"] == VERSION


@pytest.mark.parametrize("name", [PLUGIN, CLIENT])
def test_bill_of_materials_and_provenance_refer_to_the_image(registry, name):
    answer = registry.get(f"{name}/manifests/{VERSION}")
    digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    referrers = registry.get(f"{name}/manifests/{digest.replace(':', '-')}").json()["manifests"]
    found = {}
    for row in referrers:
        manifest = registry.get(f"{name}/manifests/{row['digest']}").json()
        assert manifest["subject"]["digest"] == digest
        found[manifest["config"]["mediaType"]] = registry.get(f"{name}/blobs/{manifest['layers'][0]['digest']}").json()

    bill = found["application/vnd.cyclonedx+json"]
    (inside,) = [part for part in bill["components"] if part["name"] == name]
    assert inside["hashes"][0]["content"] == sums()[bare(name).name]
    statement = found["application/vnd.in-toto+json"]
    assert statement["subject"] == [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}]
    built = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert [row["digest"]["sha256"] for row in built] == [sums()[bare(name).name]]


def test_an_image_is_the_same_whenever_it_is_made(tmp_path, monkeypatch):
    made = the_one(f"{PLUGIN}_*_oci.tar")
    bill = the_one("*_linux_*.cdx.json")
    commit = {row["name"]: row["value"] for row in json.loads(bill.read_text())["metadata"]["properties"]}[f"{PLUGIN}:commit"]
    with tarfile.open(made) as archive:
        epoch = archive.getmembers()[0].mtime
    subprocess.run(["python3", OCI, "make", "--name", PLUGIN, "--version", VERSION, "--sbom", bill, "--out", tmp_path / "again.tar",
                    "--program", f"{architecture()}={bare(PLUGIN)}"], check=True,
                   env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": str(epoch), "VPA_COMMIT": commit})
    assert (tmp_path / "again.tar").read_bytes() == made.read_bytes()


# ---- a server takes it ----


def server_with(registry: Registry, folder: Path, change=lambda stanza: stanza, **options) -> OpenBao:
    """A server whose configuration is the page's, not yet started; it has no file of the plugin."""
    server = OpenBao(folder, bare(PLUGIN), env={"SSL_CERT_FILE": str(registry.ca)}, **options)
    server.plugin.unlink()
    published = sums()[bare(PLUGIN).name]
    stanza = page_stanza("image").replace("/opt/openbao/plugins", str(server.dir / "plugins"))
    stanza = stanza.replace("registry.example.org", registry.name).replace('"v0.1.0"', f'"{VERSION}"')
    (example,) = (line.split('"')[1] for line in stanza.splitlines() if "sha256sum" in line)
    config = server.dir / "bao.hcl"
    kept = [line for line in config.read_text().splitlines() if not line.startswith("plugin_directory")]
    config.write_text("\n".join([*kept, change(stanza.replace(example, published))]))
    return server


@pytest.fixture
def make_server(registry, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bao")  # short: sockets are below it
    made: list[OpenBao] = []

    def make(change=lambda stanza: stanza, **options) -> OpenBao:
        made.append(server_with(registry, folder / f"s{len(made)}", change, **options))
        return made[-1]

    yield make
    for server in made:
        server.stop()


def test_six_lines_are_the_whole_installation(make_server, sim):  # noqa: F811
    server = make_server().start().initialise()
    wait_until(lambda: server.call("GET", f"sys/plugins/catalog/auth/arvados?version={VERSION}").status_code == 200, "the plugin")

    mount = make_mount(server, sim)
    mount.configure()
    sim.grant("arvados-read", sim.user("active"))

    assert mount.logged_in(sim.run_container("active").token)["auth"]["token_policies"] == ["arvados-read", "default"]


def test_plugin_init_downloads_before_the_server_starts(make_server):
    server = make_server()
    config = server.dir / "bao.hcl"
    config.write_text(config.read_text().replace("disable_mlock = true\n", ""))  # which this command does not take
    done = subprocess.run([os.environ.get("VPA_BAO") or "bao", "plugin", "init", f"-config={config}"], capture_output=True,
                          text=True, check=False, env={**os.environ, "HOME": str(server.dir), **server.extra_env})
    assert done.returncode == 0, done.stdout + done.stderr
    programs = [file for file in (server.dir / "plugins").rglob("*") if file.is_file() and not file.is_symlink()]
    assert sums()[bare(PLUGIN).name] in [hashlib.sha256(file.read_bytes()).hexdigest() for file in programs]


def test_a_version_that_the_plugin_does_not_report_keeps_the_server_from_starting(make_server, registry):
    """The trap that the page warns of."""
    other = VERSION.removeprefix("v")
    manifest = registry.get(f"{PLUGIN}/manifests/{VERSION}")
    requests.put(f"https://{registry.name}/v2/{PLUGIN}/manifests/{other}", data=manifest.content, verify=registry.ca, timeout=20,
                 headers={"Content-Type": manifest.headers["Content-Type"]}).raise_for_status()
    server = make_server(lambda stanza: stanza.replace(f'"{VERSION}"', f'"{other}"'))
    with pytest.raises(hvac.exceptions.InvalidRequest, match="plugin version mismatch"):
        server.start().initialise()


def test_an_image_with_another_sum_is_refused(make_server):
    published = sums()[bare(PLUGIN).name]
    wrong = published[:-1] + ("0" if published[-1] != "0" else "1")
    server = make_server(lambda stanza: stanza.replace(published, wrong))
    with pytest.raises(AssertionError):
        server.start().initialise()
    assert "checksum" in server.log() or "sha256" in server.log().lower()


# ---- signatures ----


def test_a_signature_is_of_this_image_and_verifies(tmp_path):
    archive = the_one(f"{PLUGIN}_*_oci.tar")
    key, public, signed = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "signed.tar"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True, capture_output=True)
    subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    subprocess.run(["python3", OCI, "sign", "--key", key, "--reference", f"registry.example.org/{PLUGIN}", archive, signed], check=True)

    tags = subprocess.run(["python3", OCI, "tags", archive], check=True, capture_output=True, text=True).stdout.split()
    digest = tags[1].replace("-", ":")
    with tarfile.open(signed) as found:
        (row,) = json.load(found.extractfile("index.json"))["manifests"]
        read = {f"sha256:{name.rsplit('/')[-1]}": found.extractfile(name).read() for name in found.getnames() if "blobs" in name}
    layer = json.loads(read[row["digest"]])["layers"][0]
    payload = read[layer["digest"]]

    assert row["annotations"]["org.opencontainers.image.ref.name"] == digest.replace(":", "-") + ".sig"
    assert json.loads(payload)["critical"]["image"]["docker-manifest-digest"] == digest
    assert verifies(tmp_path, public, payload, layer)
    assert not verifies(tmp_path, public, payload.replace(b"registry", b"Registry"), layer)


def verifies(folder: Path, public: Path, payload: bytes, layer: dict) -> bool:
    (folder / "signature.b64").write_text(layer["annotations"]["dev.cosignproject.cosign/signature"])
    subprocess.run(["openssl", "base64", "-d", "-A", "-in", folder / "signature.b64", "-out", folder / "signature"], check=True)
    return subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", folder / "signature"], input=payload,
                          capture_output=True, check=False).returncode == 0
