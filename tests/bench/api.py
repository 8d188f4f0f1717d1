"""The constant API server as a process, and the answers it gives."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import requests
import trustme

REVIEW = "/apis/authentication.k8s.io/v1/tokenreviews"


def certify(directory: Path) -> str:
    """Puts key.pem and cert.pem there; the CA's certificate."""
    directory.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(str(directory / "key.pem"))
    (directory / "cert.pem").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    return authority.cert_pem.bytes().decode()


class Api:
    """`answers` maps the start of a path to a body."""

    def __init__(self, program: Path, directory: Path, answers: dict[str, bytes]):
        self.ca = certify(directory)
        words = []
        for number, (prefix, body) in enumerate(answers.items()):
            file = directory / f"answer-{number}"
            file.write_bytes(body)
            words.append(f"{prefix}={file}")
        self.process = subprocess.Popen([program, directory / "cert.pem", directory / "key.pem", *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.host = f"127.0.0.1:{int(self.process.stdout.readline())}"

    def _order(self, line: str) -> None:
        self.process.stdin.write(line + "\n")

    def delay(self, ms: int) -> None:
        self._order(f"delay {ms}")

    def hang(self) -> None:
        """From now on nothing is answered."""
        self._order("hang")

    def count(self) -> dict[str, int]:
        """What came since the last count."""
        self._order("count")
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)


def record(mount, container) -> dict[str, bytes]:
    """What the simulator answered to the plugin for a config write and a login, each asked once more."""
    mount.sim.log.clear()
    mount.configure(cache_ttl=10)
    mount.logged_in(container.token)
    answers = {}
    for entry in mount.sim.log.entries():
        headers = {"Authorization": f"Bearer {entry.token}"} if entry.token else {}
        answer = requests.get(f"https://{mount.sim.host}{entry.path}?{entry.query}", headers=headers, verify=mount.sim.ca_pem, timeout=10)
        assert answer.status_code == 200, answer.text
        # The same path is asked for different things: the longest prefix answers.
        answers[entry.path] = answer.content
        answers[f"{entry.path}?{entry.query}"] = answer.content
    return answers


def review(uid: str) -> bytes:
    """What Kubernetes answers to the review of a service account's token."""
    user = {"username": "system:serviceaccount:science:job", "uid": uid, "groups": ["system:serviceaccounts", "system:authenticated"]}
    return json.dumps({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "spec": {},
                       "status": {"authenticated": True, "user": user, "audiences": ["https://kubernetes.default.svc"]}}).encode()
