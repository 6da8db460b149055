"""Which files glibc's ld.so takes by a library's name, which it passes over, and at which it stops (elf/dl-load.c)."""

import errno
import os
from enum import Enum, auto

from magicpak.elf.cache import ElfStore
from magicpak.elf.errors import NotElf, Refusal
from magicpak.elf.facts import DF_1_PIE, ElfFacts, FileType, Kind
from magicpak.files.view import Disk
from magicpak.ldso.loader import LoadingStops
from magicpak.ldso.machines import Machine

_GO_ON = (errno.ENOENT, errno.EACCES, errno.ENOTDIR)
_CLASSES = {32: 1, 64: 2}
_HEADER_SIZE = {32: 52, 64: 64}


class Verdict(Enum):
    """What the loader does with what stands at a path."""

    TAKEN = auto()
    PASSED_OVER = auto()
    ENDS_LIST = auto()
    """It gives up the list of directories that it is in, and goes on with the next list."""


def verdict(path: str, program: ElfFacts, machine: Machine, store: ElfStore) -> Verdict:
    """Return what the loader of `program` does with the file at `path`. Raises LoadingStops."""
    try:
        facts = store.get(path).facts
    except NotElf as error:
        if error.kind is Refusal.MALFORMED and _is_foreign(path, program.kind, store.disk):
            return Verdict.PASSED_OVER
        raise LoadingStops(path, str(error)) from None
    except OSError as error:
        return Verdict.PASSED_OVER if error.errno in _GO_ON else Verdict.ENDS_LIST
    if not machine.accepts(program, facts):
        return Verdict.PASSED_OVER
    why_not = _why_not_loaded(facts)
    if why_not:
        raise LoadingStops(path, why_not)
    return Verdict.TAKEN


def is_usable(path: str, program: ElfFacts, machine: Machine, store: ElfStore) -> bool:
    """Tell whether the loader takes the file at `path`, rather than do anything else."""
    try:
        return verdict(path, program, machine, store) is Verdict.TAKEN
    except LoadingStops:
        return False


def _why_not_loaded(facts: ElfFacts) -> str | None:
    if facts.type not in (FileType.DYN, FileType.EXEC):
        return "is an ELF file, but no shared library"
    if not facts.is_dynamic:
        return "has no dynamic section"
    if facts.type == FileType.EXEC or facts.flags_1 & DF_1_PIE:
        return "is an executable, not a shared library"
    return None


def _is_foreign(path: str, kind: Kind, disk: Disk) -> bool:
    """Tell whether the damaged ELF file at `path` is of another class or machine: the loader looks no further then."""
    size = _HEADER_SIZE[kind.bits]
    try:
        descriptor = disk.open(path)
    except OSError:
        return False
    try:
        head = os.pread(descriptor, size, 0)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    machine = int.from_bytes(head[18:20], "little" if kind.little else "big")
    return len(head) == size and (head[4] != _CLASSES[kind.bits] or machine != kind.machine)
