"""docs/needs.md: the table of names is generated from that of `--with`, the rest is written by hand."""

import re

from manual.tables import own_rows

_HEAD = "| name | what it adds |\n|---|---|\n"


def page(now: str) -> str:
    """Return the new text of docs/needs.md, whose current text is `now`."""
    rows = "".join(f"| `{row.usage}` | {row.summary} |\n" for row in own_rows().values())
    return re.sub(re.escape(_HEAD) + r"(?:\|.*\n)*", lambda _: _HEAD + rows, now)
