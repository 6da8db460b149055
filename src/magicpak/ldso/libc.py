"""Which C library an ELF file is built for: a process has one, and a library that is built for another fails in it."""

import os
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from magicpak.elf.facts import ElfFacts
from magicpak.ldso.closure import Closure
from magicpak.ldso.interpreter import Glibc, Interpreter, Musl
from magicpak.ldso.loader import Loaded

_LOADERS_OF_GLIBC = ("ld-linux", "ld64.so.", "ld.so.1")
_OF_GLIBC = ("libc.so.6", *_LOADERS_OF_GLIBC)
_VERSIONS_OF_GLIBC = "GLIBC_"
_OF_MUSL = "libc.so"
_OF_MUSL_IN_ALPINE = "libc.musl-"
_GCOMPAT = "libgcompat.so"
"""It gives musl what glibc's libraries need; a program that needs or preloads it is meant to load them."""


class Libc(Enum):
    """A C library, by its name."""

    GLIBC = "glibc"
    MUSL = "musl"


class ForeignNeed(NamedTuple):
    """An object of a process, and the `name` that it needs of another C library than the `own` one of the process."""

    by: Loaded
    name: str
    libc: Libc
    own: Libc


def libc_of_loader(interpreter: Interpreter | None) -> Libc | None:
    """Return the C library of the processes of a loader; None if it is not known."""
    inside = interpreter.built_in if interpreter is not None else None
    return {Glibc: Libc.GLIBC, Musl: Libc.MUSL}.get(type(inside)) if inside is not None else None


def libc_of_name(name: str) -> Libc | None:
    """Return the C library, or the part of it, that `name` stands for in DT_NEEDED; None for any other library."""
    if name == _OF_MUSL or name.startswith(_OF_MUSL_IN_ALPINE):
        return Libc.MUSL
    return Libc.GLIBC if name.startswith(_OF_GLIBC) else None


def libc_needed(facts: ElfFacts) -> tuple[Libc, str] | None:
    """Return the C library that a file is built for, and the name in its DT_NEEDED that shows it; None for no sign."""
    signs = [(libc, name) for name in facts.needed if (libc := libc_of_name(name)) is not None]
    signs += [(Libc.GLIBC, each.of) for each in facts.versions.needed if each.name.startswith(_VERSIONS_OF_GLIBC)]
    return signs[0] if signs else None


def foreign_needs(closure: Closure, interpreter: Interpreter | None) -> Iterator[ForeignNeed]:
    """Yield each object of a process that is built for another C library than that of its loader.

    To musl `libc.so.6` is a name of its own, so that a program which needs that can start; but musl lacks much of what
    libraries need that are built for glibc. They are meant to be loaded where musl has the name of glibc's loader, or
    with gcompat.
    """
    own = libc_of_loader(interpreter)
    if own is Libc.GLIBC:
        yield from _needs_of_musl(closure)
    elif own is Libc.MUSL and interpreter is not None and not _takes_what_needs_glibc(closure, interpreter):
        for loaded in closure.objects:
            needed = libc_needed(loaded.facts)
            if needed is not None and needed[0] is Libc.GLIBC and loaded is not closure.program:
                yield ForeignNeed(loaded, needed[1], Libc.GLIBC, Libc.MUSL)


def _needs_of_musl(closure: Closure) -> Iterator[ForeignNeed]:
    """Yield what needs musl in a process of glibc, and gets it: by that name a system can have glibc itself."""
    for loaded in (*closure.objects, *closure.variants):
        for need in loaded.needs:
            if need.satisfied_by is None or libc_of_name(need.name) is not Libc.MUSL:
                continue
            defined = need.satisfied_by.facts.versions.defined or ()
            if not any(each.startswith(_VERSIONS_OF_GLIBC) for each in defined):
                yield ForeignNeed(loaded, need.name, Libc.MUSL, Libc.GLIBC)


def _takes_what_needs_glibc(closure: Closure, interpreter: Interpreter) -> bool:
    has_its_name = os.path.basename(interpreter.path).startswith(_LOADERS_OF_GLIBC)
    return has_its_name or any(each.name.startswith(_GCOMPAT) for each in closure.objects)
