"""Builds the wheel and the source distribution of arvados-vault, with nothing but Python's own library.

As a PEP 517 backend (``pip install .``) it makes a wheel without a program: ``arv-vault`` is then looked for on PATH.
scripts/release-wheel calls it with the self-contained program, its licences and its bill of materials.
The same input gives the same bytes: times are SOURCE_DATE_EPOCH, or 1980.

    python3 build_backend.py --out FOLDER [--version V] [--program FILE --licences FOLDER --licence SPDX --sbom FILE]
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import os
import re
import stat
import struct
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
NAME = "arvados-vault"
FOLDER = "arvados_vault"
SUMMARY = "Secrets from OpenBao or Vault for Arvados jobs"
LICENCE = "Apache-2.0"
ENTRY_POINTS = f"[vdk.plugin.run]\n{NAME} = {FOLDER}.vdk\n"
CLASSIFIERS = [
    "Development Status :: 4 - Beta",
    "Intended Audience :: Science/Research",
    "Operating System :: POSIX :: Linux",
    *(f"Programming Language :: Python :: 3.{minor}" for minor in range(8, 15)),
    "Topic :: Security",
    "Typing :: Typed",
]
# The header of an ELF file: machines, and the parts of its program table that say what it needs at run time.
MACHINES = {62: "x86_64", 183: "aarch64"}
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
DT_NEEDED = 1
NT_GNU_ABI_TAG = 1
KERNEL_OF_MANYLINUX2014 = (3, 10)


# ---- metadata ----


def version() -> str:
    """Of a source distribution as it was made; else the project's, as a development version."""
    made = HERE / "PKG-INFO"
    if made.exists():
        return re.findall(r"^Version: (\S+)$", made.read_text(encoding="utf-8"), re.MULTILINE)[0]
    given = os.environ.get("ARVADOS_VAULT_VERSION")
    if given:
        return given
    project = (HERE.parent / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.findall(r"^project\(\S+ VERSION ([0-9.]+)", project, re.MULTILINE)[0] + ".dev0"


def metadata(number: str, licence: str, licences: List[str]) -> bytes:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {NAME}",
        f"Version: {number}",
        f"Summary: {SUMMARY}",
        f"License-Expression: {licence}",
        *(f"License-File: {name}" for name in licences),
        "Requires-Python: >=3.8",
        "Provides-Extra: vdk",
        'Requires-Dist: vdk-core>=0.3.1369891426; extra == "vdk"',
        "Keywords: arvados,vault,openbao,secrets,cwl",
        *(f"Classifier: {name}" for name in CLASSIFIERS),
        "Description-Content-Type: text/markdown",
    ]
    return ("\n".join(lines) + "\n\n" + (HERE / "README.md").read_text(encoding="utf-8")).encode()


def licence_file() -> Path:
    own = HERE / "LICENSE"
    return own if own.exists() else HERE.parent / "LICENSE"


def moment() -> int:
    """No zip archive knows an earlier time than 1980."""
    return max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315532800)


# ---- platform tags ----


def _notes(content: bytes) -> List[Tuple[bytes, int, bytes]]:
    found = []
    at = 0
    while at + 12 <= len(content):
        name_len, data_len, kind = struct.unpack_from("<III", content, at)
        name_at = at + 12
        data_at = name_at + (name_len + 3) // 4 * 4
        found.append((content[name_at : name_at + name_len].rstrip(b"\0"), kind, content[data_at : data_at + data_len]))
        at = data_at + (data_len + 3) // 4 * 4
    return found


def platform_tags(program: bytes) -> List[str]:
    """Those that are true for a program: it must need no library, no loader and no newer kernel than theirs.

    Raises ValueError with the cause.
    """
    if program[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    (machine,) = struct.unpack_from("<H", program, 18)
    if machine not in MACHINES:
        raise ValueError(f"machine {machine} is not known")
    (table_at,) = struct.unpack_from("<Q", program, 32)
    entry_size, n_entries = struct.unpack_from("<HH", program, 54)
    kernel = (0,)
    for i in range(n_entries):
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", program, table_at + i * entry_size)
        content = program[offset : offset + size]
        if kind == PT_INTERP:
            raise ValueError(f"it needs the loader {content.rstrip(bytes(1)).decode()}")
        if kind == PT_DYNAMIC and any(tag == DT_NEEDED for tag, _ in struct.iter_unpack("<qQ", content[: size // 16 * 16])):
            raise ValueError("it needs shared libraries")
        if kind == PT_NOTE:
            for name, note, data in _notes(content):
                if (name, note) == (b"GNU", NT_GNU_ABI_TAG):
                    kernel = struct.unpack_from("<III", data, 4)
    if kernel[:2] > KERNEL_OF_MANYLINUX2014:
        raise ValueError(f"it needs Linux {'.'.join(map(str, kernel))}")
    return [f"{tag}_{MACHINES[machine]}" for tag in ("manylinux2014", "manylinux_2_17", "musllinux_1_1")]


# ---- the wheel ----


class Wheel:
    """A zip archive whose bytes depend on its content only."""

    def __init__(self, file: Path) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._rows: List[str] = []

    def add(self, name: str, content: bytes, mode: int = 0o644) -> None:
        entry = zipfile.ZipInfo(name, time.gmtime(moment())[:6])
        entry.external_attr = (stat.S_IFREG | mode) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        self._zip.writestr(entry, content, compresslevel=9)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        self._rows.append(f"{name},sha256={digest},{len(content)}")

    def close(self, record: str) -> None:
        rows = [*self._rows, f"{record},,"]
        self.add(record, ("\n".join(rows) + "\n").encode())
        self._zip.close()


def package_files() -> List[Path]:
    return sorted(file for file in (HERE / "src" / FOLDER).rglob("*") if file.suffix in (".py", ".typed"))


def write_wheel(
    out: Path,
    number: str,
    program: Optional[Path] = None,
    licences: Optional[Path] = None,
    licence: str = LICENCE,
    sbom: Optional[Path] = None,
) -> Path:
    tags = ["any"] if program is None else platform_tags(program.read_bytes())
    texts = {"LICENSE": licence_file().read_bytes()}
    for text in sorted(licences.iterdir()) if licences is not None else []:
        texts[f"third-party/{text.name}"] = text.read_bytes()
    for name in sorted(texts):
        # Debian has some of them under two names.
        same = next(other for other in sorted(texts) if texts[other] == texts[name])
        if same != name:
            texts[name] = f"The text is that of {same}.\n".encode()
    info = f"{FOLDER}-{number}.dist-info"
    file = out / f"{FOLDER}-{number}-py3-none-{'.'.join(tags)}.whl"
    wheel = Wheel(file)
    for source in package_files():
        wheel.add(f"{FOLDER}/{source.relative_to(HERE / 'src' / FOLDER)}", source.read_bytes())
    if program is not None:
        wheel.add(f"{FOLDER}-{number}.data/scripts/arv-vault", program.read_bytes(), 0o755)
    wheel.add(f"{info}/METADATA", metadata(number, licence, sorted(texts)))
    about = ["Wheel-Version: 1.0", "Generator: arvados-vault", f"Root-Is-Purelib: {str(program is None).lower()}"]
    wheel.add(f"{info}/WHEEL", ("\n".join([*about, *(f"Tag: py3-none-{tag}" for tag in tags)]) + "\n").encode())
    wheel.add(f"{info}/entry_points.txt", ENTRY_POINTS.encode())
    for name, text in sorted(texts.items()):
        wheel.add(f"{info}/licenses/{name}", text)
    if sbom is not None:
        wheel.add(f"{info}/sboms/{sbom.name}", sbom.read_bytes())
    wheel.close(f"{info}/RECORD")
    return file


# ---- the source distribution ----


def write_sdist(out: Path, number: str) -> Path:
    top = f"{FOLDER}-{number}"
    files: Dict[str, bytes] = {
        "PKG-INFO": metadata(number, LICENCE, ["LICENSE"]),
        "LICENSE": licence_file().read_bytes(),
        **{name: (HERE / name).read_bytes() for name in ("README.md", "pyproject.toml", "build_backend.py")},
        **{str(file.relative_to(HERE)): file.read_bytes() for file in [*package_files(), *(HERE / "policies").glob("*.hcl")]},
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode, entry.mtime = len(files[name]), 0o644, moment()
            archive.addfile(entry, io.BytesIO(files[name]))
    file = out / f"{top}.tar.gz"
    with open(file, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as compressed:
        compressed.write(packed.getvalue())
    return file


# ---- PEP 517 ----


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Optional[str] = None) -> str:
    return write_wheel(Path(wheel_directory), version()).name


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    return write_sdist(Path(sdist_directory), version()).name


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version")
    parser.add_argument("--program", type=Path)
    parser.add_argument("--licences", type=Path)
    parser.add_argument("--licence", default=LICENCE)
    parser.add_argument("--sbom", type=Path)
    options = parser.parse_args()
    number = options.version or version()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        print(write_wheel(options.out, number, options.program, options.licences, options.licence, options.sbom))
    except ValueError as error:
        raise SystemExit(f"{options.program}: no platform tag is true for it: {error}") from None
    print(write_sdist(options.out, number))


if __name__ == "__main__":
    main()
