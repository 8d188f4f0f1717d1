"""The release binaries are hardened as the build says; and each check fails on a program built without."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from elf import archive_faults, faults, static_faults

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
GOOD_STATIC = ["-O2", "-fPIE", "-static-pie", "-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code", "-Wl,--build-id=sha1", "-s"]


def build(directory: Path, flags: list[str]) -> str:
    source, program = directory / "program.c", directory / "program"
    source.write_text(PROGRAM)
    subprocess.run(["gcc", "-w", source, "-o", program, *flags], check=True)
    return str(program)


@pytest.mark.parametrize("program", ["vault-plugin-auth-arvados", "vault-plugin-secrets-arvados", "arv-vault"])
def test_the_release_binaries_are_hardened(program):
    assert faults(f"{os.environ['VPA_BUILD']}/bin/{program}") == []


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


def test_a_self_contained_program_with_all_of_it_passes(tmp_path):
    assert static_faults(build(tmp_path, GOOD_STATIC)) == []


@pytest.mark.parametrize(("without", "instead", "told"), [
    ("-static-pie", "-pie", ["has no interpreter", "needs no library (NEEDED)"]),
    ("-static-pie", "-static", ["is position independent"]),
    ("-Wl,--build-id=sha1", "-Wl,--build-id=none", ["has a build id"]),
    ("-s", "-Wl,-rpath,/tmp", ["has no RPATH or RUNPATH"]),
    ("-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code", "-Wl,-z,norelro,-z,now", ["relocations are read-only (GNU_RELRO)"]),
])
def test_each_check_of_self_contained_programs_can_fail(tmp_path, without, instead, told):
    flags = [instead if flag == without else flag for flag in GOOD_STATIC]
    assert set(told) <= set(static_faults(build(tmp_path, flags)))


def test_our_own_code_in_archives_is_looked_at(tmp_path):
    assert archive_faults([build(tmp_path, [*GOOD, "-c"])]) == []
    bare = build(tmp_path, ["-O2", "-fno-stack-protector", "-D_FORTIFY_SOURCE=0", "-c"])
    assert archive_faults([bare]) == ["has stack protectors", "has checked library calls (FORTIFY)"]
