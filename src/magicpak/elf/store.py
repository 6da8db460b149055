"""The ELF files of the host, each opened and read once."""

import os
import stat
from typing import NamedTuple

from magicpak.elf.facts import ElfFacts
from magicpak.elf.reader import read_facts
from magicpak.elf.refusal import NotElf, require_regular


class ElfFile(NamedTuple):
    """One ELF file: its facts, (device, inode number) and permission bits."""

    facts: ElfFacts
    inode: tuple[int, int]
    mode: int


class ElfStore:
    """Remembers what each path has turned out to be, failures too."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._known: dict[str, ElfFile | NotElf | OSError] = {}

    def get(self, path: str) -> ElfFile:
        """Return the ELF file at `path`, following links. Raises NotElf, and OSError where it cannot be opened."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = _read(path)
        if isinstance(known, ElfFile):
            return known
        raise known.with_traceback(None)


def _read(path: str) -> ElfFile | NotElf | OSError:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        return error
    try:
        status = os.fstat(descriptor)
        require_regular(status.st_mode)
        return ElfFile(read_facts(descriptor), (status.st_dev, status.st_ino), stat.S_IMODE(status.st_mode))
    except (NotElf, OSError) as error:
        return error
    finally:
        os.close(descriptor)
