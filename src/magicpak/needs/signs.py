"""The signs by which a program shows that it needs what no header names, from `signs.toml`."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from magicpak.files.view import HOST, is_below
from magicpak.ldso.closure import Closure
from magicpak.ldso.loader import Loaded
from magicpak.needs.strings import ElfContent

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_SYSTEM = ("/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32")


_LIBRARY_NAME = re.compile(r"lib(.+?)(?:-?\d+(?:\.\d+)*)?\.so")
_VERSION = re.compile(r"-?\d+(\.\d+)*$")


class Sign(NamedTuple):
    """One block of the table, whose keys its head explains; `name` is that of `--with`."""

    name: str
    words: str
    imports: Sequence[str] = ()
    beside: Sequence[str] = ()
    strings: Sequence[str] = ()
    bytes: Sequence[str] = ()
    without: Sequence[str] = ()
    libraries: Sequence[str] = ()
    needed: Sequence[str] = ()
    loaded: Sequence[str] = ()
    env: Sequence[str] = ()
    plain: Sequence[str] = ()
    alone: bool = False
    after: str = ""
    part: str = ""

    def argument(self, env: Mapping[str, str]) -> str | None:
        """Return what the first of the variables that is set asks for; None where that is nothing."""
        value = next((env[name] for name in self.env if env.get(name)), None)
        return None if value in self.plain else value


def is_match(name: str, pattern: str) -> bool:
    """Return whether `name` matches `pattern`; a regular expression is made only for `?` and `[`: there are many."""
    start, *between = pattern.split("*")
    if "?" in pattern or "[" in pattern:
        return name.startswith(start.partition("?")[0].partition("[")[0]) and fnmatchcase(name, pattern)
    if not between or not name.startswith(start):
        return name == pattern
    position = len(start)
    for part in between[:-1]:
        position = name.find(part, position) + len(part)
        if position < len(part):
            return False
    return name.endswith(between[-1]) and position + len(between[-1]) <= len(name)


class SignedProgram:
    """A program, with what its loader loads, in which signs are looked for.

    `own` are its file and the libraries that only it has: it needs them, and they are in no directory of the system.
    `searched` are the directories that these name for the loader.
    """

    def __init__(self, name: str, closure: Closure, files: "SourceView" = HOST) -> None:
        self.name = name
        self._files = files
        self._closure = closure
        self._contents: dict[str, ElfContent] = {}
        own = _own(closure)
        self.own = [self._content(each.path) for each in own]
        self.searched = {path for each in own for path in _searched(each)}

    @cached_property
    def loaded(self) -> frozenset[str]:
        """The names of what its loader loads."""
        return frozenset([name for each in self._closure.objects for name in (each.name, each.facts.soname) if name])

    @property
    def library_directories(self) -> list[str]:
        """The directories in which libraries were found, in order."""
        return list(dict.fromkeys([os.path.dirname(each.path) for each in self._closure.objects[1:]]))

    def shows(self, sign: Sign) -> bool:
        """Return whether all that `sign` asks for is there."""
        program = self._closure.program.facts
        if sign.needed and not _matches(program.needed, sign.needed):
            return False
        if sign.loaded and not any(_matches([each.name], sign.loaded) for each in self._closure.objects):
            return False
        if not (sign.imports or sign.strings or sign.bytes):
            return bool(sign.needed or sign.loaded or sign.after)
        return any(_is_in(content, sign) for content in (*self.own, *self._libraries(sign.libraries)))

    def libraries_like_it(self, patterns: Sequence[str]) -> list[ElfContent]:
        """Return the libraries that the program itself needs, and that match one of `patterns` or are called like it.

        Such as libsox.so.3 of sox: it is no other than the program.
        """
        program = self._closure.program
        names = {_VERSION.sub("", each).lower() for each in (self.name, os.path.basename(program.path))}
        needs = [each.satisfied_by for each in program.needs if each.satisfied_by is not None]
        return [
            self._content(each.path)
            for each in needs
            if _matches([each.name], patterns)
            or ((match := _LIBRARY_NAME.match(each.name)) is not None and match[1].lower() in names)
        ]

    def _libraries(self, patterns: Sequence[str]) -> Iterator[ElfContent]:
        if patterns:
            for each in self._closure.objects:
                if _matches([each.name], patterns):
                    yield self._content(each.path)

    def _content(self, path: str) -> ElfContent:
        return self._contents.setdefault(path, ElfContent(path, self._files))


class NamedFiles(NamedTuple):
    """What counts of the files that a program names in its strings, by the part `named` of the table."""

    below: Sequence[str]
    libraries: Sequence[str]
    common: Sequence[str]
    secret: Sequence[str]
    exec: Sequence[str]
    programs: Sequence[str]
    packers: Sequence[str]
    ordinary: Sequence[str]


class SignTable(NamedTuple):
    """The whole table."""

    signs: Sequence[Sign]
    named: NamedFiles


@cache
def read_signs() -> SignTable:
    """Return the table, in its order."""
    from magicpak.needs.tables import NAMED, SIGNS

    return SignTable([Sign(**block) for block in SIGNS], NamedFiles(**NAMED))


def _is_in(content: ElfContent, sign: Sign) -> bool:
    return (
        (not sign.imports or not content.imports.isdisjoint(sign.imports))
        and (not sign.beside or not content.imports.isdisjoint(sign.beside))
        and (not sign.strings or any(map(content.has_string, sign.strings)))
        and (not sign.bytes or any(map(content.has, sign.bytes)))
        and not any(map(content.has, sign.without))
    )


def _searched(loaded: Loaded) -> list[str]:
    """Return the directories in DT_RPATH and DT_RUNPATH."""
    return [path for paths in (loaded.facts.rpath, loaded.facts.runpath) if paths for path in paths.split(":")]


def _matches(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(is_match(name, pattern) for name in names for pattern in patterns)


def _own(closure: Closure) -> list[Loaded]:
    """Return the program, and what it needs from directories that are not of the system, and what that needs there.

    The directories of the C library and of its loader are the system's, wherever they are.
    """
    libc = {os.path.dirname(each.path) for each in closure.objects if each.name.startswith("libc.")}
    own = [closure.program]
    for each in own:  # it grows
        for need in each.needs:
            library = need.satisfied_by
            if library is None or library in own or is_below(library.path, _SYSTEM):
                continue
            if library is not closure.interpreter and os.path.dirname(library.path) not in libc:
                own.append(library)
    return own
