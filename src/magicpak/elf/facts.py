"""What the kernel and the dynamic loader read from an ELF file, as one value, and the names of its machines."""

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

# Common names of the machines that Linux distributions are built for; pyelftools has those of elf.h for the rest.
_COMMON_NAMES = {
    3: "i386",
    8: "MIPS",
    20: "PowerPC",
    21: "PowerPC64",
    22: "S/390",
    40: "ARM",
    62: "x86-64",
    183: "AArch64",
    243: "RISC-V",
    258: "LoongArch",
}


class ElfTarget(NamedTuple):
    """What two objects of one process must have in common: class in bits, byte order, machine (e_machine)."""

    bits: int
    little: bool
    machine: int


class DependencyKind(IntEnum):
    """How an object asks for another one: the d_tag (elf.h)."""

    NEEDED = 1
    AUXILIARY = 0x7FFFFFFD
    """The object is a filter: symbols are looked for in the other one first, if there is one."""
    FILTER = 0x7FFFFFFF
    """The same, and without the other one it cannot be loaded."""


class Dependency(NamedTuple):
    """One entry of the dynamic section that asks for another object by its name."""

    kind: DependencyKind
    name: str


class VersionNeeded(NamedTuple):
    """One version that `of`, a name in DT_NEEDED, must define; a `weak` one may be absent."""

    of: str
    name: str
    weak: bool


class Versions(NamedTuple):
    """What one file needs and defines; `defined` is None for a file without versions, which satisfies every need."""

    needed: tuple[VersionNeeded, ...] = ()
    defined: frozenset[str] | None = None


class ElfFacts(NamedTuple):
    """The header, the interpreter and the dynamic section of one ELF file; strings are decoded like file names.

    `dependencies` are in the order of the section, which counts. `audit` are the names in DT_AUDIT, then those in
    DT_DEPAUDIT. `rpath` and `runpath` are None if the tag is absent; `flags` is e_flags, `flags_1` is DT_FLAGS_1. A
    program that is `packed` by upx has all else inside, from where `ElfCache` takes it.
    """

    kind: ElfTarget
    type: int
    flags: int
    entry: int
    interpreter: str | None = None
    is_dynamic: bool = False
    dependencies: tuple[Dependency, ...] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    flags_1: int = 0
    audit: tuple[str, ...] = ()
    versions: Versions = Versions()
    packed: bool = False

    @property
    def needed(self) -> tuple[str, ...]:
        """The names in DT_NEEDED, in order."""
        return tuple([each.name for each in self.dependencies if each.kind is DependencyKind.NEEDED])


def machine_name(kind: ElfTarget) -> str:
    """Return `kind` for a message, such as `x86-64 (64-bit)`, `S/390 (64-bit, big-endian)`, `EM_SPARCV9 (64-bit, ...)`.

    Different kinds have different names.
    """
    order = "" if kind.little else ", big-endian"
    return f"{_COMMON_NAMES.get(kind.machine) or _name_in_elf_h(kind.machine)} ({kind.bits}-bit{order})"


def _name_in_elf_h(machine: int) -> str:
    from elftools.elf.enums import ENUM_E_MACHINE  # costs 65 ms, for rare machines only

    names = sorted(name for name, number in ENUM_E_MACHINE.items() if number == machine and name.startswith("EM_"))
    return names[0] if names else f"machine {machine:#x}"
