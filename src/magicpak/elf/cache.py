"""The ELF files of one world, each opened and read once."""

import os
import stat
from typing import NamedTuple

from magicpak.elf.errors import ElfError, require_regular
from magicpak.elf.facts import ElfFacts
from magicpak.elf.reader import read_facts
from magicpak.files.view import FileView, HostView


class ElfFile(NamedTuple):
    """One ELF file: its facts, (device, inode number) and permission bits."""

    facts: ElfFacts
    inode: tuple[int, int]
    mode: int


class ElfCache:
    """Remembers what each path has turned out to be, failures too.

    `files` is what it reads from; `by_inode` are the files that it has read, by whatever path.
    """

    def __init__(self, files: FileView | None = None) -> None:
        """Start with nothing read of `files`, or of the host."""
        self.files: FileView = files or HostView()
        self.by_inode: dict[tuple[int, int], ElfFile] = {}
        self._known: dict[str, ElfFile | ElfError | OSError] = {}

    def get(self, path: str) -> ElfFile:
        """Return the ELF file at `path`, following links. Raises ElfError, and OSError where it cannot be opened."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._read(path)
        if isinstance(known, ElfFile):
            return known
        raise known.with_traceback(None)

    def _read(self, path: str) -> ElfFile | ElfError | OSError:
        try:
            descriptor = self.files.open(path)
        except OSError as error:
            return error
        try:
            status = os.fstat(descriptor)
            require_regular(status.st_mode)
            inode = status.st_dev, status.st_ino
            file = ElfFile(read_facts(descriptor), inode, stat.S_IMODE(status.st_mode))
            self.by_inode[inode] = file
        except (ElfError, OSError) as error:
            return error
        else:
            return file
        finally:
            os.close(descriptor)
