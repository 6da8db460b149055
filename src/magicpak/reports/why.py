"""`--why`: the chain of reasons for one file."""

from collections.abc import Callable, Iterator, Mapping

from magicpak.bundle.path import BundlePath
from magicpak.errors import NotInBundle
from magicpak.reports.document import Document, ReportEntry
from magicpak.reports.entries import Entries
from magicpak.text import count_noun, list_names, printable

_MAX_REQUESTERS = 20
_MAX_ENTRIES = 100  # with one name; each has a chain of reasons


class Why:
    """Answers for one document; `exclude_flag` returns the `--exclude` that removed a path of the bundle, if any."""

    def __init__(self, document: Document, exclude_flag: Callable[[str], str | None]) -> None:
        self._document = document
        self._exclude_flag = exclude_flag
        self._entries = Entries(document.entries, document.root)
        self._requesters: Mapping[str, list[str]] = _requesters(document)

    def answer(self, path: str) -> Iterator[str]:
        """Yield the lines that say why `path` is in the bundle.

        It is an absolute path in the bundle or on the host, or the last part of one, such as a file name. Raises
        NotInBundle.
        """
        entries = list(dict.fromkeys(entry for each in self._places(path) for entry in self._entries_on(each)))
        if not entries:
            raise NotInBundle(path, self._absence(path))
        for entry in entries[:_MAX_ENTRIES]:
            yield from self._reasons(entry)
        if len(entries) > _MAX_ENTRIES:
            yield f"and {count_noun(len(entries) - _MAX_ENTRIES, 'more entry')} of that name"

    def _places(self, path: str) -> list[str]:
        """Return the paths of the bundle that `path` stands for."""
        if not path.startswith("/"):
            return [each.path for each in self._entries if each.path.endswith(f"/{path}")]
        place = BundlePath(path)
        sources = (place, self._entries.source_at(place))
        return [place] if self._entries_on(place) else [each.path for each in self._entries if each.source in sources]

    def _entries_on(self, path: str) -> list[ReportEntry]:
        """Return the links on the way to `path`, and the entry that it leads to; none if it is not in the bundle."""
        links, end = self._entries.walk(path)
        entry = self._entries.get(end) if end is not None else None
        if entry is not None:
            return [*links, entry]
        is_link = self._entries.get(path) is not None  # which leads nowhere
        return links if end is None or is_link else []

    def _reasons(self, entry: ReportEntry) -> Iterator[str]:
        details = f" (link to {printable(entry.target)})" if entry.target is not None else ""
        details = f" ({entry.size_in_words})" if entry.type == "file" else details
        yield f"{printable(entry.path)}{details}: {entry.reason}"
        for requester in self._entries.chain(entry):
            yield f"  {printable(requester.path)}: {requester.reason}"
        others = [
            each
            for each in self._requesters.get(entry.path, ())
            if each != entry.asked_by and not entry.reason.endswith(f" {printable(each)}")
        ]
        if others:
            yield f"  also needed by {list_names(others, _MAX_REQUESTERS)}"

    def _absence(self, path: str) -> str:
        """Return why `path` is not in the bundle, as far as is known."""
        named = [each.path for each in self._document.excluded if BundlePath(each.path).name == path]
        flag = next(filter(None, map(self._exclude_flag, named or [path])), None)
        if flag is not None:
            return f"excluded by {flag}"
        onto = self._document.onto
        if onto is not None and path in {*onto.files, *(BundlePath(each).name for each in onto.files)}:
            return f"the base {printable(onto.name)} has it"
        for each in self._document.missing:
            if path in (each.name, BundlePath(each.name).name):
                return f"not found, needed by {', which is needed by '.join(map(printable, each.needed_by))}"
        return "nothing needs or includes it"


def _requesters(document: Document) -> dict[str, list[str]]:
    """Return for each path of an object the objects that need it."""
    requesters: dict[str, dict[str, None]] = {}
    for process in document.processes:
        for each in process.objects:
            for need in each.needs:
                if need.path is not None:
                    requesters.setdefault(need.path, {})[each.path or each.file] = None
    return {path: list(objects) for path, objects in requesters.items()}
