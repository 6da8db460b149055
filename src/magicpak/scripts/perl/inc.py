"""Where a perl looks for modules (perlvar(1), "@INC"), found without running it."""

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from magicpak.scripts.embedded import embedded_paths
from magicpak.scripts.sources import Sources

_SUBDIRECTORY = re.compile(r"/(5\.\d+\.\d+)/([\w.-]+)")
_STANDARD = ("strict.pm", "Config.pm")  # of the part for all architectures, and of that for one


class ModulePath(NamedTuple):
    """The directories of @INC that exist, those of the standard library among them, and what is tried below others.

    `subdirectories` are tried in each directory that a program adds: for the version, the architecture, or both.
    `home` has perl's own programs.
    """

    directories: tuple[str, ...]
    standard: tuple[str, ...]
    subdirectories: tuple[str, ...]
    home: str

    def below(self, added: Iterable[str], sources: Sources) -> tuple[str, ...]:
        """Return the directories of `added` that exist, each after those below it that are tried too (lib(3perl))."""
        tried = (os.path.join(each, below) for each in added for below in (*self.subdirectories, ""))
        return tuple(directory.rstrip("/") for directory in tried if sources.is_directory(directory))


def module_path(interpreter: str, sources: Sources) -> ModulePath:
    """Return the @INC of the perl at `interpreter`, which has the directories among its strings, or its library has."""
    program = sources.real(interpreter)
    found = embedded_paths(program, "libperl.", sources)
    home = os.path.dirname(program)
    paths = (os.path.normpath(home + text[3:]) if text.startswith(".../") else text for text in found)
    directories = tuple(dict.fromkeys(each for each in paths if "perl" in each and sources.is_directory(each)))
    standard = tuple(each for each in directories if not sources.names(each).isdisjoint(_STANDARD))
    tried = next((match for text in found if (match := _SUBDIRECTORY.fullmatch(text))), None)
    below = () if tried is None else (tried[0][1:], tried[1], tried[2])
    return ModulePath(directories, standard, below, home)
