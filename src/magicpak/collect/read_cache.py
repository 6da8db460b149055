"""The caches of the host's loaders that programs read themselves, as ldconfig(8) does: the bundle gets its own."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.files.view import read_host_file
from magicpak.ldso.cache import MAX_CACHE, CacheEntry, parse_cache


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
