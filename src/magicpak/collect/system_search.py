"""What loaders find by the files and directories of the system, in a plan or in a base with it.

Caches of the host's loaders can be read by programs themselves, as by ldconfig(8): the bundle gets its own.
"""

import os
import re
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.exclude import exclude
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfFacts
from magicpak.files.view import read_host_file
from magicpak.ldso.cache import MAX_CACHE, CacheEntry, parse_cache
from magicpak.ldso.machines import Machine

if TYPE_CHECKING:
    from magicpak.base.base import Base
    from magicpak.files.source import SourceView

_MAX_PATH_FILE = 1 << 16  # bytes


class ReadCaches(NamedTuple):
    """The paths of such caches, and the plan as it will be, of which those in the bundle list the libraries."""

    paths: Collection[BundlePath] = ()
    plan: BundlePlan = BundlePlan()

    def copies(self) -> dict[str, Item]:
        """Return the copies of these caches in the plan, by their paths."""
        return {path: item for path in self.paths if (item := self.plan.get(path)) is not None}

    def lists(self, cache: str | None, library: str) -> bool:
        """Return whether `cache` is one of these, and lists what is at the path `library`."""
        return cache in self.paths and self.plan.reached(library)[0] is not None

    def entries_of(self, copy: Item, known: Sequence[CacheEntry]) -> list[CacheEntry]:
        """Return what the cache of the host of which `copy` is one says of libraries in the plan, but of `known` names.

        Of several for one name and processor the first counts, as for the loader.
        """
        names = {(entry.name, entry.flags) for entry in known}
        try:
            data = read_host_file(copy.entry.source, MAX_CACHE + 1) if isinstance(copy.entry, Copy) else b""
        except OSError:
            return []
        first: dict[tuple[str, int, str | None], CacheEntry] = {}
        for entry in (each for entries in parse_cache(data).values() for each in entries):
            is_legacy = entry.hwcaps == ""  # for a processor that cannot be named any more
            if (
                not is_legacy
                and (entry.name, entry.flags) not in names
                and self.plan.reached(entry.path)[0] is not None
            ):
                first.setdefault((entry.name, entry.flags, entry.hwcaps), entry)
        return list(first.values())


class SystemSearch:
    """What loaders find by the configuration of a base and in the default directories.

    `elf` has the ELF files among `files`. With a `base`, they see `plan` on it. What the patterns
    `excluded` match is in the way of nothing.
    """

    def __init__(
        self,
        plan: BundlePlan,
        excluded: Sequence[str],
        elf: ElfCache,
        files: "SourceView",
        base: "Base | None",
    ) -> None:
        self._own = plan
        self._base = base
        self._plan = self._on_base(plan)
        self._excluded = excluded
        self._elf = elf
        self._files = files
        self._ends: dict[str, BundlePath] = {}
        self._caches: dict[str, dict[str, list[CacheEntry]]] = {}

    def lead_to(
        self,
        name: str,
        place: str,
        directories: Sequence[str],
        requester: ElfFacts,
        machine: Machine | None = None,
        cache: str | None = None,
    ) -> bool:
        """Return whether a loader finds `place` by its `name`: in the base's `cache`, then in `directories`.

        A file that `machine` does not accept for `requester` is skipped; without one, as by musl, none is.
        """
        above, own_name = os.path.split(place)
        wanted = self._end(above).joined(own_name)
        if cache is not None and machine is not None:
            for entry in self._cache_of_base(cache).get(name, ()):
                path = self._plan.reached(entry.path)[1]
                if entry.flags == machine.cache_flags and not self._is_skipped(path, requester, machine):
                    return path == wanted or bool(self._plan.is_same_file(path, place))
        for directory in directories:
            path = self._end(directory).joined(name)
            if path == wanted:
                return True
            if path not in self._plan or (machine is not None and self._is_skipped(path, requester, machine)):
                continue
            if path in self._kept and wanted in self._kept:
                return bool(self._plan.is_same_file(path, place))
        return False

    def base_item(self, path: str) -> Item | None:
        """Return what the base has at `path`, where a loader reads it and the plan has nothing."""
        if self._base is None or self._own.reached(path)[0] is not None:
            return None
        return self._plan.reached(path)[0]

    def base_entries(self, cache: str, known: Sequence[CacheEntry]) -> list[CacheEntry]:
        """Return what the base's `cache` says of other libraries than those `known`, as far as they will be there."""
        item = self.base_item(cache)
        return [] if item is None else ReadCaches((), self._kept).entries_of(item, known)

    def musl_path(self, path: str) -> list[str] | None:
        """Return the directories that musl's path file at `path` of the base names; None where it has none."""
        item = self.base_item(path)
        return None if item is None else re.split("[\n:]", os.fsdecode(_read(item, _MAX_PATH_FILE)).rstrip("\n"))

    def _cache_of_base(self, path: str) -> dict[str, list[CacheEntry]]:
        if path not in self._caches:
            item = self.base_item(path)
            self._caches[path] = {} if item is None else parse_cache(_read(item, MAX_CACHE + 1))
        return self._caches[path]

    @cached_property
    def _kept(self) -> BundlePlan:
        kept = exclude(self._own, self._excluded).plan
        return self._on_base(kept)

    def _on_base(self, plan: BundlePlan) -> BundlePlan:
        """Return what programs will see of `plan`."""
        return plan if self._base is None else self._base.lay(plan).union

    def _end(self, directory: str) -> BundlePath:
        if directory not in self._ends:
            self._ends[directory] = self._plan.reached(directory)[1]
        return self._ends[directory]

    def _is_skipped(self, path: str, requester: ElfFacts, machine: Machine) -> bool:
        item = self._plan.reached(path)[0]
        if item is None or not isinstance(item.entry, Copy):
            return item is None
        try:
            return not machine.accepts(requester, self._elf.get(self._files.inside(item.entry.source) or "").facts)
        except (OSError, ElfError):  # at what is not an ELF file the loader stops
            return False


def _read(item: Item, most: int) -> bytes:
    """Return the first `most` bytes of a file of the base; none where there are none to read."""
    try:
        return read_host_file(item.entry.source, most) if isinstance(item.entry, Copy) else b""
    except OSError:
        return b""
