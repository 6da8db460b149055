"""Whether the loaders in the bundle find for each name the file that they found on the host."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from magicpak.collect.libraries import Placed
from magicpak.elf.facts import DF_1_NODEFLIB, ElfTarget
from magicpak.errors import MagicpakError
from magicpak.ldso.interpreter import Glibc, Interpreter, Musl
from magicpak.ldso.loader import Need, Rule
from magicpak.ldso.machines import machine_of
from magicpak.ldso.musl import DEFAULT_PATH, path_file
from magicpak.text import printable

Cached = Mapping[tuple[str, int], str]
"""The path that ld.so.cache has for a name and flags."""
PathFiles = Mapping[str, Sequence[str]]
"""The directories in each of musl's path files."""


def is_left_to_the_system(need: Need) -> bool:
    """Tell whether the bundle's system-wide files and directories must lead to `need`, and no path of its asker."""
    found = need.found
    if found is None or "/" in need.name:
        return False
    return found.relative or found.rule not in (Rule.RPATH, Rule.RUNPATH)


def refuse_contradictions(all_placed: Sequence[Placed], cached: Cached, path_files: PathFiles) -> None:
    """Raise MagicpakError where a loader in the bundle would find another library of the same name."""
    real = cache(os.path.realpath)  # few directories, asked for again and again

    def key(need: Need, path: str) -> tuple[ElfTarget, str, str]:
        """One value for all names of a directory: links of the host are the bundle's too."""
        return need.by.facts.kind, real(os.path.dirname(path)), os.path.basename(path)

    sources: dict[tuple[ElfTarget, str, str], str] = {}
    for placed in all_placed:
        for need, place in placed.places.items():
            if need.found is not None:
                sources[key(need, place)] = need.found.path
    for placed in all_placed:
        for need, place in placed.places.items():
            if need.found is None or not is_left_to_the_system(need) or placed.resolved.interpreter is None:
                continue
            candidates = _candidates(need, placed.resolved.interpreter, cached, path_files)
            other = next((each for each in candidates if key(need, each) in sources), place)
            theirs, ours = sources[key(need, other)], need.found.path
            if theirs != ours and real(theirs) != real(ours):
                raise _contradiction(need, other, place)


def _candidates(need: Need, interpreter: Interpreter, cached: Cached, path_files: PathFiles) -> Iterator[str]:
    """Yield where the loader looks for `need` in the bundle, after the paths of its asker."""
    inside, machine = interpreter.built_in, machine_of(interpreter.facts.kind)
    if isinstance(inside, Musl):
        directories = path_files.get(path_file(interpreter.path, inside.arch)) or DEFAULT_PATH.split(":")
        yield from (f"{directory}/{need.name}" for directory in directories)
        return
    path = cached.get((need.name, machine.cache_flags)) if machine else None
    if path is not None:
        yield path
    elif isinstance(inside, Glibc) and not need.by.facts.flags_1 & DF_1_NODEFLIB:
        yield from (f"{directory}/{need.name}" for directory in inside.directories)


def _contradiction(need: Need, other: str, place: str) -> MagicpakError:
    message = (
        f"the loader in the bundle would find one {printable(need.name)} for two: {printable(other)}, "
        f"and {printable(place)} for {printable(need.by.path)}"
    )
    return MagicpakError(message, hints=["bundle the executables apart, or give them a RUNPATH"])
