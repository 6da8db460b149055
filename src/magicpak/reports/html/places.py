"""The entries of a document by their paths, and the anchors by which one part of the page leads to another."""

import os
from collections.abc import Iterable
from functools import cache

from magicpak.bundle.path import PathWalk
from magicpak.reports.document import ReportEntry

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-._~!$&'()*+,;=:@?")


class Places:
    """What stands where in the bundle."""

    def __init__(self, entries: Iterable[ReportEntry]) -> None:
        """Take the entries, each path once."""
        self._entries = {entry.path: entry for entry in entries}
        self._ends: dict[str, ReportEntry | None] = {}

    def at(self, path: str) -> ReportEntry | None:
        """Return the entry at `path`, be it a link, or what the links on the way to it lead to; None for nothing."""
        return self._entries.get(path) or self.end(path)

    def end(self, path: str) -> ReportEntry | None:
        """Return the entry to which `path` leads when every link is followed; None where there is nothing."""
        if path not in self._ends:
            self._ends[path] = self._walked(path)
        return self._ends[path]

    def chain(self, entry: ReportEntry, most: int) -> list[ReportEntry]:
        """Return who asked for `entry`, who asked for that, and so on: nobody twice, and no more than `most`."""
        chain = [entry]
        while len(chain) <= most and chain[-1].asked_by is not None:
            requester = self.at(chain[-1].asked_by)
            if requester is None or requester in chain:
                break
            chain.append(requester)
        return chain[1:]

    def _walked(self, path: str) -> ReportEntry | None:
        way, entry = PathWalk(path), None
        while way.step():
            entry = self._entries.get(way.at)
            if entry is not None and entry.target is not None and not way.follow(entry.target):
                return None
        return entry


@cache
def anchor(path: str) -> str:
    """Return the id of the row of `path`: what a URL has for it after the `#`, percent-encoded (RFC 3986)."""
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in os.fsencode(path))
