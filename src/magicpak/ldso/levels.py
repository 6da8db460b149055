"""What processors of a certain level load (glibc-hwcaps), where there are variants of libraries for them."""

import os
from collections.abc import Sequence

from magicpak.ldso.loader import Found, Loaded
from magicpak.ldso.machines import machine_of
from magicpak.ldso.search import hwcaps_level


def levels_of(program: Loaded, variants: Sequence[Loaded]) -> list[Sequence[str]]:
    """Return the levels that processors can have, each with those below it; none where there are no `variants`."""
    machine = machine_of(program.facts.kind)
    every = machine.hwcaps if machine else ()
    has_variants = any(hwcaps_level(each.path) for each in variants)
    return [every[: index + 1] for index in range(len(every))] if has_variants else []


def chosen(found: Found, levels: Sequence[str]) -> Found:
    """Return what a processor that has `levels` finds: the best in the first directory that has any for it.

    Where there are variants alone, and none for it, the first stands for all.
    """
    by_directory: dict[str, dict[str | None, str]] = {}
    for path in (found.path, *found.variants):
        level = hwcaps_level(path)
        if level in levels:
            by_directory.setdefault(os.path.dirname(os.path.dirname(path)), {})[level] = path
    first = next(iter(by_directory.values()), {})
    best = next((first[level] for level in reversed(levels) if level in first), found.path)
    return found._replace(path=best, variants=())


def only_there(objects: Sequence[Loaded], known: Sequence[Loaded]) -> list[Loaded]:
    """Return those of `objects`, which another processor loads, that are not `known`.

    What only those processors look for, or miss, is added to the needs of the known objects: a variant can have another
    DT_SONAME or other needs than the library that it stands for.
    """
    mine: dict[str, Loaded] = {}
    for each in known:
        mine.setdefault(each.path, each)
    needs = [need for each in known for need in each.needs]
    for need in needs:
        if need.found and need.satisfied_by:  # by another name of the same file
            mine.setdefault(need.found.path, need.satisfied_by)
    paths = {path for need in needs if need.found for path in (need.found.path, *need.found.variants)}
    missing = {(need.by.path, need.name) for need in needs if not need.satisfied_by}
    new: list[Loaded] = []
    for loaded in objects:
        owner = mine.setdefault(loaded.path, loaded)
        if owner is loaded:
            new.append(loaded)
            continue
        for need in loaded.needs:
            is_found = need.found is not None and need.found.path not in paths
            if is_found or (need.satisfied_by is None and (loaded.path, need.name) not in missing):
                owner.needs.append(need._replace(by=owner))
    return new
