"""The ELF files of one world, each opened and read once."""

import os
import stat
from typing import NamedTuple

from magicpak.elf.errors import NotElf, require_regular
from magicpak.elf.facts import ElfFacts
from magicpak.elf.reader import read_facts
from magicpak.files.view import Disk, Host


class ElfFile(NamedTuple):
    """One ELF file: its facts, (device, inode number) and permission bits."""

    facts: ElfFacts
    inode: tuple[int, int]
    mode: int


class ElfStore:
    """Remembers what each path has turned out to be, failures too.

    `disk` is what it reads from; `by_inode` are the files that it has read, by whatever path.
    """

    def __init__(self, disk: Disk | None = None) -> None:
        """Start with nothing read of `disk`, or of the host."""
        self.disk: Disk = disk or Host()
        self.by_inode: dict[tuple[int, int], ElfFile] = {}
        self._known: dict[str, ElfFile | NotElf | OSError] = {}

    def get(self, path: str) -> ElfFile:
        """Return the ELF file at `path`, following links. Raises NotElf, and OSError where it cannot be opened."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._read(path)
        if isinstance(known, ElfFile):
            return known
        raise known.with_traceback(None)

    def _read(self, path: str) -> ElfFile | NotElf | OSError:
        try:
            descriptor = self.disk.open(path)
        except OSError as error:
            return error
        try:
            status = os.fstat(descriptor)
            require_regular(status.st_mode)
            inode = status.st_dev, status.st_ino
            file = ElfFile(read_facts(descriptor), inode, stat.S_IMODE(status.st_mode))
            self.by_inode[inode] = file
        except (NotElf, OSError) as error:
            return error
        else:
            return file
        finally:
            os.close(descriptor)
