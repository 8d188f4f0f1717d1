"""A container registry on loopback over TLS (Debian's docker-registry), what pushes to it, and servers that take the plugin from it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import trustme
from dist import CLIENT, ENGINE, PLUGIN, ROOT, architecture, bare, page_block, page_stanza, project_version, sums, the_one

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

    def push(self, archive: Path, image: str) -> None:
        """The page's commands, with this registry's CA."""
        commands = page_block("skopeo copy").replace("skopeo copy", f"skopeo copy --dest-cert-dir={self.certs}")
        pushed = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, capture_output=True, text=True, check=False,
                                env={"PATH": os.environ["PATH"], "HOME": str(self.certs), "ARCHIVE": str(archive),
                                     "IMAGE": f"{self.name}/{image}"})
        assert pushed.returncode == 0, pushed.stdout + pushed.stderr

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def make_image(out: Path, name: str, version: str, program: Path, epoch: int = 1, commit: str = "0") -> Path:
    """The archive of an image for this processor."""
    bill = the_one(f"*_linux_{architecture()}.cdx.json")
    subprocess.run(["python3", OCI, "make", "--name", name, "--version", version, "--out", out, "--program", f"{architecture()}={program}",
                    "--sbom", f"{architecture()}={bill}"], check=True,
                   env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": str(epoch), "VPA_COMMIT": commit})
    return out


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    found = Registry(tmp_path_factory.mktemp("registry"))
    for name in (PLUGIN, ENGINE, CLIENT):
        found.push(the_one(f"{name}_*_oci.tar"), name)
    yield found
    found.stop()


def stanzas(registry: Registry, plugins: Path, *names: str) -> str:
    """The page's lines for these plugins, with this registry, a server's folder, and version and sums of the release at hand."""
    found = []
    for name in names:
        text = page_stanza(f'/{name}"').replace("/opt/openbao/plugins", str(plugins))
        text = text.replace("registry.example.org", registry.name).replace('"v0.1.0"', f'"{VERSION}"')
        (example,) = (line.split('"')[1] for line in text.splitlines() if "sha256sum" in line)
        found.append(text.replace(example, sums()[bare(name).name]))
    return "\n".join(found)


def server_with(registry: Registry, folder: Path, change: Callable[[str], str] = lambda lines: lines, engine: bool = False, **options) -> OpenBao:
    """A server whose configuration is the page's, not yet started; it has no file of a plugin."""
    server = OpenBao(folder, bare(PLUGIN), env={"SSL_CERT_FILE": str(registry.ca)}, **options)
    server.plugin.unlink()
    config = server.dir / "bao.hcl"
    kept = [line for line in config.read_text().splitlines() if not line.startswith("plugin_directory")]
    lines = stanzas(registry, server.dir / "plugins", PLUGIN, *([ENGINE] if engine else []))
    config.write_text("\n".join([*kept, change(lines)]))
    return server
