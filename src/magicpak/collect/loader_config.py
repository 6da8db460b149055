"""The files by which the loader in the empty image finds libraries: a minimal ld.so.cache, or musl's path file."""

import os
from collections.abc import Sequence

from magicpak.bundle.entry import Attributes, Content, Copy, Directory
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item, made_directory
from magicpak.collect.conflicts import is_found_system_wide, refuse_conflicts
from magicpak.collect.libraries import Placed
from magicpak.elf.facts import DF_1_NODEFLIB
from magicpak.errors import MagicpakError
from magicpak.ldso.cache import CacheEntry, make_cache
from magicpak.ldso.interpreter import Glibc, Interpreter, Musl
from magicpak.ldso.loader import Need
from magicpak.ldso.machines import machine_of
from magicpak.ldso.musl import DEFAULT_PATH, path_file
from magicpak.ldso.search import hwcaps_level
from magicpak.text import printable


def with_loader_config(plan: BundlePlan, all_placed: Sequence[Placed]) -> tuple[BundlePlan, list[str]]:
    """Return `plan` with the files that its loaders need to find what they find here, and a warning for each.

    They replace a copy of the host's own ld.so.cache that was included. Raises MagicpakError where no such file helps.
    """
    items = loader_config_items(all_placed)
    if not items:
        return plan, []
    paths = {item.path for item in items}
    plan = plan.without(lambda item: item.path in paths and isinstance(item.entry, Copy))
    made = [parent for item in items for parent in _parents(item.path, item.because) if parent.path not in plan]
    warnings = [
        f"created {printable(item.path)} so that the loader finds libraries outside its default directories; "
        "copied onto a base image, it replaces the image's own"
        for item in items
    ]
    return plan.adding([*made, *items]), warnings


def _parents(path: BundlePath, because: Because) -> list[Item]:
    parent = path.parent
    if parent == "/":
        return []
    directory = Directory(made_directory(parent).attributes, implied=True)
    return [*_parents(parent, because), Item(parent, directory, because)]


def loader_config_items(all_placed: Sequence[Placed]) -> list[Item]:
    """Return the files without which the loaders in the empty image would not find what they find here.

    Raises MagicpakError where no such file helps, as for two libraries of one name.
    """
    caches: dict[str, list[CacheEntry]] = {}
    little: dict[str, bool] = {}
    paths: dict[str, list[str]] = {}
    for placed in all_placed:
        interpreter = placed.resolved.interpreter
        if interpreter is None:
            continue
        if isinstance(interpreter.built_in, Musl):
            directories = _musl_directories(placed)
            if directories:
                paths.setdefault(path_file(interpreter.path, interpreter.built_in.arch), []).extend(directories)
            continue
        entries = _cache_entries(placed, interpreter)
        if entries:
            path = _cache_path(interpreter, entries)
            caches.setdefault(path, []).extend(entries)
            little[path] = interpreter.facts.kind.little
    cached = {(e.name, e.flags): e.path for entries in caches.values() for e in entries if e.hwcaps is None}
    refuse_conflicts(all_placed, cached, paths)
    because = Because("lets the loader find libraries outside its default directories")
    result = [_content(p, make_cache(list(dict.fromkeys(e)), little=little[p]), because) for p, e in caches.items()]
    for path, directories in paths.items():
        text = "\n".join(dict.fromkeys(directories)) + "\n"
        result.append(_content(path, os.fsencode(text), because))
    return result


def _content(path: str, data: bytes, because: Because) -> Item:
    return Item(BundlePath(path), Content(data, Attributes(0o644)), because)


def _cache_path(interpreter: Interpreter, entries: Sequence[CacheEntry]) -> str:
    inside = interpreter.built_in
    if isinstance(inside, Glibc) and inside.cache is None:
        names = ", ".join(printable(entry.name) for entry in entries)
        message = f"the loader {printable(interpreter.path)} does not read ld.so.cache, and would not find {names}"
        raise MagicpakError(message, hints=["give the executable a RUNPATH: patchelf --set-rpath"])
    return (inside.cache if isinstance(inside, Glibc) else None) or "/etc/ld.so.cache"


def _cache_entries(placed: Placed, interpreter: Interpreter) -> list[CacheEntry]:
    machine = machine_of(interpreter.facts.kind)
    inside = interpreter.built_in
    defaults = inside.directories if isinstance(inside, Glibc) else ()
    if machine is None:
        return []
    entries: list[CacheEntry] = []
    for need, place in placed.places.items():
        found = need.found
        if found is None or not _needs_cache(need, str(place), defaults):
            continue
        _refuse_unusable(need, str(place), defaults)
        for path in (*found.variants, str(place)):  # where there are variants alone, the first has that place
            level = hwcaps_level(path)
            if path == place or level in machine.hwcaps:
                entries.append(CacheEntry(need.name, path, machine.cache_flags, level))
    return entries


def _refuse_unusable(need: Need, place: str, defaults: Sequence[str]) -> None:
    """Refuse what the loader ignores in its cache: a default directory's, for a program that excludes those."""
    if need.by.facts.flags_1 & DF_1_NODEFLIB and place.startswith(tuple(f"{each.rstrip('/')}/" for each in defaults)):
        message = (
            f"{printable(need.by.path)} excludes the default directories (DF_1_NODEFLIB): its loader would not find "
            f"{printable(need.name)} at {printable(place)}"
        )
        raise MagicpakError(message, hints=["give it a RUNPATH: patchelf --set-rpath"])


def _needs_cache(need: Need, place: str, defaults: Sequence[str]) -> bool:
    """Return whether the loader in the bundle would not find `need` at `place` without a cache."""
    if not is_found_system_wide(need):
        return False
    in_default = os.path.dirname(place) in defaults and os.path.basename(place) == need.name
    return not in_default or bool(need.by.facts.flags_1 & DF_1_NODEFLIB)


def _musl_directories(placed: Placed) -> list[str]:
    """Return the search path that this closure needs, in musl's order; empty where its default is enough."""
    used: set[str] = set()
    for need, place in placed.places.items():
        if need.found is None or "/" in need.name:
            continue
        directory = os.path.dirname(place)
        if not is_found_system_wide(need) and directory != "/":  # an `$ORIGIN` that is the root is nothing to musl
            continue
        used.add(directory)
    defaults = DEFAULT_PATH.split(":")
    if used.issubset(defaults):
        return []
    loader = placed.resolved.loader
    order = loader.searched(placed.resolved.closure.program) if loader else []
    return sorted(used, key=lambda path: (order.index(path) if path in order else len(order), path)) + [
        path for path in defaults if path not in used
    ]
