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
from dist import CLIENT, ENGINE, PLUGIN, architecture, bare, has_arm64, sums, the_one
from registry import OCI, VERSION, Registry, registry, server_with  # noqa: F401

# Fixtures of the end-to-end tests, found by their names here.
from conftest import make_mount, sim  # noqa: F401
from host import OpenBao
from processes import wait_until


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


@pytest.mark.parametrize("name", [PLUGIN, ENGINE, CLIENT])
def test_an_image_holds_the_program_and_nothing_else(registry, name):
    config, files = from_image(registry, name)
    assert files == {name: bare(name).read_bytes()}
    assert config["architecture"] == architecture() and config["config"]["Labels"]["org.opencontainers.image.version"] == VERSION


@pytest.mark.parametrize("name", [PLUGIN, ENGINE, CLIENT])
def test_bill_of_materials_and_provenance_refer_to_the_image(registry, name):
    answer = registry.get(f"{name}/manifests/{VERSION}")
    digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    referrers = registry.get(f"{name}/manifests/{digest.replace(':', '-')}").json()["manifests"]
    found: dict[str, list] = {}
    for row in referrers:
        manifest = registry.get(f"{name}/manifests/{row['digest']}").json()
        assert manifest["subject"]["digest"] == digest
        content = registry.get(f"{name}/blobs/{manifest['layers'][0]['digest']}").json()
        found.setdefault(manifest["config"]["mediaType"], []).append(content)

    systems = [architecture(), *(["arm64"] if has_arm64() else [])]
    programs = {sums()[bare(name).name.replace(architecture(), system)] for system in systems}
    inside = [part for bill in found["application/vnd.cyclonedx+json"] for part in bill["components"] if part["name"] == name]
    assert {part["hashes"][0]["content"] for part in inside} == programs
    (statement,) = found["application/vnd.in-toto+json"]
    assert statement["subject"] == [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}]
    built = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {row["digest"]["sha256"] for row in built} == programs


# ---- a server takes it ----


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


def test_the_engine_is_installed_by_its_stanza(make_server, sim):  # noqa: F811
    server = make_server(engine=True).start().initialise()
    wait_until(lambda: server.call("GET", f"sys/plugins/catalog/secret/arvados?version={VERSION}").status_code == 200, "the engine")

    assert server.call("POST", "sys/mounts/arvados", {"type": "arvados"}).status_code == 204
    token = sim.new_token("admin", scopes=["all"])
    configured = server.call("POST", "arvados/config", {"arvados_api_host": sim.host, "arvados_ca_cert": Path(sim.ca_pem).read_text(),
                                                        "admin_token": token})
    assert configured.status_code in (200, 204), configured.text
    assert server.call("POST", "arvados/role/ci", {"user": sim.user("active")}).status_code in (200, 204)
    lease = server.call("GET", "arvados/creds/ci")

    assert lease.json()["data"]["user_uuid"] == sim.user("active"), lease.text


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
