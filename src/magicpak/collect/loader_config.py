"""The files by which the loader in the empty image finds libraries: a minimal ld.so.cache, or musl's path file."""

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import Attributes, Content, Copy, Directory
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item, made_directory
from magicpak.collect.libraries import Placed
from magicpak.collect.system_search import ReadCaches, SystemSearch
from magicpak.elf.cache import ElfCache
from magicpak.elf.facts import DF_1_NODEFLIB
from magicpak.errors import MagicpakError
from magicpak.files.view import HOST
from magicpak.ldso.cache import CacheEntry, make_cache
from magicpak.ldso.interpreter import GLIBC_CACHE, Glibc, Interpreter, Musl
from magicpak.ldso.loader import Need, Rule
from magicpak.ldso.machines import machine_of
from magicpak.ldso.musl import DEFAULT_PATH, path_file
from magicpak.ldso.search import hwcaps_level
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.base.base import Base
    from magicpak.files.source import SourceView

_NONE = ReadCaches()
_FOR_LOADERS = Because("lets the loader find the same libraries as on the host")


class LoaderConfig(NamedTuple):
    """A plan with the files for loaders, a warning for each, and their paths."""

    plan: BundlePlan
    warnings: Sequence[str] = ()
    paths: Collection[BundlePath] = ()


def with_loader_config(
    plan: BundlePlan,
    excluded: Sequence[str],
    all_placed: Sequence[Placed],
    elf: ElfCache,
    read: ReadCaches = _NONE,
    files: "SourceView" = HOST,
    base: "Base | None" = None,
) -> LoaderConfig:
    """Return `plan` with the files that its loaders need to find what they find here.

    They replace a copy of the host's own ld.so.cache that was included, or that programs `read`. What the patterns
    `excluded` match is in the way of nothing. `elf` has the ELF files among `files`. With a `base`, loaders look at
    the plan on it, and the files have what those of the base say. Raises MagicpakError where no such file
    helps.
    """
    search = SystemSearch(plan, excluded, elf, files, base)
    items = _loader_config_items(all_placed, search, read)
    if not items:
        return LoaderConfig(plan)
    paths = {item.path for item in items}
    plan = plan.without(lambda item: item.path in paths and isinstance(item.entry, Copy))
    made = [parent for item in items for parent in _parents(item.path, item.because) if parent.path not in plan]
    warnings = [f"created {printable(item.path)} {_purpose(item)}; {_instead(item, search)}" for item in items]
    return LoaderConfig(plan.adding([*made, *items]), warnings, paths)


def _instead(item: Item, search: SystemSearch) -> str:
    if search.base_item(item.path) is not None:
        return "it has what the base's own says, and replaces it"
    return "copied onto a base image, it replaces the image's own"


def _purpose(item: Item) -> str:
    if item.because is _FOR_LOADERS:
        return "so that the loader finds the same libraries as on the host"
    return "with the libraries of the bundle, for the program that reads it"


def _parents(path: BundlePath, because: Because) -> list[Item]:
    parent = path.parent
    if parent == "/":
        return []
    directory = Directory(made_directory(parent).attributes, implied=True)
    return [*_parents(parent, because), Item(parent, directory, because)]


def _loader_config_items(all_placed: Sequence[Placed], search: SystemSearch, read: ReadCaches) -> list[Item]:
    """Return the files without which the loaders in the bundle would not find what they find here.

    A cache that programs `read` is made in any case. It lists all that loaders find by name, whether they need it for
    that or not, and for other names what the host's has.
    """
    copies = read.copies()
    caches: dict[str, list[CacheEntry]] = {path: [] for path in copies}
    little: dict[str, bool] = dict.fromkeys(copies, sys.byteorder == "little")
    paths: dict[str, list[str]] = {}
    for placed in all_placed:
        interpreter = placed.resolved.interpreter
        if interpreter is None:
            continue
        if isinstance(interpreter.built_in, Musl):
            path = path_file(interpreter.path, interpreter.built_in.arch)
            directories = _musl_directories(placed, search, search.musl_path(path) or DEFAULT_PATH.split(":"))
            if directories:
                paths.setdefault(path, []).extend(directories)
            continue
        entries = _cache_entries(placed, interpreter, search, read)
        if entries:
            path = _cache_path(interpreter, entries)
            caches.setdefault(path, []).extend(entries)
            little[path] = interpreter.facts.kind.little
    result = []
    for path, entries in caches.items():
        more = read.entries_of(copies[path], entries) if path in copies else search.base_entries(path, entries)
        because = copies[path].because if path in copies else _FOR_LOADERS
        data = make_cache(list(dict.fromkeys([*entries, *more])), little=little[path])
        result.append(_content(path, data, because))
    for path, directories in paths.items():
        text = "\n".join(dict.fromkeys(directories)) + "\n"
        result.append(_content(path, os.fsencode(text), _FOR_LOADERS))
    return result


def _content(path: str, data: bytes, because: Because) -> Item:
    return Item(BundlePath(path), Content(data, Attributes(0o644)), because)


def _cache_path(interpreter: Interpreter, entries: Sequence[CacheEntry]) -> str:
    inside = interpreter.built_in
    if isinstance(inside, Glibc) and inside.cache is None:
        names = ", ".join(printable(entry.name) for entry in entries)
        message = f"the loader {printable(interpreter.path)} does not read ld.so.cache, and would not find {names}"
        raise MagicpakError(message, hints=["give the executable a RUNPATH: patchelf --set-rpath"])
    return (inside.cache if isinstance(inside, Glibc) else None) or GLIBC_CACHE


def _cache_entries(
    placed: Placed, interpreter: Interpreter, search: SystemSearch, read: ReadCaches
) -> list[CacheEntry]:
    """Return what the cache of one closure must have, and all that it can have where programs `read` it."""
    machine = machine_of(interpreter.facts.kind)
    inside = interpreter.built_in
    directories, cache = (inside.directories, inside.cache) if isinstance(inside, Glibc) else ((), None)
    if machine is None:
        return []
    entries: list[CacheEntry] = []
    for need, place in _found_system_wide(placed):
        by = need.by.facts
        is_found = not by.flags_1 & DF_1_NODEFLIB and search.lead_to(need.name, place, directories, by, machine, cache)
        if is_found and not read.lists(cache, place):
            continue
        if not is_found:
            _refuse_unusable(need, place, directories)
        variants = need.found.variants if need.found else ()
        for path in (*variants, place):  # where there are variants alone, the first has that place
            level = hwcaps_level(path)
            if path == place or level in machine.hwcaps:
                entries.append(CacheEntry(need.name, path, machine.cache_flags, level))
    return entries


def _found_system_wide(placed: Placed) -> Iterator[tuple[Need, str]]:
    """Yield the needs, each with its place, that are found by the system's files and directories.

    Others are found by a path of their requester.
    """
    for need, place in placed.places.items():
        found = need.found
        if found is None or "/" in need.name:
            continue
        if found.relative or found.rule not in (Rule.RPATH, Rule.RUNPATH):
            yield need, str(place)


def _refuse_unusable(need: Need, place: str, defaults: Sequence[str]) -> None:
    """Refuse what the loader ignores in its cache: a default directory's, for a program that excludes those."""
    if need.by.facts.flags_1 & DF_1_NODEFLIB and place.startswith(tuple(f"{each.rstrip('/')}/" for each in defaults)):
        message = (
            f"{printable(need.by.path)} excludes the default directories (DF_1_NODEFLIB): its loader would not find "
            f"{printable(need.name)} at {printable(place)}"
        )
        raise MagicpakError(message, hints=["give it a RUNPATH: patchelf --set-rpath"])


def _musl_directories(placed: Placed, search: SystemSearch, default_path: Sequence[str]) -> list[str]:
    """Return the search path that this closure needs, in musl's order; empty where `default_path` is enough."""
    needs = dict(_found_system_wide(placed))
    for need, place in placed.places.items():  # an `$ORIGIN` that is the root is nothing to musl
        if need.found is not None and "/" not in need.name and os.path.dirname(place) == "/":
            needs[need] = str(place)
    if all(search.lead_to(need.name, place, default_path, need.by.facts) for need, place in needs.items()):
        return []
    used = {os.path.dirname(place) for place in needs.values()}
    loader = placed.resolved.loader
    order = loader.searched(placed.resolved.closure.program) if loader else []
    return sorted(used, key=lambda path: (order.index(path) if path in order else len(order), path)) + [
        path for path in default_path if path not in used
    ]
