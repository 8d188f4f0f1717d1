"""The release binary is hardened as the build says; and each check fails on a program built without."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from elf import faults

PROGRAM = """
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char copy[64];
    strcpy(copy, argv[argc - 1]);
    return printf("%s\\n", copy) < 0;
}
"""
GOOD = ["-O2", "-fPIE", "-pie", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code", "-s"]


def build(directory: Path, flags: list[str]) -> str:
    source, program = directory / "program.c", directory / "program"
    source.write_text(PROGRAM)
    subprocess.run(["gcc", "-w", source, "-o", program, *flags], check=True)
    return str(program)


def test_the_release_binary_is_hardened():
    assert faults(f"{os.environ['VPA_BUILD']}/bin/vault-plugin-auth-arvados") == []


def test_a_program_with_all_of_it_passes(tmp_path):
    assert faults(build(tmp_path, GOOD)) == []


@pytest.mark.parametrize(("without", "instead", "told"), [
    ("-pie", "-no-pie", "is position independent"),
    ("-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code", "-Wl,-z,norelro,-z,now", "relocations are read-only (GNU_RELRO)"),
    ("-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code", "-Wl,-z,relro,-z,lazy", "all symbols are bound at the start (BIND_NOW)"),
    ("-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code", "-Wl,-z,relro,-z,now,-z,execstack", "the stack is not executable"),
    ("-s", "-Wl,-rpath,/tmp", "has no RPATH or RUNPATH"),
    ("-fstack-protector-strong", "-fno-stack-protector", "has stack protectors"),
    ("-D_FORTIFY_SOURCE=2", "-D_FORTIFY_SOURCE=0", "has checked library calls (FORTIFY)"),
    ("-s", "-g", "is stripped"),
])
def test_each_check_can_fail(tmp_path, without, instead, told):
    flags = [instead if flag == without else flag for flag in GOOD]
    assert told in faults(build(tmp_path, flags))


@pytest.mark.parametrize(("assembly", "told"), [
    (".text\n.globl answer\nanswer: .quad answer\n", "has no text relocations"),
    ('.section .both,"awx",@progbits\n.quad 1\n', "nothing is writable and executable"),
])
def test_what_only_assembly_does_is_told(tmp_path, assembly, told):
    source = tmp_path / "part.s"
    source.write_text(assembly)
    assert told in faults(build(tmp_path, [*GOOD, "-Wl,-z,notext", str(source)]))
