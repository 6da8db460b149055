"""Machines in words."""

import subprocess
import sys

import pytest

from magicpak.elf.facts import ElfTarget, machine_name
from support.elf_files import AARCH64, I386, PPC, S390X, X86_64


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (X86_64, "x86-64 (64-bit)"),
        (ElfTarget(32, little=True, machine=62), "x86-64 (32-bit)"),
        (I386, "i386 (32-bit)"),
        (AARCH64, "AArch64 (64-bit)"),
        (S390X, "S/390 (64-bit, big-endian)"),
        (PPC, "PowerPC (32-bit, big-endian)"),
        (ElfTarget(64, little=False, machine=43), "EM_SPARCV9 (64-bit, big-endian)"),
        (ElfTarget(64, little=True, machine=0x1234), "machine 0x1234 (64-bit)"),
    ],
)
def test_a_machine_has_the_name_that_people_use(kind: ElfTarget, name: str) -> None:
    assert machine_name(kind) == name


def test_usual_machines_are_named_without_importing_pyelftools() -> None:
    code = (
        "import sys; from magicpak.elf.facts import ElfTarget, machine_name;"
        "machine_name(ElfTarget(64, True, 62)); sys.exit(any(name.startswith('elftools') for name in sys.modules))"
    )

    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False).returncode
        == 0
    )
