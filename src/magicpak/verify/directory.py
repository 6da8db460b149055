"""`--check`: whether the programs in a directory start with it as their root."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.errors import InputNotBundleable, InvalidUsage, reason
from magicpak.ldso.factory import emulated_loaders
from magicpak.text import count_noun, printable
from magicpak.verify.links import dangling_warning, is_filled_later
from magicpak.verify.problems import Problem
from magicpak.verify.programs import ProgramChecker
from magicpak.verify.root_view import DirectoryView
from magicpak.verify.symbols import SymbolCheck


class DirectoryCheck(NamedTuple):
    """How many programs were looked at, what keeps some from starting, and lines on what else is worth a look."""

    programs: int
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def check_directory(directory: str, programs: Sequence[str], *, symbols: bool = False) -> DirectoryCheck:
    """Return what there is to say of `programs` in `directory`, by their paths there; of all in it where none is named.

    With `symbols` each must find its symbols, too.

    Raises InvalidUsage for what is no directory, InputNotBundleable for what is no program in it, and OSError.
    """
    if not os.path.isdir(directory):
        why = "is not a directory" if os.path.lexists(directory) else "does not exist"
        raise InvalidUsage(f"--check {printable(directory)} {why}")
    world = DirectoryView(directory)
    store = ElfCache(world)
    starter = ProgramChecker(world, store, emulated_loaders(store), *([SymbolCheck(world).problems] if symbols else []))
    if programs:
        found = [problem for path in programs for problem in _named(path, directory, starter)]
        return DirectoryCheck(len(programs), tuple(found), tuple(_unknown(starter)))
    count, found = starter.look_at_all()
    unread = _told([*world.closed, *starter.unread], "cannot be read, and is not checked")
    return DirectoryCheck(count, tuple(found), (*_unknown(starter), *unread, *_dead_links(world)))


def _named(path: str, directory: str, starter: ProgramChecker) -> Sequence[Problem]:
    try:
        return starter.look(BundlePath(path)).problems
    except OSError as error:
        why = f"cannot be read in {printable(directory)}: {reason(error)}"
        raise InputNotBundleable(path, why, _hint(path, directory)) from None
    except ElfError as error:
        raise InputNotBundleable(path, str(error)) from None


def _hint(path: str, directory: str) -> str | None:
    """Return what to do about a path that was given as it is outside of the directory."""
    real, root = os.path.realpath(path), os.path.realpath(directory)
    if os.path.exists(real) and real.startswith(f"{root.rstrip('/')}/"):
        return f"EXE is a path in the directory: {printable(real[len(root.rstrip('/')) :])}"
    return None


def _unknown(starter: ProgramChecker) -> Iterator[str]:
    for path in starter.unknown:
        loader = printable(path)
        yield f"nothing is known of the loader {loader}: whether it finds what its programs need is not checked"


def _dead_links(world: DirectoryView) -> list[str]:
    """Return a line on the links that lead to nothing, but for those into what is filled when the system runs."""
    dead: list[tuple[str, str]] = []
    for link in world.links():
        try:
            world.reached(link.path)
        except OSError as error:
            if not is_filled_later(BundlePath(error.filename)):
                dead.append(link)
    return dangling_warning(dead)


def _told(names: Sequence[str], words: str) -> list[str]:
    more = f" (and {count_noun(len(names) - 1, 'other')})" if names[1:] else ""
    return [f"{printable(names[0])}{more} {words}"] if names else []
