"""The report for other programs: as lines for grep, cut and sort, and as JSON (`docs/report.schema.json`)."""

import json
from collections.abc import Iterator
from typing import Any

from magicpak.reports.document import Document
from magicpak.text import printable


def listing(document: Document) -> Iterator[str]:
    """Yield a line for each path: path, size in bytes and reason, separated by tabs; a directory ends in /."""
    for entry in document.entries:
        slash = "/" if entry.type == "directory" else ""
        yield f"{printable(entry.path)}{slash}\t{entry.size}\t{entry.reason}"


def json_text(document: Document) -> Iterator[str]:
    """Yield the lines of the JSON text, in ASCII, with each element of the document's lists on a line of its own."""
    yield "{"
    names = document._fields
    for name, value in zip(names, document, strict=True):
        comma = "" if name is names[-1] else ","
        content = plain(value)
        if isinstance(content, list) and content:
            yield f'"{name}": ['
            yield ",\n".join(map(json.dumps, content))  # without indent the encoder is in C
            yield f"]{comma}"
        else:
            yield f'"{name}": {json.dumps(content)}{comma}'
    yield "}"


def plain(value: object) -> Any:  # noqa: ANN401 - what json.dumps takes
    """Return a value of the document with a dict for each named tuple; `_` ends a keyword."""
    if not isinstance(value, tuple):
        return value
    parts = [plain(each) for each in value]
    fields = getattr(value, "_fields", None)
    return dict(zip([name.rstrip("_") for name in fields], parts, strict=True)) if fields else parts
