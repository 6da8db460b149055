"""The entries of a document by path, with the links among them, and the chains of reasons."""

from collections.abc import Iterable, Iterator

from magicpak.bundle.path import resolve
from magicpak.reports.document import ReportEntry


class Entries:
    """The entries of a document, by path; `root` is the one in which their sources were looked up."""

    def __init__(self, entries: Iterable[ReportEntry], root: str = "/") -> None:
        self._root = root.rstrip("/")
        self._entries = {entry.path: entry for entry in entries}
        self._ends: dict[str, ReportEntry | None] = {}

    def __iter__(self) -> Iterator[ReportEntry]:
        return iter(self._entries.values())

    def get(self, path: str) -> ReportEntry | None:
        """Return the entry of `path` itself, if there is one."""
        return self._entries.get(path)

    def source_at(self, path: str) -> str:
        """Return the path of the host of what is at `path` in the root, links unresolved."""
        return self._root + path

    def other_source(self, entry: ReportEntry) -> str | None:
        """Return the path of the host that `entry` is taken from; None where that is its own, or none."""
        return entry.source if entry.source != self.source_at(entry.path) else None

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
