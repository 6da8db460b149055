"""The program interpreter: which loader it is, and the paths that are built into it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from magicpak.elf.facts import ElfFacts
from magicpak.files.view import FileView, read_file
from magicpak.ldso.machines import Machine

_MAX_SIZE = 16 << 20
_PRINTABLE = bytes(range(0x21, 0x7F))
_VERSION = re.compile(rb"release version (\d{1,4})\.(\d{1,4})")
# The name of an architecture has up to 15 characters; without a limit, each repeated start would be tried to the end.
_MUSL = re.compile(rb"/etc/ld-musl-([\x21-\x7e]{1,64}?)\.path\0")
_MAX_PATH = 4096  # PATH_MAX, with the NUL
_MAX_DIRECTORIES = 64  # SYSTEM_DIRS has two to six
_LAST_LEGACY = (2, 36)

GLIBC_CACHE = "/etc/ld.so.cache"
"""Where glibc's loader, as distributions build it, has its cache."""


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
    run = max(_runs_of_directories(data), key=lambda run: len(b"\0".join(run)), default=[])
    directories = tuple(each.decode("ascii").rstrip("/") or "/" for each in run if b"lib" in each)
    directories = directories[:_MAX_DIRECTORIES] or machine.directories
    version = _VERSION.search(data)
    return Glibc(
        directories=directories,
        lib=_lib_token(directories[0]),
        cache=_path_of(b"/ld.so.cache", data),
        preload=_path_of(b"/ld.so.preload", data),
        legacy_hwcaps=version is None or (int(version[1]), int(version[2])) <= _LAST_LEGACY,
    )


def _runs_of_directories(data: bytes) -> Iterator[list[bytes]]:
    """Yield the runs of strings in `data` that begin and end in `/`, one directly after the other.

    Where other text comes before the first of a run without a NUL, it begins at the first `/`.
    """
    run: list[bytes] = []
    for part in data.split(b"/\0")[:-1]:  # by their ends: trying each `/` as the start would be quadratic
        text = _last_text(part)
        start = text.find(b"/")
        if run and (start or len(text) < len(part)):
            yield run
            run = []
        if start >= 0:
            run.append(text[start:] + b"/")
    if run:
        yield run


def _last_text(data: bytes) -> bytes:
    """Return the printable characters that `data` ends in."""
    return data[len(data.rstrip(_PRINTABLE)) :]


def _path_of(name: bytes, data: bytes) -> str | None:
    """Return the string in `data` that is an absolute path and ends in `name`, if there is one."""
    end = data.find(name + b"\0")
    if end < 0:
        return None
    path = data[data.rfind(b"\0", 0, end) + 1 : end] + name
    is_path = path.startswith(b"/") and path.isascii() and len(path) < _MAX_PATH
    return path.decode("ascii") if is_path else None


def _lib_token(first: str) -> str:
    """Return the value of `$LIB` (ld.so(8)): the first default directory, relative to its prefix."""
    start = first.find("/lib")
    return first[start + 1 :] if start >= 0 else "lib"
