"""The platform that an ELF file is for, in the words of container images."""

from magicpak.bundle.platform import Platform
from magicpak.elf.facts import ElfFacts, ElfTarget

_ARM, _HARD_FLOAT = "arm", 0x400  # EF_ARM_ABI_FLOAT_HARD of e_flags


_ARCHITECTURES = {
    ElfTarget(32, little=True, machine=3): "386",
    ElfTarget(64, little=True, machine=62): "amd64",
    ElfTarget(32, little=True, machine=62): "amd64",  # x32, which runs on the same kernel
    ElfTarget(32, little=True, machine=40): _ARM,
    ElfTarget(64, little=True, machine=183): "arm64",
    ElfTarget(64, little=True, machine=243): "riscv64",
    ElfTarget(64, little=True, machine=21): "ppc64le",
    ElfTarget(64, little=False, machine=21): "ppc64",
    ElfTarget(64, little=False, machine=22): "s390x",
    ElfTarget(32, little=False, machine=8): "mips",
    ElfTarget(32, little=True, machine=8): "mipsle",
    ElfTarget(64, little=False, machine=8): "mips64",
    ElfTarget(64, little=True, machine=8): "mips64le",
    ElfTarget(64, little=True, machine=258): "loong64",
}


def platform_of(facts: ElfFacts) -> Platform | None:
    """Return the platform of an ELF file; None for one that has no name.

    Of arm, the header tells only how numbers are passed: v7 passes them in registers, as Debian's armhf does, and v5,
    as armel, does not. Alpine's armhf is v6 and looks like v7.
    """
    architecture = _ARCHITECTURES.get(facts.kind)
    if architecture != _ARM:
        return None if architecture is None else Platform(architecture)
    return Platform(_ARM, "v7" if facts.flags & _HARD_FLOAT else "v5")
