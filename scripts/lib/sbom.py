"""The CycloneDX bill of materials of both programs, from the table that says of which packages each was really linked.

Only what is known for sure stands in it: packages with their versions, and which program has which. The same input gives the same bytes."""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import uuid
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

NAME = "vault-plugin-auth-arvados"
LICENCE = [{"license": {"id": "Apache-2.0"}}]
HOW = {"linux": "self-contained: everything is inside of the programs",
       "debian": "with the libraries of the distribution, in the versions that were there when it was linked"}


def purl(package: str, version: str, source: str, source_version: str, architecture: str) -> str:
    """Its name for whoever looks for advisories, which Debian writes for source packages."""
    system = platform.freedesktop_os_release()
    qualifiers = {"arch": architecture, "distro": f"{system['ID']}-{system['VERSION_ID']}"}
    if package == source:
        if architecture != "source" and version != source_version:
            qualifiers["upstream"] = f"{source}@{source_version}"
    else:
        qualifiers["upstream"] = source if version == source_version else f"{source}@{source_version}"
    tail = "&".join(f"{key}={quote(value, safe='~')}" for key, value in sorted(qualifiers.items()))
    return f"pkg:deb/{system['ID']}/{quote(package, safe='')}@{quote(version, safe='~')}?{tail}"


def library(row: list[str], architecture: str) -> dict:
    package, version, source, source_version = row
    # Only what was built here, of a source package, has its name.
    name = purl(package, version, source, source_version, "source" if package == "curl" else architecture)
    return {"type": "library", "bom-ref": name, "name": package, "version": version, "purl": name}


def program(file: Path, version: str) -> dict:
    return {"type": "application", "bom-ref": file.name, "name": file.name, "version": version, "licenses": LICENCE,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}]}


def bill(options: argparse.Namespace, rows: list[list[str]], time: int) -> dict:
    architecture = options.architecture
    names = sorted({row[0] for row in rows})
    libraries = {part["bom-ref"]: part for part in (library(row[1:], architecture) for row in rows)}
    inside = {name: sorted(library(row[1:], architecture)["bom-ref"] for row in rows if row[0] == name) for name in names}
    whole = f"{NAME}-{options.kind}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "build"}],
            "component": {"type": "application", "bom-ref": whole, "name": NAME, "version": options.version, "licenses": LICENCE,
                          "description": HOW[options.kind]},
            "properties": [{"name": f"{NAME}:commit", "value": options.commit}],
        },
        "components": [*(program(options.programs / name, options.version) for name in names),
                       *(libraries[ref] for ref in sorted(libraries))],
        "dependencies": [{"ref": whole, "dependsOn": names}, *({"ref": name, "dependsOn": inside[name]} for name in names)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", required=True)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--kind", required=True, choices=HOW)
    parser.add_argument("--architecture", required=True, help="Debian's name of it")
    parser.add_argument("--linked", required=True, type=Path, help="table of scripts/lib/linked.sh")
    parser.add_argument("--programs", required=True, type=Path, help="folder of the programs")
    options = parser.parse_args()
    with options.linked.open(newline="") as table:
        rows = [row for row in csv.reader(table, delimiter="\t")]
    made = bill(options, rows, int(os.environ["SOURCE_DATE_EPOCH"]))
    content = json.dumps(made, sort_keys=True).encode()
    made["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(content).hexdigest()).urn
    print(json.dumps(made, indent=2))


if __name__ == "__main__":
    main()
