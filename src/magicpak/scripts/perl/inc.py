"""Where a perl looks for modules (perlvar(1), "@INC"), found without running it."""

import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from magicpak.elf.errors import ElfError
from magicpak.elf.reader import read_path
from magicpak.files.view import read_host_file
from magicpak.scripts.sources import Sources

MAX_BINARY = 64 << 20
"""Bytes of perl or its library: sixteen times those of Debian's, which has all in one; with debug information, six."""

_STRING = re.compile(rb"(?<=\0)(?:\.\.\.)?/[!-~]{2,4094}(?=\0)")
_SUBDIRECTORY = re.compile(r"/(5\.\d+\.\d+)/([\w.-]+)")
_STANDARD = ("strict.pm", "Config.pm")  # of the part for all architectures, and of that for one


class ModulePath(NamedTuple):
    """The directories of @INC that exist, those of the standard library among them, and what is tried below others.

    `subdirectories` are tried in each directory that a program adds: for the version, the architecture, or both.
    """

    directories: tuple[str, ...]
    standard: tuple[str, ...]
    subdirectories: tuple[str, ...] = ()

    def below(self, added: Iterable[str], sources: Sources) -> tuple[str, ...]:
        """Return the directories of `added` that exist, each after those below it that are tried too (lib(3perl))."""
        tried = (os.path.join(each, below) for each in added for below in (*self.subdirectories, ""))
        return tuple(directory.rstrip("/") for directory in tried if sources.is_directory(directory))


def module_path(interpreter: str, sources: Sources) -> ModulePath:
    """Return the @INC of the perl at `interpreter`, which has the directories among its strings, or its library has."""
    program = sources.real(interpreter)
    found = dict.fromkeys(text for file in _files(program, sources) for text in _strings(file))
    home = os.path.dirname(program)
    paths = (os.path.normpath(home + text[3:]) if text.startswith(".../") else text for text in found)
    directories = tuple(dict.fromkeys(each for each in paths if "perl" in each and sources.is_directory(each)))
    standard = tuple(each for each in directories if not sources.names(each).isdisjoint(_STANDARD))
    tried = next((match for text in found if (match := _SUBDIRECTORY.fullmatch(text))), None)
    below = () if tried is None else (tried[0][1:], tried[1], tried[2])
    return ModulePath(directories, standard, below)


def _strings(file: str) -> Iterator[str]:
    try:
        data = read_host_file(file, MAX_BINARY)
    except OSError:
        return
    for match in _STRING.finditer(data):
        yield from match[0].decode("ascii").rstrip("/").split(":")


def _files(program: str, sources: Sources) -> Iterator[str]:
    """Yield `program`, and the libperl that it is linked with, if it is."""
    yield program
    try:
        facts = read_path(program)
    except (ElfError, OSError):
        return
    home = os.path.dirname(program)
    own = [
        each.replace("$ORIGIN", home).replace("${ORIGIN}", home)
        for each in (facts.runpath or facts.rpath or "").split(":")
    ]
    for name in facts.needed:
        if name.startswith("libperl."):
            files = (os.path.join(each, name) for each in (*own, *_library_directories(home, sources)) if each)
            yield from islice(filter(sources.is_file, files), 1)


def _library_directories(home: str, sources: Sources) -> Iterator[str]:
    for prefix in dict.fromkeys((os.path.dirname(home), "/usr", "")):
        for directory in (f"{prefix}/lib64", f"{prefix}/lib"):
            yield directory
            yield from (f"{directory}/{name}" for name in sorted(sources.names(directory)) if "-linux-" in name)
