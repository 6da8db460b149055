"""The absolute paths among the strings of an interpreter: where it looks for its library."""

import os
import re
from collections.abc import Iterator
from itertools import islice

from magicpak.elf.errors import ElfError
from magicpak.elf.reader import read_path
from magicpak.scripts.sources import Sources

MAX_BINARY = 64 << 20
"""Bytes of an interpreter or its library: sixteen times those of Debian's perl; with debug information, six."""

_STRING = re.compile(rb"(?<=\0)(?:\.\.\.)?/[!-~]{2,4094}(?=\0)")


def embedded_paths(program: str, library: str, sources: Sources) -> dict[str, None]:
    """Return the paths in the real file `program`, and in what it is linked with whose name begins with `library`."""
    return dict.fromkeys(text for file in _files(program, library, sources) for text in _strings(file, sources))


def _strings(file: str, sources: Sources) -> Iterator[str]:
    for match in _STRING.finditer(sources.head(file, MAX_BINARY)):
        yield from match[0].decode("ascii").rstrip("/").split(":")


def _files(program: str, library: str, sources: Sources) -> Iterator[str]:
    yield program
    try:
        facts = read_path(sources.files.physical(sources.real(program)))
    except (ElfError, OSError):
        return
    home = os.path.dirname(program)
    own = re.sub(r"\$(ORIGIN|\{ORIGIN\})", lambda _: home, facts.runpath or facts.rpath or "").split(":")
    for name in facts.needed:
        if name.startswith(library):
            files = (os.path.join(each, name) for each in (*own, *_library_directories(home, sources)) if each)
            yield from islice(filter(sources.is_file, files), 1)


def _library_directories(home: str, sources: Sources) -> Iterator[str]:
    for prefix in dict.fromkeys((os.path.dirname(home), "/usr", "")):
        for directory in (f"{prefix}/lib64", f"{prefix}/lib"):
            yield directory
            yield from (f"{directory}/{name}" for name in sorted(sources.names(directory)) if "-linux-" in name)
