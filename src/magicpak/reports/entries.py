"""The entries of a document by path, with the links among them, and the chains of reasons."""

from collections.abc import Iterable, Iterator

from magicpak.bundle.path import resolve
from magicpak.reports.document import ReportEntry


class Entries:
    """The entries of a document, by path."""

    def __init__(self, entries: Iterable[ReportEntry]) -> None:
        self._entries = {entry.path: entry for entry in entries}
        self._ends: dict[str, ReportEntry | None] = {}

    def __iter__(self) -> Iterator[ReportEntry]:
        return iter(self._entries.values())

    def get(self, path: str) -> ReportEntry | None:
        """Return the entry of `path` itself, if there is one."""
        return self._entries.get(path)

    def walk(self, path: str) -> tuple[list[ReportEntry], str | None]:
        """Return the links on the way to `path`, and the path that it leads to, or None for a loop of links."""
        end = resolve(path, self._target)
        return [self._entries[link] for link in end.links], None if end.error else end.place

    def end(self, path: str) -> ReportEntry | None:
        """Return the entry that `path` leads to through all links, if there is one."""
        if path not in self._ends:
            self._ends[path] = self._entries.get(self.walk(path)[1] or "")
        return self._ends[path]

    def at(self, path: str) -> ReportEntry | None:
        """Return the entry of `path` itself, which may be a link, or else the one that it leads to, if there is one."""
        return self._entries.get(path) or self.end(path)

    def chain(self, entry: ReportEntry) -> Iterator[ReportEntry]:
        """Yield the entry that asked for `entry`, then the one that asked for that, and so on, each once."""
        seen = {entry.path}
        while entry.asked_by is not None:
            requester = self.at(entry.asked_by)
            if requester is None or requester.path in seen:
                return
            seen.add(requester.path)
            yield requester
            entry = requester

    def _target(self, path: str) -> str | None:
        entry = self._entries.get(path)
        return entry.target if entry is not None else None
