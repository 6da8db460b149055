"""`--why`: the chain of reasons for one file, in words."""

from collections.abc import Callable, Iterator, Mapping

from magicpak.bundle.path import BundlePath, PathWalk
from magicpak.errors import NotInBundle
from magicpak.reports.document import Document, ReportEntry
from magicpak.text import format_size, printable

_MOST_ASKERS = 20


class Why:
    """Answers for one document."""

    def __init__(self, document: Document, excluded_by: Callable[[str], str | None]) -> None:
        """Take the document, and what tells which `--exclude` has taken a path of the bundle away, if one has."""
        self._document = document
        self._excluded_by = excluded_by
        self._entries = {entry.path: entry for entry in document.entries}
        self._askers: Mapping[str, list[str]] = _askers(document)

    def answer(self, path: str) -> Iterator[str]:
        """Yield the lines that tell why `path` is in the bundle.

        It is a path of the bundle, or of the host where that is another, or the end of one, as a name. Raises
        NotInBundle.
        """
        meant = list(dict.fromkeys(entry for each in self._places(path) for entry in self._followed(each)))
        if not meant:
            raise NotInBundle(path, self._absence(path))
        for entry in meant:
            yield from self._about(entry)

    def _places(self, path: str) -> list[str]:
        """Return the paths of the bundle that are meant by `path`."""
        if not path.startswith("/"):
            return [each for each in self._entries if each.endswith(f"/{path}")]
        place = BundlePath(path)
        return (
            [place] if self._followed(place) else [each.path for each in self._entries.values() if each.source == place]
        )

    def _followed(self, path: str) -> list[ReportEntry]:
        """Return the links on the way to `path`, and what it leads to; nothing where the way ends before."""
        passed: list[ReportEntry] = []
        entry: ReportEntry | None = None
        way = PathWalk(path)
        while way.step():
            entry = self._entries.get(way.at)
            if entry is None:  # a dead link is there all the same
                return passed if path == (passed[-1].path if passed else None) else []
            if entry.target is not None:
                passed.append(entry)
                if not way.follow(entry.target):
                    return passed
        return [*passed, entry] if entry is not None and entry.target is None else passed

    def _about(self, entry: ReportEntry) -> Iterator[str]:
        what = f" (link to {printable(entry.target)})" if entry.target is not None else ""
        what = f" ({format_size(entry.size)})" if entry.type == "file" else what
        yield f"{printable(entry.path)}{what}: {entry.reason}"
        chain = {entry.path}
        asking = entry.asked_by
        while asking is not None and asking not in chain:
            chain.add(asking)
            yield f"  {printable(asking)}: {self._entries[asking].reason}"
            asking = self._entries[asking].asked_by
        others = [each for each in self._askers.get(entry.path, ()) if each != entry.asked_by]
        if others:
            more = f" and {len(others) - _MOST_ASKERS} more" if others[_MOST_ASKERS:] else ""
            yield f"  also needed by {', '.join(map(printable, others[:_MOST_ASKERS]))}{more}"

    def _absence(self, path: str) -> str:
        """Return why `path` is not there, as far as is known."""
        named = [each.path for each in self._document.excluded if BundlePath(each.path).name == path]
        flag = next(filter(None, map(self._excluded_by, named or [path])), None)
        if flag is not None:
            return f"{flag} has left it out"
        for each in self._document.missing:
            if path in (each.name, BundlePath(each.name).name):
                return f"it is missing, needed by {', which is needed by '.join(map(printable, each.needed_by))}"
        return "nothing asks for it"


def _askers(document: Document) -> dict[str, list[str]]:
    """Return for each path of an object which others need it."""
    askers: dict[str, dict[str, None]] = {}
    for process in document.processes:
        for each in process.objects:
            for need in each.needs:
                if need.path is not None:
                    askers.setdefault(need.path, {})[each.path or each.file] = None
    return {path: list(whom) for path, whom in askers.items()}
