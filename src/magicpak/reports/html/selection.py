"""The entries that have a row of their own: of a bundle with more than a browser can show, the largest."""

from itertools import islice

from magicpak.reports.document import ReportEntry
from magicpak.reports.entries import Entries
from magicpak.reports.html.markup import anchor

MAX_STEPS = 10
"""Of a chain of reasons: more of them in each row would make the page too large."""

ROWS_SIZE = 8_000_000
"""Characters of all rows, some 20,000 ordinary ones: a browser takes seconds to lay them out."""

_ROW, _STEP = 220, 50  # characters beside the texts: of a row, and of a step of a chain of reasons


class RowSelection:
    """The entries that have a row, and the rest, in the order of the document."""

    def __init__(self, entries: Entries) -> None:
        self.entries = entries
        self._paths: set[str] = set()
        left = ROWS_SIZE
        for entry in sorted(entries, key=lambda entry: (-entry.size, entry.path)):
            left -= self._size(entry)
            if left < 0:
                break
            self._paths.add(entry.path)
        self.shown = [entry for entry in entries if entry.path in self._paths]
        self.rest = [entry for entry in entries if entry.path not in self._paths]

    def href(self, path: str) -> str | None:
        """Return the link to the row of `path`, None if it has none."""
        return f"#{anchor(path)}" if path in self._paths else None

    def steps(self, entry: ReportEntry) -> list[ReportEntry]:
        """Return the first of those that asked for `entry`, one after the other."""
        return list(islice(self.entries.chain(entry), MAX_STEPS))

    def _size(self, entry: ReportEntry) -> int:
        """Return about how many characters the row of `entry` has: most texts are in it as words and in a link."""
        texts = (entry.path, self.entries.other_source(entry) or "", entry.target or "", entry.reason)
        steps = sum(_STEP + 2 * len(step.reason) for step in self.steps(entry))
        return _ROW + 2 * sum(map(len, texts)) + steps
