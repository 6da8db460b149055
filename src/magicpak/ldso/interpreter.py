"""The program interpreter: which loader it is, and the paths that are built into it."""

import re
from typing import NamedTuple

from magicpak.elf.facts import ElfFacts
from magicpak.files.view import FileView, read_file
from magicpak.ldso.machines import Machine

_MAX_SIZE = 16 << 20
# One more `/…/` than the repetition needs, since a literal first byte makes the search forty times as fast.
_DIRECTORIES = re.compile(rb"/[\x21-\x7e]*/\0(?:/[\x21-\x7e]*/\0)*")
_VERSION = re.compile(rb"release version (\d{1,9})\.(\d{1,9})")
_MUSL = re.compile(rb"/etc/ld-musl-([\x21-\x7e]+?)\.path\0")
_LAST_LEGACY = (2, 36)


class Glibc(NamedTuple):
    """A glibc loader: its default directories in order, `$LIB`, its cache and preload files (None: it has none).

    `legacy_hwcaps` tells whether it searches tls/ and similar subdirectories (glibc up to 2.36).
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
    """One PT_INTERP: its path in the program, its ELF facts, and which loader it is (None: neither glibc nor musl)."""

    path: str
    facts: ElfFacts
    inode: tuple[int, int]
    built_in: Glibc | Musl | None


def built_in(path: str, machine: Machine | None, files: FileView) -> Glibc | Musl | None:
    """Return what is built into the loader at `path`, by the strings in it; None if it is neither glibc nor musl.

    glibc's loader has its default directories as one run of strings that end in `/` (SYSTEM_DIRS), including those of
    a distribution, such as Debian's multiarch directories. Raises OSError.
    """
    data = read_file(files, path, _MAX_SIZE)
    musl = _MUSL.search(data)
    if musl:
        return Musl(musl[1].decode("ascii"))
    if machine is None or b"GLIBC_" not in data:
        return None
    run = max((run[0] for run in _DIRECTORIES.finditer(data)), key=len, default=b"")
    directories = tuple(part.decode("ascii").rstrip("/") or "/" for part in run.split(b"\0") if b"lib" in part)
    directories = directories or machine.directories
    version = _VERSION.search(data)
    return Glibc(
        directories=directories,
        lib=_lib_token(directories[0]),
        cache=_path_of(b"/ld.so.cache", data),
        preload=_path_of(b"/ld.so.preload", data),
        legacy_hwcaps=version is None or (int(version[1]), int(version[2])) <= _LAST_LEGACY,
    )


def _path_of(name: bytes, data: bytes) -> str | None:
    """Return the string in `data` that is an absolute path and ends in `name`, if there is one."""
    end = data.find(name + b"\0")
    if end < 0:
        return None
    path = data[data.rfind(b"\0", 0, end) + 1 : end] + name
    return path.decode("ascii") if path.startswith(b"/") and path.isascii() else None


def _lib_token(first: str) -> str:
    """Return the value of `$LIB` (ld.so(8)): the first default directory, relative to its prefix."""
    start = first.find("/lib")
    return first[start + 1 :] if start >= 0 else "lib"
