"""Whether the loaders in the bundle find for each name the file that they find on the host."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from magicpak.collect.libraries import Placed
from magicpak.elf.facts import DF_1_NODEFLIB, ElfTarget
from magicpak.errors import MagicpakError
from magicpak.files.view import real_path
from magicpak.ldso.interpreter import Glibc, Interpreter, Musl
from magicpak.ldso.loader import Need, Rule
from magicpak.ldso.machines import machine_of
from magicpak.ldso.musl import DEFAULT_PATH, path_file
from magicpak.text import printable

Cached = Mapping[tuple[str, int], str]
"""The path that ld.so.cache has for a name and flags."""

PathFiles = Mapping[str, Sequence[str]]
"""The directories in each of musl's path files."""


def is_found_system_wide(need: Need) -> bool:
    """Return whether `need` is found by the system-wide files and directories, and no path of its requester."""
    found = need.found
    if found is None or "/" in need.name:
        return False
    return found.relative or found.rule not in (Rule.RPATH, Rule.RUNPATH)


def refuse_conflicts(all_placed: Sequence[Placed], cached: Cached, path_files: PathFiles) -> None:
    """Raise MagicpakError where a loader in the bundle would find another library of the same name."""
    real = cache(real_path)  # few directories, many times

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
            if need.found is None or not is_found_system_wide(need) or placed.resolved.interpreter is None:
                continue
            candidates = _candidates(need, placed.resolved.interpreter, cached, path_files)
            other = next((each for each in candidates if key(need, each) in sources), place)
            theirs, ours = sources[key(need, other)], need.found.path
            if theirs != ours and real(theirs) != real(ours):
                raise _conflict(need, other, place)


def _candidates(need: Need, interpreter: Interpreter, cached: Cached, path_files: PathFiles) -> Iterator[str]:
    """Yield where the loader looks for `need` in the bundle, after the paths of its requester."""
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


def _conflict(need: Need, other: str, place: str) -> MagicpakError:
    message = (
        f"two libraries are named {printable(need.name)}: the loader in the bundle would find {printable(other)}, "
        f"but {printable(need.by.path)} needs {printable(place)}"
    )
    return MagicpakError(message, hints=["bundle the executables separately, or give them a RUNPATH"])
