#!/usr/bin/env python3
"""Container images of the programs, as OCI archives: what OpenBao's declarative plugins download, and what `COPY --from=` takes.

  oci.py make --out FILE --name NAME --version VERSION --program amd64=PATH --sbom amd64=FILE [--program arm64=PATH --sbom arm64=FILE]
  oci.py sign --key KEY.pem --reference NAME ARCHIVE OUT
  oci.py tags ARCHIVE

An image has one layer with one file, the program, at the root. The archive has these tags: the version; and
`sha256-<digest of the image>`, the list of what refers to the image (bill of materials, provenance), where registries without
the referrers API look for it (OCI distribution 1.1). The same input gives the same bytes: SOURCE_DATE_EPOCH is the only time
in it. `sign` makes an archive with the tag `sha256-<digest>.sig`, the form that cosign verifies."""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from datetime import datetime, timezone
from pathlib import Path

PROJECT = "vault-plugin-auth-arvados"
ABOUT = {
    "vault-plugin-auth-arvados": "Auth method of OpenBao and Vault for Arvados containers",
    "vault-plugin-secrets-arvados": "Secrets engine of OpenBao and Vault: Arvados tokens on a lease",
    "arv-vault": "Brings secrets of OpenBao or Vault to commands in Arvados containers",
}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SBOM = "application/vnd.cyclonedx+json"
PROVENANCE = "application/vnd.in-toto+json"
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def as_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Layout:
    """An OCI image layout in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.tags: list[dict] = []

    def add(self, media_type: str, content: bytes, **more: object) -> dict:
        """Adds a blob; returns its descriptor."""
        digest = digest_of(content)
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content), **more}

    def add_manifest(self, config: dict, layers: list[dict], **more: object) -> dict:
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
        return self.add(MANIFEST, as_json(manifest))

    def add_index(self, manifests: list[dict]) -> dict:
        return self.add(INDEX, as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))

    def tag(self, descriptor: dict, name: str) -> None:
        self.tags.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}})

    def write(self, file: Path) -> None:
        members = {"oci-layout": as_json({"imageLayoutVersion": "1.0.0"}),
                   "index.json": as_json({"schemaVersion": 2, "manifests": self.tags})}
        members |= {f"blobs/{digest.replace(':', '/')}": self.blobs[digest] for digest in sorted(self.blobs)}
        with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in members.items():
                archive.addfile(member(name, len(content), 0o644), io.BytesIO(content))


def epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def member(name: str, size: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, mode, epoch()
    return info


def tagged(file: Path) -> list[tuple[str, str]]:
    """(tag, digest) of each tag of an archive."""
    with tarfile.open(file) as archive:
        index = json.load(archive.extractfile("index.json"))
    return [(row["annotations"]["org.opencontainers.image.ref.name"], row["digest"]) for row in index["manifests"]]


def labels(name: str, version: str) -> dict[str, str]:
    return {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.description": ABOUT[name],
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": os.environ["VPA_COMMIT"],
    }


def add_image(layout: Layout, name: str, version: str, architecture: str, program: bytes) -> dict:
    created = datetime.fromtimestamp(epoch(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(member(name, len(program), 0o755), io.BytesIO(program))
    layer = layout.add(LAYER, gzip.compress(plain.getvalue(), compresslevel=9, mtime=0))
    config = layout.add(CONFIG, as_json({
        "architecture": architecture, "os": "linux", "created": created,
        "config": {"Entrypoint": [f"/{name}"], "Labels": labels(name, version)},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(plain.getvalue())]},
        "history": [{"created": created, "created_by": "scripts/release", "comment": "one static program"}],
    }))
    image = layout.add_manifest(config, [layer], annotations=labels(name, version))
    return {**image, "platform": {"architecture": architecture, "os": "linux"}}


def provenance(name: str, subject: dict, programs: dict[str, bytes]) -> bytes:
    """An in-toto statement with SLSA provenance: which commit was built, by which command."""
    return as_json({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": subject["digest"].split(":")[1]}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"https://{PROJECT}.example.org/scripts/release/v1",
                "externalParameters": {"commit": os.environ["VPA_COMMIT"], "command": "scripts/release"},
                "internalParameters": {"SOURCE_DATE_EPOCH": epoch()},
                "resolvedDependencies": [{"name": f"{name} ({architecture})", "digest": {"sha256": hashlib.sha256(program).hexdigest()}}
                                         for architecture, program in sorted(programs.items())],
            },
            "runDetails": {"builder": {"id": "local"}},
        },
    })


def attach(layout: Layout, subject: dict, media_type: str, content: bytes) -> dict:
    # The type of an artifact is that of its configuration: older clients drop the member "artifactType" (OCI image 1.1, "Guidelines
    # for artifact usage").
    manifest = layout.add_manifest(layout.add(media_type, b"{}"), [layout.add(media_type, content)],
                                   subject={key: subject[key] for key in ("mediaType", "digest", "size")})
    return {**manifest, "artifactType": media_type}


def by_architecture(pairs: list[str]) -> dict[str, bytes]:
    """The content of the file that each ARCHITECTURE=PATH names."""
    parts = (pair.partition("=") for pair in sorted(pairs))
    return {architecture: Path(path).read_bytes() for architecture, _, path in parts}


def make(options: argparse.Namespace) -> None:
    programs, bills = by_architecture(options.program), by_architecture(options.sbom)
    if set(programs) != set(bills):
        raise SystemExit("oci.py: --program and --sbom: each architecture must have both")
    layout = Layout()
    images = [add_image(layout, options.name, options.version, architecture, programs[architecture])
              for architecture in sorted(programs)]
    image = layout.add_index(images)
    attached = [*(attach(layout, image, SBOM, bill) for bill in bills.values()),
                attach(layout, image, PROVENANCE, provenance(options.name, image, programs))]
    layout.tag(image, options.version)
    layout.tag(layout.add_index(attached), image["digest"].replace(":", "-"))
    layout.write(options.out)


def sign(options: argparse.Namespace) -> None:
    """The payload and annotation of cosign; openssl signs, so that the key may be any that it takes (ECDSA P-256 is usual)."""
    digest = tagged(options.archive)[0][1]
    payload = as_json({
        "critical": {"identity": {"docker-reference": options.reference}, "image": {"docker-manifest-digest": digest},
                     "type": "cosign container image signature"},
        "optional": None,
    })
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", options.key], input=payload, capture_output=True, check=True).stdout
    layout = Layout()
    layer = layout.add(PAYLOAD, payload, annotations={"dev.cosignproject.cosign/signature": base64.b64encode(signature).decode()})
    config = layout.add(CONFIG, as_json({"architecture": "", "os": "", "config": {},
                                         "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}))
    layout.tag(layout.add_manifest(config, [layer]), f"{digest.replace(':', '-')}.sig")
    layout.write(options.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("make")
    verb.set_defaults(run=make)
    verb.add_argument("--name", required=True, choices=ABOUT)
    verb.add_argument("--out", required=True, type=Path)
    verb.add_argument("--version", required=True, help="the image tag: the version that the plugin reports, as v0.1.0")
    verb.add_argument("--program", required=True, action="append", help="ARCHITECTURE=PATH")
    verb.add_argument("--sbom", required=True, action="append", help="ARCHITECTURE=PATH of its bill of materials")
    verb = verbs.add_parser("sign")
    verb.set_defaults(run=sign)
    verb.add_argument("--key", required=True, type=Path)
    verb.add_argument("--reference", required=True, help="the image's name in the registry, without tag")
    verb.add_argument("archive", type=Path)
    verb.add_argument("out", type=Path)
    verb = verbs.add_parser("tags")
    verb.set_defaults(run=lambda options: print("\n".join(tag for tag, _ in tagged(options.archive))))
    verb.add_argument("archive", type=Path)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
