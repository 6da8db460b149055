"""The ELF files of one root, each opened and read once."""

import os
import stat
from typing import NamedTuple

from magicpak.elf.errors import ElfError, require_regular
from magicpak.elf.facts import ElfFacts
from magicpak.elf.reader import read_facts
from magicpak.files.view import HOST, FileView

MAX_UNOPENED = 1 << 16
"""Paths that cannot be opened, of which the reason is kept: 300 bytes each, where 36 KB of names ask for a million."""


class ElfFile(NamedTuple):
    """One ELF file: its facts, (device, inode number) and permission bits.

    The facts of a program that upx has packed are of what is inside, unless `unpack_error` says why that is not known.
    """

    facts: ElfFacts
    inode: tuple[int, int]
    mode: int
    unpack_error: str | None = None


class ElfCache:
    """The ELF files of `files` (by default the host's) by path, including the errors of those that are not ELF.

    `by_inode` has the files that were read so far, whatever the path, and what `--strip` and `--compress` have made,
    as the original that it stands for. `upx` is the path or name of the upx that unpacks what is packed, `upx_timeout`
    the seconds that it may take for a file.
    """

    def __init__(self, files: FileView = HOST, upx: str = "upx", upx_timeout: float = 600) -> None:
        self.files = files
        self.upx = upx
        self.upx_timeout = upx_timeout
        self.by_inode: dict[tuple[int, int], ElfFile] = {}
        self._by_path: dict[str, ElfFile | ElfError] = {}
        self._unopened: dict[str, tuple[int, str | None]] = {}

    def get(self, path: str) -> ElfFile:
        """Return the ELF file at `path`, following links. Raises ElfError, or OSError if it cannot be opened."""
        if path in self._unopened:
            number, name = self._unopened[path]
            raise OSError(number, os.strerror(number), name)
        result = self._by_path.get(path) or self._read(path)
        try:
            if isinstance(result, OSError):
                if result.errno is not None and len(self._unopened) < MAX_UNOPENED:
                    self._unopened[path] = result.errno, result.filename
                raise result.with_traceback(None)
            self._by_path[path] = result
            if isinstance(result, ElfFile):
                return result
            raise result.with_traceback(None)
        finally:
            del result  # an error whose traceback leads to itself stays in memory, as nothing collects cycles

    def origin(self, inode: tuple[int, int]) -> tuple[int, int]:
        """Return the inode of the file of the host that the file with `inode` was made from: its own, for most."""
        return self.by_inode[inode].inode if inode in self.by_inode else inode

    def add(self, path: str, file: ElfFile) -> None:
        """Take `file` for what is at `path`, where it need not be any more."""
        self._by_path[path] = file
        self._unopened.pop(path, None)

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
            if file.facts.packed:
                file = self.by_inode.get(inode) or self._unpacked(file, descriptor)
            self.by_inode[inode] = file
        except (ElfError, OSError) as error:
            return error
        else:
            return file
        finally:
            os.close(descriptor)

    def _unpacked(self, file: ElfFile, descriptor: int) -> ElfFile:
        from magicpak.elf.unpack import UnpackError, unpacked_facts

        try:
            return file._replace(facts=unpacked_facts(descriptor, file.facts, self.upx, self.upx_timeout))
        except UnpackError as error:
            return file._replace(unpack_error=str(error))
