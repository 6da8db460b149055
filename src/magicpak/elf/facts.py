"""What the kernel and the dynamic loader read of an ELF file, as one value."""

from enum import IntEnum
from typing import NamedTuple


class FileType(IntEnum):
    """e_type (elf.h)."""

    NONE = 0
    REL = 1
    EXEC = 2
    DYN = 3
    CORE = 4


DF_1_NODEFLIB = 0x800
DF_1_PIE = 0x08000000


class ElfTarget(NamedTuple):
    """What must be the same for two objects to live in one process: class in bits, byte order, machine (e_machine)."""

    bits: int
    little: bool
    machine: int


class VersionNeeded(NamedTuple):
    """One version that the object by the name `of`, which is in DT_NEEDED, must define; a `weak` one may be absent."""

    of: str
    name: str
    weak: bool


class Versions(NamedTuple):
    """What one file needs, and what it defines; None where it has no versions at all, which satisfies everyone."""

    needed: tuple[VersionNeeded, ...] = ()
    defined: frozenset[str] | None = None


class ElfFacts(NamedTuple):
    """The header, the interpreter and the dynamic section of one ELF file; strings decoded as file names are.

    `rpath` and `runpath` are None where the tag is absent; `flags` is e_flags, `flags_1` is DT_FLAGS_1.
    """

    kind: ElfTarget
    type: int
    flags: int
    entry: int
    interpreter: str | None = None
    is_dynamic: bool = False
    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    flags_1: int = 0
    auxiliary: tuple[str, ...] = ()
    filter: tuple[str, ...] = ()
    versions: Versions = Versions()
