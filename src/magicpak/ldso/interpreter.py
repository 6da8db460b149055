"""The program interpreter: which loader it is, and what is built into it."""

import re
from typing import NamedTuple

from magicpak.elf.facts import ElfFacts
from magicpak.files.view import FileView, read_file
from magicpak.ldso.machines import Machine

_READ_AT_MOST = 16 << 20
# One more `/…/` than the repetition needs, since a literal first byte makes the search forty times as fast.
_DIRECTORIES = re.compile(rb"/[\x21-\x7e]*/\0(?:/[\x21-\x7e]*/\0)*")
_VERSION = re.compile(rb"release version (\d+)\.(\d+)")
_MUSL = re.compile(rb"/etc/ld-musl-([\x21-\x7e]+?)\.path\0")
_LAST_LEGACY = (2, 36)


class Glibc(NamedTuple):
    """A glibc loader: its default directories in order, `$LIB`, its cache and preload files (None: it has none).

    `legacy_hwcaps` tells that it looks into tls/ and the like (glibc up to 2.36).
    """

    directories: tuple[str, ...]
    lib: str
    cache: str | None
    preload: str | None
    legacy_hwcaps: bool


class Musl(NamedTuple):
    """A musl loader: the architecture in the name of its path file, `/etc/ld-musl-ARCH.path`."""

    arch: str


class Interpreter(NamedTuple):
    """One PT_INTERP: its path as the program names it, its ELF facts, and what it is; None where it is not known."""

    path: str
    facts: ElfFacts
    inode: tuple[int, int]
    built_in: Glibc | Musl | None


def built_in(path: str, machine: Machine | None, files: FileView) -> Glibc | Musl | None:
    """Return what is built into the loader at `path`, by the strings in it; None if it is no glibc and no musl.

    glibc's loader holds its default directories as one run of strings that end in `/` (SYSTEM_DIRS), so a
    distribution's own, as Debian's multiarch directories, are seen. Raises OSError.
    """
    data = read_file(files, path, _READ_AT_MOST)
    musl = _MUSL.search(data)
    if musl:
        return Musl(musl[1].decode("ascii"))
    if machine is None or b"GLIBC_" not in data:
        return None
    directories = max((run[0] for run in _DIRECTORIES.finditer(data)), key=len, default=b"")
    found = tuple(part.decode("ascii").rstrip("/") or "/" for part in directories.split(b"\0") if b"lib" in part)
    found = found or machine.directories
    version = _VERSION.search(data)
    return Glibc(
        directories=found,
        lib=_lib_token(found[0]),
        cache=_path_of(b"/ld.so.cache", data),
        preload=_path_of(b"/ld.so.preload", data),
        legacy_hwcaps=version is None or (int(version[1]), int(version[2])) <= _LAST_LEGACY,
    )


def _path_of(name: bytes, data: bytes) -> str | None:
    """Return the absolute path that ends in `name` and is a string in `data`, if there is one."""
    end = data.find(name + b"\0")
    if end < 0:
        return None
    path = data[data.rfind(b"\0", 0, end) + 1 : end] + name
    return path.decode("ascii") if path.startswith(b"/") and path.isascii() else None


def _lib_token(first: str) -> str:
    """Return what `$LIB` stands for (ld.so(8)): the first default directory, relative to its prefix."""
    start = first.find("/lib")
    return first[start + 1 :] if start >= 0 else "lib"
