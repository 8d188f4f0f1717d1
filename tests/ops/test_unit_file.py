"""deploy/monitoring/arvados-exporter.service: systemd reads it without a word, and calls it well shut in."""

from __future__ import annotations

import re
import subprocess

from monitoring import EXPORTER, MONITORING

UNIT = "arvados-exporter.service"


def test_systemd_takes_the_unit_and_finds_it_shut_in(tmp_path):
    text = (MONITORING / UNIT).read_text()
    (tmp_path / UNIT).write_text(text.replace("/usr/local/bin/arvados_exporter", str(EXPORTER)))
    taken = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / UNIT], capture_output=True, text=True, check=False)
    assert taken.returncode == 0 and UNIT not in taken.stderr, taken.stderr
    judged = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", tmp_path / UNIT], capture_output=True, text=True, check=False)
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged.stdout)[1])
    assert exposure < 2, judged.stdout


def test_a_word_that_systemd_does_not_know_is_noticed(tmp_path):
    (tmp_path / UNIT).write_text((MONITORING / UNIT).read_text().replace("/usr/local/bin/arvados_exporter", str(EXPORTER)).replace("ProtectHome=", "ProtectHouse="))
    taken = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / UNIT], capture_output=True, text=True, check=False)
    assert "ProtectHouse" in taken.stderr


def test_the_token_comes_by_a_file_and_never_by_an_argument_or_a_variable():
    text = (MONITORING / UNIT).read_text()
    assert "LoadCredential=token:" in text and "--token-file=${CREDENTIALS_DIRECTORY}/token" in text
    assert not re.search(r"^Environment=", text, re.MULTILINE)
