"""The report as JSON, for programs: `docs/report.schema.json`."""

import json
from collections.abc import Iterator
from typing import Any

from magicpak.reports.document import Document


def json_text(document: Document) -> Iterator[str]:
    """Yield the lines of the JSON text, in ASCII: each element of a list of the document is on a line of its own."""
    yield "{"
    names = document._fields
    for name, value in zip(names, document, strict=True):
        end = "" if name is names[-1] else ","
        plain = _plain(value)
        if isinstance(plain, list) and plain:
            yield f'"{name}": ['
            yield ",\n".join(map(json.dumps, plain))  # without indent the encoder is in C
            yield f"]{end}"
        else:
            yield f'"{name}": {json.dumps(plain)}{end}'
    yield "}"


def _plain(value: object) -> Any:  # noqa: ANN401 - what json.dumps takes
    """Return a value of the document with a mapping in the place of each tuple that has names."""
    if not isinstance(value, tuple):
        return value
    plain = [_plain(each) for each in value]
    fields = getattr(value, "_fields", None)
    return dict(zip(fields, plain, strict=True)) if fields else plain
