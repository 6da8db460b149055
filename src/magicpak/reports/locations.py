"""Where the things in a report are: on the host, and in the bundle."""

import os
from collections.abc import Mapping

from magicpak.bundle.entry import Content, Copy, Directory, Fifo, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Item
from magicpak.collect.libraries import Placed
from magicpak.collect.result import Result
from magicpak.ldso.loader import Loaded


class Locations:
    """Answers for the plan of one result."""

    def __init__(self, result: Result) -> None:
        self._files = result.files
        self._plan = result.whole
        self._private = tuple(f"{directory}/" for directory in result.private)
        self._by_source: dict[str, str] = {}
        self._reached: dict[str, str | None] = {}
        for item in self._plan.where(lambda item: isinstance(item.entry, Copy)):
            self._by_source.setdefault(self.on_host(item) or "", item.path)

    def on_host(self, item: Item) -> str | None:
        """Return the path of the host that `item` is taken from; None for what magicpak makes."""
        match item.entry:
            case Copy(source=source, extended=extended):
                path = extended or source
                return self._files.physical(item.path) if path.startswith(self._private) else path
            case Directory(source=source):
                return source
            case Link(source=source):
                return source or self._files.physical(item.path)
            case Fifo():
                return self._files.physical(item.path)
            case Content():
                return None

    def in_bundle(self, path: str) -> str | None:
        """Return the place in the bundle that `path`, of the bundle or inside its sources, leads to; None for none."""
        if path not in self._reached:
            item, place = self._plan.reached(path)
            self._reached[path] = place if item is not None else self._by_source.get(self._source(path))
        return self._reached[path]

    def _source(self, path: str) -> str:
        return self._files.physical(self._files.real(path))

    def is_directory(self, item: Item) -> bool:
        """Return whether `item` is a directory, or a link to one: those are of no package, or of many."""
        end = self._plan.reached(item.path)[0] if isinstance(item.entry, Link) else item
        return end is not None and isinstance(end.entry, Directory)

    def owned(self) -> dict[BundlePath, str]:
        """Return for each path that a package may own, of a file or a link to one, that inside its sources."""
        on_host = {item.path: self.on_host(item) for item in self._plan if not self.is_directory(item)}
        inside = {path: self._files.inside(host) for path, host in on_host.items() if host is not None}
        return {path: place for path, place in inside.items() if place is not None}

    def of_objects(self, placed: Placed) -> Mapping[Loaded, str | None]:
        """Return the place of each object of one closure."""
        closure, program = placed.resolved.closure, placed.program
        itself = closure.program
        name = os.path.basename(itself.path)
        at = program.place if program else os.path.join(placed.resolved.origin_in_bundle, name)
        result = {itself: self.in_bundle(at) or self.in_bundle(itself.path)}
        for need, place in placed.places.items():
            loaded = need.satisfied_by
            if loaded is not None and loaded.found is need.found:
                result[loaded] = self.in_bundle(place)
        everything = closure.everything
        present = [need.satisfied_by for each in everything for need in each.needs if need.satisfied_by]
        for loaded in (*everything, *present, *([closure.interpreter] if closure.interpreter else [])):
            if loaded not in result:
                result[loaded] = self.in_bundle(loaded.path)
        return result
