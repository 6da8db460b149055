"""Which files glibc's ld.so accepts for a library's name, which it skips, and at which it stops (elf/dl-load.c)."""

import errno
import os
from enum import Enum, auto

from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError, ElfErrorKind
from magicpak.elf.facts import DF_1_PIE, ElfFacts, ElfTarget, FileType
from magicpak.files.view import FileView
from magicpak.ldso.loader import LoadError
from magicpak.ldso.machines import Machine

_SKIPPED_ERRORS = (errno.ENOENT, errno.EACCES)
_CLASSES = {32: 1, 64: 2}
_HEADER_SIZE = {32: 52, 64: 64}


class Candidate(Enum):
    """What the loader does with the file at a path."""

    ACCEPTED = auto()
    SKIPPED = auto()
    STOPS_LIST = auto()
    """It skips the rest of the list of directories, and goes on with the next list."""


def judge_candidate(path: str, program: ElfFacts, machine: Machine, elf: ElfCache) -> Candidate:
    """Return what the loader of `program` does with the file at `path`. Raises LoadError."""
    try:
        facts = elf.get(path).facts
    except ElfError as error:
        if error.kind is ElfErrorKind.MALFORMED and _is_foreign(path, program.kind, elf.files):
            return Candidate.SKIPPED
        raise LoadError(path, str(error)) from None
    except OSError as error:
        # What cannot be looked at only stops the list where its directory can be: any other is taken for absent.
        stops = error.errno not in _SKIPPED_ERRORS and elf.files.is_directory(os.path.dirname(path))
        return Candidate.STOPS_LIST if stops else Candidate.SKIPPED
    if not machine.accepts(program, facts):
        return Candidate.SKIPPED
    why = _why_not_loadable(facts)
    if why:
        raise LoadError(path, why)
    return Candidate.ACCEPTED


def is_usable(path: str, program: ElfFacts, machine: Machine, elf: ElfCache) -> bool:
    """Return whether the loader of `program` accepts the file at `path`."""
    try:
        return judge_candidate(path, program, machine, elf) is Candidate.ACCEPTED
    except LoadError:
        return False


def _why_not_loadable(facts: ElfFacts) -> str | None:
    if facts.type not in (FileType.DYN, FileType.EXEC):
        return "is an ELF file but not a shared library"
    if not facts.is_dynamic or facts.packed:
        return "has no dynamic section"
    if facts.type == FileType.EXEC or facts.flags_1 & DF_1_PIE:
        return "is an executable, not a shared library"
    return None


def _is_foreign(path: str, kind: ElfTarget, files: FileView) -> bool:
    """Return whether the malformed ELF file at `path` is of another class or machine, which the loader checks first."""
    size = _HEADER_SIZE[kind.bits]
    try:
        descriptor = files.open(path)
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
