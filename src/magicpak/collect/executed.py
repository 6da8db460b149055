"""What the programs that scripts execute need besides libraries, as far as their signs are sure."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from magicpak.needs.named import named_files
from magicpak.needs.signs import SignedProgram, SignTable, read_signs
from magicpak.resolve.libraries import Resolved
from magicpak.scripts.languages import language_of
from magicpak.scripts.sources import Sources

# fmt: off
_SURE = frozenset({
    "R", "fonts", "gdk-pixbuf", "graphicsmagick", "guile", "imagemagick", "java", "lua", "magic", "mono", "node",
    "openssl", "perl", "php", "python", "qt", "ruby", "tcl", "terminfo", "users",
})
# fmt: on
"""Names of `--with` without which a program fails at once, or which are small; the others are for one of its uses."""


_LOOK_UP_USERS = frozenset({"getpwuid", "getpwuid_r", "getpwnam", "getpwnam_r"})
"""Functions that fail without users; what they are called for does not matter, since two users cost nothing."""


class ExecutedNeeds(NamedTuple):
    """What programs need: names of `--with`, and paths, each with the program that needs it."""

    names: Mapping[str, str]
    paths: Mapping[str, str]


def executed_needs(programs: Sequence[Resolved], sources: Sources) -> ExecutedNeeds:
    """Return what `programs` need, but for interpreters, whose readers know that."""
    table = read_signs()
    names: dict[str, str] = {}
    paths: dict[str, str] = {}
    for each in programs:
        path = each.closure.program.path
        if language_of(path, sources) is None:
            program = SignedProgram(os.path.basename(path), each.closure, sources.files)
            for name in _names(program, table):
                names.setdefault(name, path)
            for file in named_files(program, table.named, os.environ):
                paths.setdefault(file.path, path)
    return ExecutedNeeds(names, paths)


def _names(program: SignedProgram, table: SignTable) -> Iterator[str]:
    for sign in table.signs:
        if sign.name in _SURE and not sign.env and program.shows(sign):
            yield sign.name
    if any(not each.imports.isdisjoint(_LOOK_UP_USERS) for each in program.own):
        yield "users"
