"""The report as a list: one line for each path, for grep, cut and sort."""

from collections.abc import Iterator

from magicpak.reports.document import Document
from magicpak.text import printable


def listing(document: Document) -> Iterator[str]:
    """Yield a line for each path: the path, its size in bytes and the reason, parted by tabs; a directory ends in /."""
    for entry in document.entries:
        mark = "/" if entry.type == "directory" else ""
        yield f"{printable(entry.path)}{mark}\t{entry.size}\t{entry.reason}"
