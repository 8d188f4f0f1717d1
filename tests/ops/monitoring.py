"""The exporter as a process, and what it says, read by Prometheus' own parser."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from processes import wait_until

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy/monitoring"
EXPORTER = MONITORING / "arvados_exporter"


class Scrape:
    """Samples by name and labels."""

    def __init__(self, text: str):
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def values(self, name: str, **labels: str) -> list[float]:
        return [sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()]

    def value(self, name: str, **labels: str) -> float:
        (value,) = self.values(name, **labels)
        return value

    def counted(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """What is not zero, by one label."""
        return {sample.labels[label]: sample.value for sample in self.samples
                if sample.name == name and labels.items() <= sample.labels.items() and sample.value}

    def outcome(self, **labels: str) -> str:
        (outcome,) = self.counted("arvados_auth_scrape_outcome", "outcome", **labels)
        return outcome


class Exporter:
    def __init__(self, folder: Path, *options: str, token: str):
        self.token_file = folder / "token"
        self.write_token(token)
        self.log_file = folder / "exporter.log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen([EXPORTER, "--listen=127.0.0.1:0", f"--token-file={self.token_file}", *options], stderr=log)
        self.url = wait_until(self._announced, "the exporter to listen")

    def _announced(self) -> str | None:
        assert self.process.poll() is None, self.log()
        found = re.search(r"http://\S+/metrics", self.log())
        return found and found[0]

    def write_token(self, token: str) -> None:
        self.token_file.write_text(token + "\n")

    def log(self) -> str:
        return self.log_file.read_text()

    def scrape(self) -> Scrape:
        answer = requests.get(self.url, timeout=60)
        assert answer.status_code == 200
        return Scrape(answer.text)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)
