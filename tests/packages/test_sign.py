"""scripts/sign, and the page's commands for who verifies."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from dist import DIST, ROOT, page_block, version

VERIFY = page_block("minisign -V")


class Key:
    def __init__(self, folder: Path, passphrase: str = ""):
        self.secret, self.public = folder / "secret.key", folder / "public.key"
        self.typed = f"{passphrase}\n{passphrase}\n" if passphrase else ""
        folder.mkdir()
        subprocess.run(["minisign", "-G", "-s", self.secret, "-p", self.public, *([] if passphrase else ["-W"])], input=self.typed,
                       check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def guarded_key(tmp_path_factory) -> Key:
    """Making it and using it takes seconds each: that is what the passphrase is stretched for."""
    return Key(tmp_path_factory.mktemp("guarded") / "key", "only for this test")


@pytest.fixture
def release(tmp_path) -> Path:
    """A copy to sign: without what would keep a build of an old machine, or of a changed tree, from it."""
    folder = tmp_path / "release"
    shutil.copytree(DIST, folder, copy_function=os.link)  # nothing of it is written, only replaced
    (folder / "not-for-publishing.txt").unlink(missing_ok=True)
    return folder


@pytest.fixture
def test_key(tmp_path) -> Key:
    return Key(tmp_path / "key")


def replace(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


def sign(*words: str | Path, typed: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "scripts/sign", *words], input=typed, capture_output=True, text=True, check=False)


def verify(release: Path, key: Key) -> subprocess.CompletedProcess:
    return subprocess.run(["bash", "-euo", "pipefail", "-c", VERIFY], capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "RELEASE": str(release), "PUBLIC_KEY": str(key.public)})


def test_a_signed_release_is_verified_by_the_pages_commands(release, guarded_key):
    signed = sign(guarded_key.secret, release, typed=guarded_key.typed)
    assert signed.returncode == 0, signed.stderr
    (release / "parts.txt").unlink()  # nobody takes everything

    verified = verify(release, guarded_key)

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert f"Trusted comment: vault-plugin-auth-arvados {version()}" in verified.stdout
    assert f"vault-plugin-auth-arvados_{version()}_amd64.deb: OK" in verified.stdout


@pytest.mark.parametrize("file", ["SHA256SUMS", "SHA256SUMS.installed"])
def test_a_release_that_somebody_changed_is_not_verified(release, test_key, file):
    assert sign("--test-key", test_key.secret, release).returncode == 0
    assert verify(release, test_key).returncode == 0
    replace(release / file, (release / file).read_text().replace("a", "b", 1))

    assert verify(release, test_key).returncode != 0


def test_a_release_that_somebody_else_signed_is_not_verified(release, test_key, tmp_path):
    assert sign("--test-key", test_key.secret, release).returncode == 0
    assert verify(release, Key(tmp_path / "other")).returncode != 0


def test_what_is_not_for_publishing_is_not_signed(release, guarded_key):
    (release / "not-for-publishing.txt").write_text("libssl-dev 1 OUT OF DATE: Debian has 2\n")
    refuses(sign(guarded_key.secret, release), release, "OUT OF DATE")


def refuses(done: subprocess.CompletedProcess, release: Path, words: str) -> None:
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert not (release / "SHA256SUMS.minisig").exists()


def changed(release: Path, tmp_path: Path) -> list[str | Path]:
    replace(release / "parts.txt", "something else\n")
    return ["--test-key", Key(tmp_path / "good").secret]


def unlisted(release: Path, tmp_path: Path) -> list[str | Path]:
    (release / "arv-vault_9.9.9_amd64.deb").write_text("from elsewhere")
    return ["--test-key", Key(tmp_path / "good").secret]


def without_passphrase(release: Path, tmp_path: Path) -> list[str | Path]:
    return [Key(tmp_path / "bare").secret]


def public(release: Path, tmp_path: Path) -> list[str | Path]:
    return ["--test-key", Key(tmp_path / "good").public]


def in_the_tree(release: Path, tmp_path: Path) -> list[str | Path]:
    return ["--test-key", ROOT / "README.md"]


@pytest.mark.parametrize("prepare, words", [
    (changed, "is not as scripts/release made it"), (unlisted, "arv-vault_9.9.9_amd64.deb; take them away"), (without_passphrase, "has no passphrase"),
    (public, "is not a secret key"), (in_the_tree, "is in the source tree"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_what_must_not_be_signed_is_not(release, tmp_path, prepare, words):
    refuses(sign(*prepare(release, tmp_path), release), release, words)
